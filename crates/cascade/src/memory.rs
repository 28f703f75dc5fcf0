//! Memory of a cascade's large arrays.

use isobath_architecture::Layer;

use crate::{
    CascadeValidParams, Extent, Method,
    decoder_layer::DecoderLayerSpec,
    device_decoder::CHUNK,
    gradient::block_numbers,
    linear_error::kept_numbers,
    linear_fit::fitted_numbers,
    segment::{Segments, is_dense, widest},
};

/// Numbers (f32 values) in the large arrays of a cascade. [`peak`](Self::peak) are in memory at once, beside
/// [`decoders`](Self::decoders), of which a backend keeps as many as it can spare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CascadeNumbers {
    /// Outputs of all layers for the probe samples, which wait to be reconstructed from.
    pub probes: u64,
    /// Training of the decoders of one layer, or of one segment of layers: samples between layers, parameters and scratch
    /// memory.
    pub training: u64,
    /// Copies that lower precision of the network's products adds to `training`; convolutions copy small parts only, which
    /// do not count.
    pub forward: u64,
    /// Reconstruction from all layers.
    pub chain: u64,
    /// All decoders, also those after half of their steps.
    pub decoders: u64,
}

impl CascadeNumbers {
    /// Most numbers in memory at once without the decoders that are kept, in f32.
    pub const fn peak(&self) -> u64 {
        let work = if self.training > self.chain { self.training } else { self.chain };
        self.probes.saturating_add(work)
    }
}

impl CascadeValidParams {
    /// Numbers in the large arrays of a cascade of this extent.
    pub fn numbers(&self, extent: &Extent<'_>) -> CascadeNumbers {
        let &Extent { layers, train, probe } = extent;
        let decoders: Vec<_> = layers.iter().map(|layer| self.decoder_layers(layer)).collect();
        let samples = self.samples(train);
        let widest = widest(layers);
        let inputs = layers.first().map_or(0, Layer::inputs);
        let weights = |decoder: &Vec<DecoderLayerSpec>| {
            decoder.iter().map(|layer| layer.kind.weights() as u64).sum::<u64>()
        };
        let most_weights = decoders.iter().map(weights).max().unwrap_or(0);
        let copies = if self.params().method == Method::Ridge { 1 } else { 2 };
        let training = if is_dense(layers) {
            // A layer's input and output, its weights, and its decoder with moments, in two layouts each.
            2 * product([samples + probe, widest]) + 8 * most_weights
        } else {
            self.training_numbers(extent, &decoders)
        };
        // The chain's two batches and the reconstructions.
        let chained = product([layers.len() * probe, 2 * widest + copies as usize * inputs]);
        CascadeNumbers {
            probes: layers.iter().map(|layer| product([probe, layer.outputs()])).sum(),
            training,
            forward: if is_dense(layers) { product([samples, widest]) + most_weights } else { 0 },
            chain: chained + 3 * most_weights,
            decoders: copies * decoders.iter().map(weights).sum::<u64>(),
        }
    }

    /// Training of decoders of layers that are not all dense.
    fn training_numbers(&self, extent: &Extent<'_>, decoders: &[Vec<DecoderLayerSpec>]) -> u64 {
        let &Extent { layers, train, probe } = extent;
        let samples = self.samples(train);
        let is_ridge = self.params().method == Method::Ridge;
        let segments =
            if is_ridge { Segments::single(layers) } else { Segments::usual(layers, samples) };
        let batch = self.params().batch.min(samples);
        let of_segment = |range: &std::ops::Range<usize>| {
            let (layers, decoders) = (&layers[range.clone()], &decoders[range.clone()]);
            let parameters = layers.iter().map(|layer| layer.parameters() as u64).sum::<u64>();
            let work = if is_ridge {
                let fit =
                    |decoder: &Vec<DecoderLayerSpec>| fitted_numbers(decoder[0].kind, samples);
                decoders.iter().map(fit).max().unwrap_or(0)
            } else {
                let states = decoders.iter().flatten().map(|layer| 4 * layer.kind.weights() as u64);
                let blocks = decoders.iter().map(|decoder| block_numbers(decoder, batch)).max();
                let widest = layers.iter().map(Layer::widest).max().unwrap_or(0);
                let minibatch = product([4 * batch, widest]);
                minibatch + states.sum::<u64>() + blocks.unwrap_or(0)
            };
            parameters + work
        };
        let segment = segments.ranges.iter().map(of_segment).max().unwrap_or(0);
        let between = product([samples, segments.room[0] + segments.room[1]]);
        // Patches and rows of a pass through a convolution, or patches of the probe samples for its decoder.
        let most_patches = layers.iter().map(patches).max().unwrap_or(0);
        let pass = (2 * (CHUNK as u64).max(most_patches)).max(probe as u64 * most_patches);
        let checks = kept_numbers(layers, samples);
        between + product([2 * probe, widest(layers)]) + segment + pass + checks
    }
}

