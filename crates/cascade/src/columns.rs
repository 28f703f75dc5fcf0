//! Layers of decoders on samples in columns: numbers between layers lie as [`Axes::UnitPixelSample`] has them, where
//! convolutions need no other order; see [`Convolution`](isobath_tensor::Convolution).

use isobath_network::ForwardBackend;
use isobath_tensor::{Axes, Backend, GemmConfig, Precision};

use crate::{DecoderKind, Result, decoder_layer::DecoderLayerSpec, device_decoder::DeviceDecoder};

/// Samples in columns, and the precision of products with them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns {
    pub(crate) samples: usize,
    pub(crate) precision: Precision,
}

/// Buffers of one layer's forward pass, each `[numbers, samples]`.
#[derive(Debug)]
pub(crate) struct LayerMemory<B: Backend> {
    /// Its input, where it is folded.
    pub(crate) folded: B::Buffer<f32>,
    /// The sums before the function.
    pub(crate) z: B::Buffer<f32>,
    /// The output.
    pub(crate) y: B::Buffer<f32>,
}

impl DecoderLayerSpec {
    /// `y = phi(V x + c)` for `x` `[inputs, samples]` and `parameters` `V`, `c`. `patches` is as long as
    /// [`scratch`](isobath_tensor::Convolution::scratch) says.
    ///
    /// # Errors
    /// When the device fails.
    pub(crate) fn forward<B: ForwardBackend>(
        &self,
        backend: &B,
        columns: Columns,
        parameters: [&B::Buffer<f32>; 2],
        x: &B::Buffer<f32>,
        LayerMemory { folded, z, y }: &mut LayerMemory<B>,
        patches: &mut B::Buffer<f32>,
    ) -> Result<()> {
        let Columns { samples, precision } = columns;
        match self.kind {
            DecoderKind::Dense { inputs, outputs } => {
                let product = GemmConfig::new(outputs, samples, inputs).precision(precision);
                backend.gemm(product, parameters[0], x, z)?;
                let shape = [outputs, samples];
                Ok(backend.activate(self.activation, shape, parameters[1], z, y)?)
            }
            DecoderKind::ConvTranspose2d(conv) => {
                let fold = conv.fold(samples, Axes::UnitPixelSample);
                if let Some(fold) = &fold {
                    backend.patches_adjoint(fold, x, folded)?;
                }
                let x = if fold.is_some() { &*folded } else { x };
                let config = conv.convolution(samples, precision);
                let phi = self.activation;
                Ok(backend.convolve_and_activate(&config, phi, parameters, x, [z, y], patches)?)
            }
        }
    }
}

/// Memory that decoders use in turn; it grows with the largest.
#[derive(Debug)]
pub(crate) struct DecodingMemory<B: Backend> {
    layer: LayerMemory<B>,
    patches: B::Buffer<f32>,
}

impl<B: ForwardBackend> DecodingMemory<B> {
    /// No memory yet.
    ///
    /// # Errors
    /// When the device fails.
    pub(crate) fn new(backend: &B) -> Result<Self> {
        let nothing = || backend.zeros(0);
        let layer = LayerMemory { folded: nothing()?, z: nothing()?, y: nothing()? };
        Ok(Self { layer, patches: nothing()? })
    }

    /// Makes room for a layer on `samples` samples.
    fn make_room(&mut self, backend: &B, kind: DecoderKind, samples: usize) -> Result<()> {
        let Self { layer: LayerMemory { folded, z, y }, patches } = self;
        let outputs = samples * kind.outputs();
        let (of_fold, of_patches) = match kind {
            DecoderKind::Dense { .. } => (0, 0),
            DecoderKind::ConvTranspose2d(conv) => (
                samples * conv.fold_memory(),
                backend.scratch(&conv.convolution(samples, Precision::F32)),
            ),
        };
        for (buffer, numbers) in
            [(folded, of_fold), (z, outputs), (y, outputs), (patches, of_patches)]
        {
            if backend.len(buffer) < numbers {
                *buffer = backend.zeros(numbers)?;
            }
        }
        Ok(())
    }
}

impl<B: ForwardBackend> DeviceDecoder<B> {
    /// Replaces `x`, `[inputs, samples]`, by `g(x)`, `[outputs, samples]`, in f32.
    ///
    /// # Errors
    /// When the device fails.
    pub(crate) fn apply_to_columns(
        &self,
        samples: usize,
        x: &mut B::Buffer<f32>,
        memory: &mut DecodingMemory<B>,
    ) -> Result<()> {
        let columns = Columns { samples, precision: Precision::F32 };
        for layer in &self.layers {
            memory.make_room(&self.backend, layer.spec.kind, samples)?;
            let DecodingMemory { layer: outputs, patches } = memory;
            let parameters = [&layer.weights, &layer.bias];
            layer.spec.forward(&self.backend, columns, parameters, x, outputs, patches)?;
            std::mem::swap(x, &mut outputs.y);
        }
        Ok(())
    }
}
