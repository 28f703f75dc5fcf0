use serde::{Deserialize, Serialize};

use crate::Activation;

/// One layer with weights, as data. A layer knows the width of what goes in and comes out, flattened.
///
/// Exhaustive on purpose: each crate matches on it without a wildcard, so a new kind does not compile until all of
/// them know it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Layer {
    /// `h_l = phi(W_l h_{l-1} + b_l)`
    Dense(DenseLayer),
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
    /// Numbers that go in, per sample.
    pub const fn inputs(&self) -> usize {
        match self {
            Self::Dense(layer) => layer.inputs,
        }
    }

    /// Numbers that come out, per sample.
    pub const fn outputs(&self) -> usize {
        match self {
            Self::Dense(layer) => layer.outputs,
        }
    }

    /// Inputs of one unit.
    pub const fn fan_in(&self) -> usize {
        match self {
            Self::Dense(layer) => layer.inputs,
        }
    }

    /// Units that one input reaches.
    pub const fn fan_out(&self) -> usize {
        match self {
            Self::Dense(layer) => layer.outputs,
        }
    }

    /// Weights and biases.
    pub const fn parameters(&self) -> usize {
        match self {
            Self::Dense(layer) => (layer.inputs + 1) * layer.outputs,
        }
    }

    /// Floating-point operations of the forward pass, per sample; activations are not counted.
    pub const fn forward_flops(&self) -> u64 {
        match self {
            Self::Dense(layer) => 2 * layer.inputs as u64 * layer.outputs as u64,
        }
    }
}
