//! Dense layers, forward.

#[cfg(feature = "conformance")]
pub(super) mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod reference;

use crate::{
    Activation, Backend, Gemm, GemmConfig, Pointwise, Precision, Result,
    backend::{expect_len, expect_positive},
};

/// Shape and nonlinearity of one dense layer applied to a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DenseConfig {
    /// Samples.
    pub rows: usize,
    /// Width of the input, `w_{l-1}`.
    pub inputs: usize,
    /// Width of the output, `w_l`.
    pub outputs: usize,
    /// `phi`.
    pub activation: Activation,
    /// Precision of the product's factors.
    pub precision: Precision,
}

/// Dense layers, forward.
pub trait Dense: Gemm + Pointwise {
    /// `y = phi(x W^T + b)`: `x` `[rows, inputs]`, `weights` `[outputs, inputs]`, `bias` `[outputs]`,
    /// `y` `[rows, outputs]`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short, [`Error::Empty`](crate::Error::Empty) for a
    /// layer without units, [`Error::Precision`](crate::Error::Precision) when this device does not have it.
    fn dense(
        &self,
        config: DenseConfig,
        x: &Self::Buffer<f32>,
        weights: &Self::Buffer<f32>,
        bias: &Self::Buffer<f32>,
        y: &mut Self::Buffer<f32>,
    ) -> Result<()> {
        check_dense(self, &config, x, weights, bias, y)?;
        let DenseConfig { rows, inputs, outputs, activation, precision } = config;
        let product = GemmConfig::new(rows, outputs, inputs).transpose_b().precision(precision);
        self.gemm(product, x, weights, y)?;
        self.bias_activation([rows, outputs], activation, bias, y)
    }
}

pub(crate) fn check_dense<B: Backend>(
    backend: &B,
    config: &DenseConfig,
    x: &B::Buffer<f32>,
    weights: &B::Buffer<f32>,
    bias: &B::Buffer<f32>,
    y: &B::Buffer<f32>,
) -> Result<()> {
    let DenseConfig { rows, inputs, outputs, .. } = *config;
    expect_positive("dense", "inputs", inputs)?;
    expect_positive("dense", "outputs", outputs)?;
    expect_len("dense", "x", rows * inputs, backend.len(x))?;
    expect_len("dense", "weights", outputs * inputs, backend.len(weights))?;
    expect_len("dense", "bias", outputs, backend.len(bias))?;
    expect_len("dense", "y", rows * outputs, backend.len(y))
}
