use isobath_network::ForwardBackend;
use isobath_tensor::{Axes, Backend, DenseConfig, Precision};

use crate::{
    ConvTranspose2d, Decoder, DecoderKind, Result, conv_transpose::reordered,
    decoder_layer::DecoderLayerSpec,
};

/// The decoder of one layer of the network in the memory of its backend.
#[derive(Debug)]
pub(crate) struct DeviceDecoder<B: Backend> {
    /// Backend of the buffers.
    pub(crate) backend: B,
    /// The layers, in the order in which they are applied.
    pub(crate) layers: Vec<DeviceDecoderLayer<B>>,
}

/// One layer of a decoder in the memory of its backend.
#[derive(Debug)]
pub(crate) struct DeviceDecoderLayer<B: Backend> {
    pub(crate) spec: DecoderLayerSpec,
    /// `[units, inputs]` as [`DecoderKind::matrix`] has them, row-major.
    pub(crate) weights: B::Buffer<f32>,
    /// `[units]`
    pub(crate) bias: B::Buffer<f32>,
}

/// Numbers of patches that are made at a time where no minibatch sets their number.
pub(crate) const CHUNK: usize = 1 << 22;

impl<B: Backend> DeviceDecoder<B> {
    /// A decoder of one layer.
    pub(crate) fn single(
        backend: &B,
        spec: DecoderLayerSpec,
        weights: B::Buffer<f32>,
        bias: B::Buffer<f32>,
    ) -> Self {
        let layers = vec![DeviceDecoderLayer { spec, weights, bias }];
        Self { backend: backend.clone(), layers }
    }

    /// A copy of `decoder`.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub(crate) fn upload(backend: &B, decoder: &Decoder) -> Result<Self> {
        let layers = decoder.layers.iter().zip(decoder.specs()).map(|(layer, spec)| {
            Ok(DeviceDecoderLayer {
                spec,
                weights: backend.upload(&spec.kind.to_matrix(&layer.weights))?,
                bias: backend.upload(&layer.bias)?,
            })
        });
        Ok(Self { backend: backend.clone(), layers: layers.collect::<Result<_>>()? })
    }

    /// Copies of layers' weights and biases.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub(crate) fn copied<'l>(
        backend: &B,
        layers: impl IntoIterator<Item = (DecoderLayerSpec, &'l B::Buffer<f32>, &'l B::Buffer<f32>)>,
    ) -> Result<Self>
    where
        B: 'l,
    {
        let copy = |source, size| {
            let mut copy = backend.zeros(size)?;
            backend.copy(source, 0..size, &mut copy, 0)?;
            Ok::<_, crate::Error>(copy)
        };
        let layers = layers.into_iter().map(|(spec, weights, bias)| {
            let [units, inputs] = spec.kind.matrix();
            let (weights, bias) = (copy(weights, units * inputs)?, copy(bias, units)?);
            Ok(DeviceDecoderLayer { spec, weights, bias })
        });
        Ok(Self { backend: backend.clone(), layers: layers.collect::<Result<_>>()? })
    }

    /// A copy in host memory.
    ///
    /// # Errors
    /// When the device fails.
    pub(crate) fn download(&self) -> Result<Decoder> {
        let layers = self.layers.iter().map(|DeviceDecoderLayer { spec, weights, bias }| {
            let [units, inputs] = spec.kind.matrix();
            let weights = self.backend.read(weights, 0..units * inputs)?;
            Ok(spec.with_parameters(weights, self.backend.read(bias, 0..units)?))
        });
        Ok(Decoder { layers: layers.collect::<Result<_>>()? })
    }

    /// Numbers of what is decoded, per sample.
    pub(crate) fn inputs(&self) -> usize {
        self.layers[0].spec.kind.inputs()
    }

    /// Numbers of what comes out, per sample.
    pub(crate) fn outputs(&self) -> usize {
        self.layers[self.layers.len() - 1].spec.kind.outputs()
    }

    /// Bytes of its numbers.
    pub(crate) fn bytes(&self) -> usize {
        let numbers = |layer: &DeviceDecoderLayer<B>| {
            let [units, inputs] = layer.spec.kind.matrix();
            units * (inputs + 1)
        };
        self.layers.iter().map(numbers).sum::<usize>() * size_of::<f32>()
    }
}

impl<B: ForwardBackend> DeviceDecoder<B> {
    /// `y = g(x)` for `samples` samples: `x` `[samples, inputs]`, `y` `[samples, outputs]`.
    ///
    /// # Errors
    /// When the device fails.
    pub(crate) fn apply(
        &self,
        samples: usize,
        x: &B::Buffer<f32>,
        y: &mut B::Buffer<f32>,
    ) -> Result<()> {
        let (last, others) = self.layers.split_last().expect("a decoder has layers");
        let mut between = None;
        for layer in others {
            let mut next = self.backend.zeros(samples * layer.spec.kind.outputs())?;
            layer.apply(&self.backend, samples, between.as_ref().unwrap_or(x), &mut next)?;
            between = Some(next);
        }
        last.apply(&self.backend, samples, between.as_ref().unwrap_or(x), y)
    }
}

