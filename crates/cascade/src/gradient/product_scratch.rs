//! Memory of the training of transposed convolutions by matrix products.

use isobath_architecture::{Boundary, Shape};
use isobath_tensor::Backend;

use crate::{
    CascadeBackend, ConvTranspose2d, DecoderKind, Result, decoder_layer::DecoderLayerSpec,
};

/// Numbers of a block's patches, if it has more than one sample.
const BLOCK: usize = 1 << 18;

/// Memory that the training of all decoders of a segment uses in turn.
pub(super) struct ProductScratch<B: Backend> {
    /// One for each layer of a decoder.
    pub(super) layers: Vec<LayerScratch<B>>,
    pub(super) h: B::Buffer<f32>,
    /// `[samples, channels, pixels]` and `[samples, pixels, channels]`
    pub(super) target: [B::Buffer<f32>; 2],
    /// Derivatives with respect to a layer's output and to its patches.
    pub(super) delta: B::Buffer<f32>,
    pub(super) patch_delta: B::Buffer<f32>,
    pub(super) folded: B::Buffer<f32>,
    /// A block's share of a bias gradient.
    pub(super) bias_gradient: B::Buffer<f32>,
    /// The weight gradient of a last layer, `[channels, patch]`.
    pub(super) transposed: B::Buffer<f32>,
    /// The number 1.
    pub(super) one: B::Buffer<f32>,
}

/// Memory of one layer.
pub(super) struct LayerScratch<B: Backend> {
    pub(super) patches: B::Buffer<f32>,
    /// `W patches + b`, but for the last layer.
    pub(super) z: B::Buffer<f32>,
    /// `phi(z)`, but for the last layer.
    pub(super) y: B::Buffer<f32>,
    /// `[channels, patch]`, transposed for the last layer.
    pub(super) weight_gradient: B::Buffer<f32>,
    pub(super) bias_gradient: B::Buffer<f32>,
}

/// A dense layer is a transposed convolution of one pixel.
pub(super) const fn convolution(kind: DecoderKind) -> ConvTranspose2d {
    match kind {
        DecoderKind::ConvTranspose2d(conv) => conv,
        DecoderKind::Dense { inputs, outputs } => ConvTranspose2d {
            input: Shape::flat(inputs),
            output: Shape::flat(outputs),
            kernel: [1, 1],
            stride: [1, 1],
            start: [0, 0],
            boundary: Boundary::Zero,
        },
    }
}

/// Numbers of the patches of a sample.
const fn patches(conv: &ConvTranspose2d) -> usize {
    conv.output.pixels() * conv.patch()
}

/// Samples of a block out of `samples`. It depends on the decoder's shape alone, or the others of a segment would decide on
/// the last bits.
pub(super) fn block<'l>(
    decoder: impl Iterator<Item = &'l DecoderLayerSpec>,
    samples: usize,
) -> usize {
    let largest = decoder.map(|layer| patches(&convolution(layer.kind))).max();
    (BLOCK / largest.unwrap_or(1)).clamp(1, samples)
}

/// Numbers in the memory of the training of a decoder on minibatches of `batch` samples.
pub(crate) fn numbers(decoder: &[DecoderLayerSpec], batch: usize) -> u64 {
    let block = block(decoder.iter(), batch) as u64;
    let layer = |layer: &DecoderLayerSpec| {
        let conv = convolution(layer.kind);
        let each = patches(&conv) + conv.input.numbers() + 4 * conv.output.numbers();
        block * each as u64 + 2 * layer.kind.weights() as u64
    };
    decoder.iter().map(layer).sum::<u64>() * if decoder.len() > 1 { 2 } else { 1 }
}

impl<B: CascadeBackend> ProductScratch<B> {
    /// Memory for minibatches of up to `batch` samples.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub(super) fn new<'d>(
        backend: &B,
        decoders: impl Iterator<Item = &'d [DecoderLayerSpec]> + Clone,
        batch: usize,
    ) -> Result<Self> {
        // The largest of a number for each layer at `place`, or at any, times the samples of its block.
        let most = |size: &dyn Fn(&ConvTranspose2d) -> usize, place: Option<usize>| {
            let sizes = decoders.clone().flat_map(|decoder| {
                let layers = decoder.iter().enumerate();
                let layers = layers.filter(|(number, _)| place.is_none_or(|p| p == *number));
                layers
                    .map(|(_, layer)| block(decoder.iter(), batch) * size(&convolution(layer.kind)))
            });
            sizes.max().unwrap_or(0)
        };
        let input = |conv: &ConvTranspose2d| conv.input.numbers();
        let output = |conv: &ConvTranspose2d| conv.output.numbers();
        let depth = decoders.clone().map(<[_]>::len).max().unwrap_or(0);
        let layer = |place| {
            let kinds = decoders.clone().filter_map(|decoder| decoder.get(place));
            let matrices = kinds.map(|layer: &DecoderLayerSpec| layer.kind.matrix());
            let weights = matrices.clone().map(|[units, inputs]| units * inputs).max();
            // Only layers before the last one keep their output.
            let outputs = if depth > 1 { most(&output, Some(place)) } else { 0 };
            Ok(LayerScratch {
                patches: backend.zeros(most(&patches, Some(place)))?,
                z: backend.zeros(outputs)?,
                y: backend.zeros(outputs)?,
                weight_gradient: backend.zeros(weights.unwrap_or(0))?,
                bias_gradient: backend
                    .zeros(matrices.map(|[units, _]| units).max().unwrap_or(0))?,
            })
        };
        let layers = (0..depth).map(layer).collect::<Result<Vec<_>>>()?;
        let units = layers.iter().map(|layer| backend.len(&layer.bias_gradient)).max();
        let weights = layers.iter().map(|layer| backend.len(&layer.weight_gradient)).max();
        Ok(Self {
            layers,
            h: backend.zeros(most(&input, Some(0)))?,
            target: [backend.zeros(most(&output, None))?, backend.zeros(most(&output, None))?],
            delta: backend.zeros(most(&output, None))?,
            patch_delta: backend.zeros(if depth > 1 { most(&patches, None) } else { 0 })?,
            folded: backend.zeros(most(&ConvTranspose2d::folded, None))?,
            bias_gradient: backend.zeros(units.unwrap_or(0))?,
            transposed: backend.zeros(weights.unwrap_or(0))?,
            one: backend.upload(&[1.0])?,
        })
    }
}
