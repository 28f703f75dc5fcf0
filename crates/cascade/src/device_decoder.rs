use isobath_architecture::Shape;
use isobath_network::ForwardBackend;
use isobath_tensor::{Axes, Backend, DenseConfig, Precision};

use crate::{
    ConvTranspose2d, Decoder, DecoderKind, Result, columns::DecodingMemory,
    conv_transpose::reordered, decoder_layer::DecoderLayerSpec,
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

    /// True if it is one dense layer.
    pub(crate) fn is_dense(&self) -> bool {
        is_dense(self.layers.iter().map(|layer| layer.spec.kind))
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

/// True for the layers of a decoder that is one dense layer.
pub(crate) fn is_dense(mut layers: impl Iterator<Item = DecoderKind>) -> bool {
    matches!((layers.next(), layers.next()), (Some(DecoderKind::Dense { .. }), None))
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
        if let [layer @ DeviceDecoderLayer { spec, .. }] = &self.layers[..]
            && self.is_dense()
        {
            let config = spec.config(samples);
            return Ok(self.backend.dense(config, x, &layer.weights, &layer.bias, y)?);
        }
        let [rows, columns] = [Axes::SampleUnitPixel, Axes::UnitPixelSample];
        let order = |units, axes| reordered(Shape::flat(units), samples, axes);
        let mut batch = self.backend.zeros(samples * self.inputs())?;
        self.backend.patches(&order(self.inputs(), [rows, columns]), x, &mut batch)?;
        self.apply_to_columns(samples, &mut batch, &mut DecodingMemory::new(&self.backend)?)?;
        Ok(self.backend.patches(&order(self.outputs(), [columns, rows]), &batch, y)?)
    }
}

impl DecoderLayerSpec {
    /// The dense layer that it is on each of its `rows`, in f32.
    pub(crate) const fn config(&self, rows: usize) -> DenseConfig {
        let ([outputs, inputs], activation) = (self.kind.matrix(), self.activation);
        DenseConfig { rows, inputs, outputs, activation, precision: Precision::F32 }
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