impl DecoderLayerSpec {
    /// The dense layer that it is on each of its `rows`, in f32.
    pub(crate) const fn config(&self, rows: usize) -> DenseConfig {
        let ([outputs, inputs], activation) = (self.kind.matrix(), self.activation);
        DenseConfig { rows, inputs, outputs, activation, precision: Precision::F32 }
    }
}

impl<B: ForwardBackend> DeviceDecoderLayer<B> {
    /// `y = phi(V x + c)` for `samples` samples.
    fn apply(
        &self,
        backend: &B,
        samples: usize,
        x: &B::Buffer<f32>,
        y: &mut B::Buffer<f32>,
    ) -> Result<()> {
        match &self.spec.kind {
            DecoderKind::Dense { .. } => {
                Ok(backend.dense(self.spec.config(samples), x, &self.weights, &self.bias, y)?)
            }
            DecoderKind::ConvTranspose2d(conv) => {
                self.apply_to_patches(backend, conv, samples, x, y)
            }
        }
    }

    fn apply_to_patches(
        &self,
        backend: &B,
        conv: &ConvTranspose2d,
        samples: usize,
        x: &B::Buffer<f32>,
        y: &mut B::Buffer<f32>,
    ) -> Result<()> {
        let (pixels, numbers) = (conv.output.pixels(), conv.output.numbers());
        let chunk = (CHUNK / (conv.patch() * pixels)).clamp(1, samples);
        let mut patches = Patches::new(backend, std::iter::once(conv), chunk)?;
        let mut part = backend.zeros(chunk * conv.input.numbers())?;
        let mut rows = backend.zeros(chunk * numbers)?;
        let mut part_y = backend.zeros(chunk * numbers)?;
        for start in (0..samples).step_by(chunk) {
            let count = chunk.min(samples - start);
            let range = start * conv.input.numbers()..(start + count) * conv.input.numbers();
            backend.copy(x, range, &mut part, 0)?;
            patches.fill(backend, conv, count, &part)?;
            let config = self.spec.config(count * pixels);
            backend.dense(config, &patches.rows, &self.weights, &self.bias, &mut rows)?;
            let axes = [Axes::SamplePixelUnit, Axes::SampleUnitPixel];
            backend.patches(&reordered(conv.output, count, axes), &rows, &mut part_y)?;
            backend.copy(&part_y, 0..count * numbers, y, start * numbers)?;
        }
        Ok(())
    }
}

/// Patches that transposed convolutions read, one row for each pixel that they write.
#[derive(Debug)]
pub(crate) struct Patches<B: Backend> {
    folded: B::Buffer<f32>,
    /// `[samples, pixels, patch]`
    pub(crate) rows: B::Buffer<f32>,
}

impl<B: ForwardBackend> Patches<B> {
    /// Memory for up to `samples` samples of each of `convs`.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub(crate) fn new<'c>(
        backend: &B,
        convs: impl Iterator<Item = &'c ConvTranspose2d> + Clone,
        samples: usize,
    ) -> Result<Self> {
        let axes = Axes::SampleUnitPixel;
        let folding = convs.clone().filter(|conv| conv.fold(samples, axes).is_some());
        let folded = folding.map(ConvTranspose2d::folded).max().unwrap_or(0);
        let rows = convs.map(|conv| conv.output.pixels() * conv.patch()).max().unwrap_or(0);
        Ok(Self { folded: backend.zeros(samples * folded)?, rows: backend.zeros(samples * rows)? })
    }

    /// Makes [`rows`](Self::rows) the patches of `conv` in the first `samples` samples of `x`, `[samples, inputs]`.
    ///
    /// # Errors
    /// When the device fails.
    pub(crate) fn fill(
        &mut self,
        backend: &B,
        conv: &ConvTranspose2d,
        samples: usize,
        x: &B::Buffer<f32>,
    ) -> Result<()> {
        let axes = Axes::SampleUnitPixel;
        let config = conv.patches(samples, [axes, Axes::SamplePixelUnit]);
        let Some(fold) = conv.fold(samples, axes) else {
            return Ok(backend.patches(&config, x, &mut self.rows)?);
        };
        backend.patches_adjoint(&fold, x, &mut self.folded)?;
        Ok(backend.patches(&config, &self.folded, &mut self.rows)?)
    }
}
