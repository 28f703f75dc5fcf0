//! Memory of one layer.

use isobath_architecture::{DenseLayer, Layer, ResidualLayer};

/// Numbers that one layer holds or works with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LayerSize {
    /// Input, per sample.
    pub(crate) inputs: usize,
    /// Output, per sample.
    pub(crate) outputs: usize,
    /// Weights and biases.
    pub(crate) parameters: usize,
    /// Units of the decoder that one sample's position keeps busy.
    pub(crate) decoder_units: usize,
    /// Patches of convolutions, per sample of a minibatch.
    pub(crate) patches: usize,
    /// Values inside a residual branch that the backward pass needs, per sample of a minibatch.
    pub(crate) inner: usize,
}

impl LayerSize {
    pub(crate) fn of(layer: &Layer) -> Self {
        let own = Self {
            inputs: layer.inputs(),
            outputs: layer.outputs(),
            parameters: layer.parameters(),
            ..Self::default()
        };
        match layer {
            Layer::Dense(DenseLayer { inputs, .. }) => Self { decoder_units: *inputs, ..own },
            Layer::Conv2d(conv) => {
                let patches = conv.fan_in() * conv.product().pixels();
                // The decoder is a transposed convolution, whose patches hold every output's window.
                let back = conv.fan_out() * conv.input.pixels();
                Self { decoder_units: conv.input.channels, patches: patches.max(back), ..own }
            }
            Layer::Pool(pool) => {
                Self { decoder_units: pool.input.channels, patches: own.inputs, ..own }
            }
            Layer::Residual(block) => of_block(block, own),
        }
    }
}

/// Side of the kernel that decodes a residual block of convolutions.
const BLOCK_KERNEL: usize = 5;

fn of_block(block: &ResidualLayer, own: LayerSize) -> LayerSize {
    let branch: Vec<LayerSize> = block.branch.iter().map(LayerSize::of).collect();
    let shape = block.shape();
    let channels = shape.channels;
    let window = if shape.is_flat() { 1 } else { BLOCK_KERNEL * BLOCK_KERNEL };
    let decoder_patches = if shape.is_flat() { 0 } else { window * shape.numbers() };
    LayerSize {
        decoder_units: channels,
        patches: branch.iter().map(|layer| layer.patches).max().unwrap_or(0).max(decoder_patches),
        inner: 2 * branch.iter().map(|layer| layer.outputs + layer.inner).sum::<usize>()
            + own.inputs,
        ..own
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_architecture::{Activation, Conv2dLayer, PoolKind, PoolLayer, Shape, Window};

    #[test]
    fn convolutions_share_their_weights_over_positions() {
        let image = Shape::new(4, 8, 8);
        let conv = Conv2dLayer::new(image, 4, Window::square(3, 1, 1), Activation::Tanh);
        let size = LayerSize::of(&Layer::Conv2d(conv));
        assert_eq!((size.inputs, size.outputs, size.parameters), (256, 256, 148));
        assert_eq!((size.decoder_units, size.patches), (4, 36 * 64));
        let branch = vec![Layer::Conv2d(conv); 2];
        let block = ResidualLayer { before: None, branch, after: None };
        let block = LayerSize::of(&Layer::Residual(block));
        assert_eq!((block.parameters, block.inner), (296, 2 * 512 + 256));
        let pool = LayerSize::of(&Layer::Pool(PoolLayer::new(image, PoolKind::Max, 2)));
        assert_eq!((pool.outputs, pool.parameters, pool.decoder_units), (64, 0, 4));
    }
}
