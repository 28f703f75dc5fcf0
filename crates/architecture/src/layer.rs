use serde::{Deserialize, Serialize};

use crate::{Activation, Conv2dLayer, PoolLayer, ResidualLayer, Result, Shape, shape::check_size};

/// One layer, as data: a stage of the network that a decoder can undo. A layer knows the shape of what goes in and comes
/// out.
///
/// Exhaustive on purpose: each crate matches on it without a wildcard, so a new kind does not compile until all of
/// them know it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Layer {
    /// `h_l = phi(W_l h_{l-1} + b_l)`
    Dense(DenseLayer),
    /// A convolution.
    Conv2d(Conv2dLayer),
    /// The largest number or the mean of windows.
    Pool(PoolLayer),
    /// A residual block.
    Residual(ResidualLayer),
}

/// A dense layer: weights `[outputs, inputs]`, biases `[outputs]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DenseLayer {
    /// `w_{l-1}`
    pub inputs: usize,
    /// `w_l`
    pub outputs: usize,
    /// `phi`
    pub activation: Activation,
}

impl Layer {
    /// Shape of a sample that goes in.
    pub fn input_shape(&self) -> Shape {
        match self {
            Self::Dense(layer) => Shape::flat(layer.inputs),
            Self::Conv2d(layer) => layer.input,
            Self::Pool(layer) => layer.input,
            Self::Residual(layer) => layer.shape(),
        }
    }

    /// Shape of a sample that comes out.
    pub fn output_shape(&self) -> Shape {
        match self {
            Self::Dense(layer) => Shape::flat(layer.outputs),
            Self::Conv2d(layer) => layer.output(),
            Self::Pool(layer) => layer.output(),
            Self::Residual(layer) => layer.shape(),
        }
    }

    /// Numbers that go in, per sample.
    pub fn inputs(&self) -> usize {
        self.input_shape().numbers()
    }

    /// Numbers that come out, per sample.
    pub fn outputs(&self) -> usize {
        self.output_shape().numbers()
    }

    /// Most numbers of a sample on its way through: of the input, the output, or inside of a residual block.
    pub fn widest(&self) -> usize {
        let inside = match self {
            Self::Dense(_) | Self::Conv2d(_) | Self::Pool(_) => None,
            Self::Residual(layer) => layer.branch.iter().map(Self::widest).max(),
        };
        self.inputs().max(self.outputs()).max(inside.unwrap_or(0))
    }

    /// Weights and biases; the largest number for impossibly many.
    pub fn parameters(&self) -> usize {
        match self {
            Self::Dense(layer) => (layer.inputs + 1) * layer.outputs,
            Self::Conv2d(layer) => {
                (layer.fan_in() + usize::from(layer.bias)).saturating_mul(layer.out_channels)
            }
            Self::Pool(_) => 0,
            Self::Residual(layer) => {
                layer.branch.iter().map(Self::parameters).fold(0, usize::saturating_add)
            }
        }
    }

    /// Weights that lead to one number of the layer's output; 0 without weights of its own. The layers of a residual
    /// block's branch have their own.
    pub const fn fan_in(&self) -> usize {
        match self {
            Self::Dense(layer) => layer.inputs,
            Self::Conv2d(layer) => layer.fan_in(),
            Self::Pool(_) | Self::Residual(_) => 0,
        }
    }

    /// Weights that lead from one number of the layer's input, borders and stride aside; 0 without weights of its own.
    pub const fn fan_out(&self) -> usize {
        match self {
            Self::Dense(layer) => layer.outputs,
            Self::Conv2d(layer) => layer.fan_out(),
            Self::Pool(_) | Self::Residual(_) => 0,
        }
    }

    /// Layers with weights: 1, those of the branch for a residual block, or 0 for a pooling layer.
    pub fn weight_layers(&self) -> usize {
        match self {
            Self::Dense(_) | Self::Conv2d(_) => 1,
            Self::Pool(_) => 0,
            Self::Residual(layer) => layer.branch.iter().map(Self::weight_layers).sum(),
        }
    }

    /// Floating-point operations of the matrix products of the forward pass, per sample; the largest number for impossibly
    /// many.
    pub fn forward_flops(&self) -> u64 {
        match self {
            Self::Dense(layer) => 2 * layer.inputs as u64 * layer.outputs as u64,
            Self::Conv2d(layer) => {
                (2 * layer.fan_in() as u64).saturating_mul(layer.product().numbers() as u64)
            }
            Self::Pool(_) => 0,
            Self::Residual(layer) => {
                layer.branch.iter().map(Self::forward_flops).fold(0, u64::saturating_add)
            }
        }
    }

    /// Checks that the layer is possible.
    ///
    /// # Errors
    /// One that names the number that is not.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Dense(layer) => {
                check_size("inputs", layer.inputs, usize::MAX, "at least 1")?;
                check_size("outputs", layer.outputs, usize::MAX, "at least 1")
            }
            Self::Conv2d(layer) => layer.check(),
            Self::Pool(layer) => layer.check(),
            Self::Residual(layer) => layer.check(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PoolKind, Window};

    #[test]
    fn numbers_of_each_kind() {
        let image = Shape::new(3, 8, 8);
        let tanh = Activation::Tanh;
        let conv = Layer::Conv2d(Conv2dLayer::new(image, 4, Window::square(3, 2, 1), tanh));
        assert_eq!((conv.inputs(), conv.outputs()), (192, 64));
        assert_eq!((conv.parameters(), conv.fan_in(), conv.fan_out()), (4 * 28, 27, 36));
        assert_eq!(conv.forward_flops(), 2 * 27 * 4 * 16);
        let pool = Layer::Pool(PoolLayer::new(image, PoolKind::Max, 2));
        assert_eq!((pool.outputs(), pool.parameters(), pool.forward_flops()), (48, 0, 0));
        let same = Layer::Conv2d(Conv2dLayer::new(image, 3, Window::square(3, 1, 1), tanh));
        let branch = vec![same.clone(), same.clone()];
        let block = Layer::Residual(ResidualLayer { before: None, branch, after: Some(tanh) });
        assert_eq!((block.output_shape(), block.weight_layers()), (image, 2));
        assert_eq!(block.parameters(), 2 * same.parameters());
    }

    #[test]
    fn impossible_blocks_are_refused() {
        let image = Shape::new(3, 8, 8);
        let conv = |channels| {
            let window = Window::square(3, 1, 1);
            Layer::Conv2d(Conv2dLayer::new(image, channels, window, Activation::Tanh))
        };
        let block = |branch| Layer::Residual(ResidualLayer { before: None, branch, after: None });
        let refused = |layer: Layer, message: &str| {
            let error = layer.check().unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        };
        assert!(block(vec![conv(3)]).check().is_ok());
        refused(block(vec![conv(4)]), "4x8x8");
        refused(block(vec![]), "branch");
        refused(block(vec![block(vec![conv(3)])]), "inside");
        refused(block(vec![conv(4), conv(3)]), "layer 2 takes");
    }
}
