//! Memory of the training of transposed convolutions.

use isobath_architecture::{Boundary, Shape};
use isobath_tensor::{Backend, Precision};

use crate::{
    CascadeBackend, ConvTranspose2d, DecoderKind, Result, columns::LayerMemory,
    decoder_layer::DecoderLayerSpec,
};

/// Memory that the training of all decoders of a segment uses in turn. Numbers of a minibatch are `[numbers, samples]`.
pub(super) struct ProductScratch<B: Backend> {
    /// One for each layer of a decoder.
    pub(super) layers: Vec<LayerScratch<B>>,
    /// Derivatives with respect to a layer's output and to its input, before and after its fold.
    pub(super) delta: B::Buffer<f32>,
    pub(super) input_delta: B::Buffer<f32>,
    pub(super) folded_delta: B::Buffer<f32>,
    /// Patches, where the backend makes them.
    pub(super) patches: B::Buffer<f32>,
    /// A zero for each sample.
    pub(super) zeros: B::Buffer<f32>,
}

/// Memory of one layer.
pub(super) struct LayerScratch<B: Backend> {
    pub(super) memory: LayerMemory<B>,
    /// `[channels, patch]`
    pub(super) weight_gradient: B::Buffer<f32>,
    /// `[channels]`
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

/// Numbers in the memory of the training of a decoder on minibatches of `batch` samples, patches included.
pub(crate) fn numbers(decoder: &[DecoderLayerSpec], batch: usize) -> u64 {
    let layers = decoder.iter().map(|layer| (convolution(layer.kind), layer.kind.weights()));
    let each = layers.clone().map(|(conv, weights)| {
        let of_sample = conv.fold_memory() + 2 * conv.output.numbers();
        (batch * of_sample) as u64 + weights as u64
    });
    let shared = layers.map(|(conv, _)| {
        let patches = conv.patch() * conv.output.pixels();
        (batch * (patches + 2 * conv.output.numbers() + conv.fold_memory())) as u64
    });
    each.sum::<u64>() + shared.max().unwrap_or(0)
}

impl<B: CascadeBackend> ProductScratch<B> {
    /// Memory for minibatches of up to `batch` samples, with factors of `precision`.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub(super) fn new<'d>(
        backend: &B,
        decoders: impl Iterator<Item = &'d [DecoderLayerSpec]> + Clone,
        batch: usize,
        precision: Precision,
    ) -> Result<Self> {
        let kinds = decoders.clone().flatten().map(|layer| convolution(layer.kind));
        let depth = decoders.clone().map(<[_]>::len).max().unwrap_or(0);
        let patches =
            kinds.clone().map(|conv| backend.scratch(&conv.convolution(batch, precision)));
        let output = kinds.clone().map(|conv| conv.output.numbers()).max().unwrap_or(0);
        let folded = kinds.map(|conv| conv.fold_memory()).max().unwrap_or(0);
        // Only layers behind the first go on to their input.
        let is_deep = usize::from(depth > 1);
        let layer = |place| LayerScratch::new(backend, decoders.clone(), place, batch);
        Ok(Self {
            layers: (0..depth).map(layer).collect::<Result<_>>()?,
            delta: backend.zeros(batch * output)?,
            input_delta: backend.zeros(is_deep * batch * output)?,
            folded_delta: backend.zeros(is_deep * batch * folded)?,
            patches: backend.zeros(patches.max().unwrap_or(0))?,
            zeros: backend.zeros(batch)?,
        })
    }
}

impl<B: CascadeBackend> LayerScratch<B> {
    /// Memory for the layers at `place` of all decoders.
    fn new<'d>(
        backend: &B,
        decoders: impl Iterator<Item = &'d [DecoderLayerSpec]> + Clone,
        place: usize,
        batch: usize,
    ) -> Result<Self> {
        let kinds = decoders.filter_map(|decoder| decoder.get(place)).map(|layer| layer.kind);
        let most = |size: &dyn Fn(DecoderKind) -> usize| kinds.clone().map(size).max().unwrap_or(0);
        let outputs = batch * most(&|kind| kind.outputs());
        Ok(Self {
            memory: LayerMemory {
                folded: backend.zeros(batch * most(&|kind| convolution(kind).fold_memory()))?,
                z: backend.zeros(outputs)?,
                y: backend.zeros(outputs)?,
            },
            weight_gradient: backend.zeros(most(&|kind| kind.weights()))?,
            bias_gradient: backend.zeros(most(&|kind| kind.matrix()[0]))?,
        })
    }
}
