//! Linear decoders composed into one: a product for each layer in place of a chain from each depth.

use isobath_architecture::{Activation, Layer};
use isobath_network::ForwardBackend;
use isobath_tensor::{Axes, Backend, GemmConfig};
use ndarray::Array2;

use crate::{
    ConvTranspose2d, DecoderKind, Result,
    conv_transpose::reordered,
    decoder_layer::DecoderLayerSpec,
    device_decoder::{CHUNK, DeviceDecoder, DeviceDecoderLayer},
    segment::{is_dense, widest},
};

/// Most numbers of a composed decoder of layers that are not all dense; a chain takes less memory.
const LARGEST: usize = 1 << 26;

/// True if the linear decoders of `layers` are to be composed.
pub(crate) fn fits(layers: &[Layer]) -> bool {
    let inputs = layers.first().map_or(0, Layer::inputs);
    is_dense(layers) || inputs.saturating_mul(widest(layers)) <= LARGEST
}

/// The decoders of the first layers as one linear decoder to the input.
pub(crate) struct Composed<B: Backend> {
    whole: Option<Affine<B>>,
}

/// A linear decoder `A h + a`.
struct Affine<B: Backend> {
    inputs: usize,
    outputs: usize,
    /// `A`, `[outputs, inputs]`.
    weights: B::Buffer<f32>,
    /// `a`, `[outputs]`.
    bias: B::Buffer<f32>,
}

impl<B: ForwardBackend> Composed<B> {
    /// No decoder yet.
    pub(crate) const fn new() -> Self {
        Self { whole: None }
    }

    /// Adds the next layer's linear decoder and reconstructs the input from that layer's activations, `[rows, w_l]`.
    ///
    /// # Errors
    /// When the device fails.
    pub(crate) fn push(
        &mut self,
        decoder: &DeviceDecoder<B>,
        activations: &B::Buffer<f32>,
        rows: usize,
    ) -> Result<Array2<f32>> {
        let backend = &decoder.backend;
        // The layer that is applied last is the one next to the decoders so far.
        for layer in decoder.layers.iter().rev() {
            let whole = match self.whole.take() {
                None => Affine::first(backend, layer)?,
                Some(whole) => whole.after(backend, layer)?,
            };
            self.whole = Some(whole);
        }
        let whole = self.whole.as_ref().expect("a decoder has layers");
        let outputs = whole.outputs;
        let mut reconstruction = backend.zeros(rows * outputs)?;
        whole.apply(backend, rows, activations, &mut reconstruction)?;
        let numbers = backend.download(&reconstruction)?;
        Ok(Array2::from_shape_fn((rows, outputs), |(i, j)| numbers[i * outputs + j]))
    }
}

impl<B: ForwardBackend> Affine<B> {
    /// The map of the first layer.
    fn first(backend: &B, layer: &DeviceDecoderLayer<B>) -> Result<Self> {
        let (inputs, outputs) = (layer.spec.kind.inputs(), layer.spec.kind.outputs());
        if let DecoderKind::Dense { .. } = layer.spec.kind {
            let (mut weights, mut bias) =
                (backend.zeros(outputs * inputs)?, backend.zeros(outputs)?);
            backend.copy(&layer.weights, 0..outputs * inputs, &mut weights, 0)?;
            backend.copy(&layer.bias, 0..outputs, &mut bias, 0)?;
            return Ok(Self { inputs, outputs, weights, bias });
        }
        let mut identity = vec![0.0; outputs * outputs];
        identity.iter_mut().step_by(outputs + 1).for_each(|number| *number = 1.0);
        let (weights, bias) = (backend.upload(&identity)?, backend.zeros(outputs)?);
        Self { inputs: outputs, outputs, weights, bias }.after(backend, layer)
    }