/// Patches of one sample, of the layer or of its branch's largest.
fn patches(layer: &Layer) -> u64 {
    match layer {
        Layer::Dense(_) | Layer::Pool(_) => 0,
        Layer::Conv2d(conv) => product([conv.fan_in(), conv.product().pixels()]),
        Layer::Residual(block) => block.branch.iter().map(patches).max().unwrap_or(0),
    }
}

/// Product of two counts.
pub(crate) const fn product([a, b]: [usize; 2]) -> u64 {
    (a as u64).saturating_mul(b as u64)
}

#[cfg(test)]
mod tests {
    use isobath_architecture::{
        Activation, Conv2dLayer, DenseLayer, MlpParams, Shape, WidthRule, Window,
    };

    use super::*;
    use crate::CascadeParams;

    fn numbers(params: CascadeParams, layers: &[Layer], train: usize) -> CascadeNumbers {
        params.check().unwrap().numbers(&Extent { layers, train, probe: 100 })
    }

    #[test]
    fn dense_layers_hold_input_and_output_of_all_samples() {
        let params = MlpParams::new(4, WidthRule::Fixed(50), Activation::Tanh);
        let spec = params.check(60, 10).unwrap().spec();
        let layers = &spec.layers()[..3];
        let gradient = numbers(CascadeParams::default(), layers, 1000);
        assert_eq!(gradient.probes, 100 * 150);
        assert_eq!(gradient.training, 2 * 1100 * 60 + 8 * 50 * 60);
        assert_eq!(gradient.forward, 1000 * 60 + 50 * 60);
        assert_eq!(gradient.chain, 3 * 100 * (2 * 60 + 2 * 60) + 3 * 50 * 60);
        assert_eq!(gradient.decoders, 2 * (60 * 50 + 2 * 50 * 50));
        let ridge = CascadeParams { method: Method::Ridge, ..CascadeParams::default() };
        assert_eq!(numbers(ridge, layers, 1000).decoders, 60 * 50 + 2 * 50 * 50);
    }

    /// Wide images are not kept for all samples, and no layer keeps patches of more than some of them.
    #[test]
    fn convolutions_hold_little_more_than_the_narrow_activations() {
        let mut shape = Shape::new(1, 28, 28);
        let mut layers = Vec::new();
        for index in 0..20 {
            let window = Window::square(3, if index % 10 == 0 { 2 } else { 1 }, 1);
            let conv = Conv2dLayer::new(shape, 32, window, Activation::Tanh);
            shape = conv.output();
            layers.push(Layer::Conv2d(conv));
        }
        let dense = DenseLayer { inputs: 1568, outputs: 10, activation: Activation::Tanh };
        layers.push(Layer::Dense(dense));
        let [few, many] =
            [10_000, 60_000].map(|train| numbers(CascadeParams::default(), &layers, train));
        // Images of 32 x 14 x 14 fit between layers for 10,000 samples, of 32 x 7 x 7 only for 60,000.
        let between = |samples: u64, width: u64| 2 * samples * width;
        assert!(few.training > between(10_000, 6272) && few.training < between(11_000, 6272) * 2);
        assert!(many.training < between(60_000, 1568) + few.training, "{many:?}");
        assert_eq!(few.chain, many.chain);
        let kernels = 9 * 32 + 19 * 9 * 32 * 32 + 15_680;
        assert_eq!(few.decoders, 2 * kernels);
    }
}
