use isobath_architecture::Activation;

use crate::ConvTranspose2d;

/// One layer of a decoder in host memory: `phi` of a linear map and a bias.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderLayer {
    /// The linear map, without its weights.
    pub kind: DecoderKind,
    /// `phi`
    pub activation: Activation,
    /// Weights in the shape that [`DecoderKind::weight_shape`] gives, row-major.
    pub weights: Vec<f32>,
    /// `[outputs]`, or `[channels]` of what a transposed convolution writes.
    pub bias: Vec<f32>,
}

/// Linear map of a decoder's layer, without its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecoderKind {
    /// Every number of the output reads every number of the input.
    Dense {
        /// Numbers of what is decoded.
        inputs: usize,
        /// Numbers of what comes out.
        outputs: usize,
    },
    /// A transposed convolution.
    ConvTranspose2d(ConvTranspose2d),
}

impl DecoderKind {
    /// Numbers of what is decoded, per sample.
    pub const fn inputs(&self) -> usize {
        match self {
            Self::Dense { inputs, .. } => *inputs,
            Self::ConvTranspose2d(conv) => conv.input.numbers(),
        }
    }

    /// Numbers of what comes out, per sample.
    pub const fn outputs(&self) -> usize {
        match self {
            Self::Dense { outputs, .. } => *outputs,
            Self::ConvTranspose2d(conv) => conv.output.numbers(),
        }
    }

    /// Shape of the weights: `[outputs, inputs]`, or `[channels read, channels written, kernel rows, kernel columns]` of a
    /// transposed convolution, as in `PyTorch`.
    pub fn weight_shape(&self) -> Vec<usize> {
        match self {
            Self::Dense { inputs, outputs } => vec![*outputs, *inputs],
            Self::ConvTranspose2d(conv) => conv.weight_shape().to_vec(),
        }
    }

    /// `[units, inputs]` of the dense layer that it is on each of its rows.
    pub(crate) const fn matrix(&self) -> [usize; 2] {
        match self {
            Self::Dense { inputs, outputs } => [*outputs, *inputs],
            Self::ConvTranspose2d(conv) => [conv.output.channels, conv.patch()],
        }
    }

    /// Number of weights.
    pub(crate) const fn weights(&self) -> usize {
        let [units, inputs] = self.matrix();
        units * inputs
    }

    /// Rows of a sample: one, or one for each pixel that a transposed convolution writes.
    pub(crate) const fn rows(&self) -> usize {
        match self {
            Self::Dense { .. } => 1,
            Self::ConvTranspose2d(conv) => conv.output.pixels(),
        }
    }

    /// True if no size is zero.
    pub(crate) fn is_possible(&self) -> bool {
        let strides = match self {
            Self::Dense { .. } => true,
            Self::ConvTranspose2d(conv) => !conv.stride.contains(&0),
        };
        strides && self.inputs() > 0 && self.products() > 0
    }

    /// Multiplications of its matrix products, per sample.
    pub(crate) const fn products(&self) -> u64 {
        self.weights() as u64 * self.rows() as u64
    }

    /// Weights as a matrix `[units, inputs]`.
    pub(crate) fn to_matrix(self, weights: &[f32]) -> Vec<f32> {
        match self {
            Self::Dense { .. } => weights.to_vec(),
            Self::ConvTranspose2d(conv) => conv.to_matrix(weights),
        }
    }

    /// Weights from their matrix.
    pub(crate) fn weights_of(self, matrix: Vec<f32>) -> Vec<f32> {
        match self {
            Self::Dense { .. } => matrix,
            Self::ConvTranspose2d(conv) => conv.weights_of(&matrix),
        }
    }
}

/// One layer of a decoder, without its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DecoderLayerSpec {
    pub(crate) kind: DecoderKind,
    pub(crate) activation: Activation,
}

impl DecoderLayerSpec {
    /// True if its activation is linear.
    pub(crate) fn is_linear(&self) -> bool {
        self.activation == Activation::Linear
    }

    /// The layer with the weights of `matrix`, `[units, inputs]`.
    pub(crate) fn with_parameters(self, matrix: Vec<f32>, bias: Vec<f32>) -> DecoderLayer {
        let Self { kind, activation } = self;
        DecoderLayer { kind, activation, weights: kind.weights_of(matrix), bias }
    }
}