    /// This map after `first`: `A (V h + c) + a = (A V) h + (A c + a)`.
    fn after(&self, backend: &B, first: &DeviceDecoderLayer<B>) -> Result<Self> {
        let (inputs, outputs) = (first.spec.kind.inputs(), self.outputs);
        let (mut weights, mut bias) = (backend.zeros(outputs * inputs)?, backend.zeros(outputs)?);
        match &first.spec.kind {
            DecoderKind::Dense { .. } => {
                let product = GemmConfig::new(outputs, inputs, self.inputs);
                backend.gemm(product, &self.weights, &first.weights, &mut weights)?;
                self.apply(backend, 1, &first.bias, &mut bias)?;
            }
            DecoderKind::ConvTranspose2d(conv) => {
                first.adjoint(backend, conv, outputs, &self.weights, &mut weights)?;
                let image = backend.read(&first.bias, 0..conv.output.channels)?;
                let pixels = conv.output.pixels();
                let image = image.iter().flat_map(|&bias| std::iter::repeat_n(bias, pixels));
                let image = backend.upload(&image.collect::<Vec<f32>>())?;
                self.apply(backend, 1, &image, &mut bias)?;
            }
        }
        Ok(Self { inputs, outputs, weights, bias })
    }

    /// `y = A x + a` for `rows` samples.
    fn apply(
        &self,
        backend: &B,
        rows: usize,
        x: &B::Buffer<f32>,
        y: &mut B::Buffer<f32>,
    ) -> Result<()> {
        let kind = DecoderKind::Dense { inputs: self.inputs, outputs: self.outputs };
        let config = DecoderLayerSpec { kind, activation: Activation::Linear }.config(rows);
        Ok(backend.dense(config, x, &self.weights, &self.bias, y)?)
    }
}

impl<B: ForwardBackend> DeviceDecoderLayer<B> {
    /// Adjoint of a transposed convolution `V` on each of `rows` rows: `y = V^T x` for `x` `[rows, outputs]`, `y`
    /// `[rows, inputs]`.
    fn adjoint(
        &self,
        backend: &B,
        conv: &ConvTranspose2d,
        rows: usize,
        x: &B::Buffer<f32>,
        y: &mut B::Buffer<f32>,
    ) -> Result<()> {
        let [outputs, inputs] = [conv.output, conv.input].map(|shape| shape.numbers());
        let (pixels, patch) = (conv.output.pixels(), conv.patch());
        let chunk = (CHUNK / (patch * pixels)).clamp(1, rows);
        let mut part = backend.zeros(chunk * outputs)?;
        let mut by_pixel = backend.zeros(chunk * outputs)?;
        let mut patches = backend.zeros(chunk * pixels * patch)?;
        let mut folded = backend.zeros(chunk * conv.folded())?;
        let mut unfolded = backend.zeros(chunk * inputs)?;
        let [by_channel, by_row] = [Axes::SampleUnitPixel, Axes::SamplePixelUnit];
        for start in (0..rows).step_by(chunk) {
            let count = chunk.min(rows - start);
            backend.copy(x, start * outputs..(start + count) * outputs, &mut part, 0)?;
            let order = reordered(conv.output, count, [by_channel, by_row]);
            backend.patches(&order, &part, &mut by_pixel)?;
            let product = GemmConfig::new(count * pixels, patch, conv.output.channels);
            backend.gemm(product, &by_pixel, &self.weights, &mut patches)?;
            let config = conv.patches(count, [by_channel, by_row]);
            backend.patches_adjoint(&config, &patches, &mut folded)?;
            let part_y = match conv.fold(count, by_channel) {
                None => &folded,
                Some(fold) => {
                    backend.patches(&fold, &folded, &mut unfolded)?;
                    &unfolded
                }
            };
            backend.copy(part_y, 0..count * inputs, y, start * inputs)?;
        }
        Ok(())
    }
}

/// Floating-point operations of composing decoders of `layers`, each with its layers' kinds, and reconstructing `samples`
/// inputs from each.
pub(crate) fn flops(layers: &[Layer], decoders: &[Vec<DecoderLayerSpec>], samples: u64) -> u64 {
    let outputs = layers.first().map_or(0, |layer| layer.inputs() as u64);
    let products = |decoder: &Vec<DecoderLayerSpec>| {
        decoder.iter().map(|layer| layer.kind.products()).sum::<u64>()
    };
    let composing = |(index, decoder): (usize, &Vec<DecoderLayerSpec>)| {
        // The first dense decoder is copied; the row of a transposed convolution's output is a row of the whole one.
        let is_copied = index == 0
            && decoder.iter().all(|layer| matches!(layer.kind, DecoderKind::Dense { .. }));
        if is_copied { 0 } else { 2 * outputs * products(decoder) }
    };
    let composing = decoders.iter().enumerate().map(composing).sum::<u64>();
    let applying = layers.iter().map(|layer| 2 * samples * outputs * layer.outputs() as u64);
    composing + applying.sum::<u64>()
}
