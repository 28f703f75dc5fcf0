//! Activations of a layer in training, forward and backward.

#[cfg(feature = "conformance")]
pub(super) mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod reference;

use crate::{
    Activation, Backend, BatchedGemm, BatchedGemmConfig, Result,
    backend::expect_len,
    reference::{activation_derivative, activation_value},
};

/// Activations between the matrix products of a layer in training, forward and backward.
///
/// Matrices here are `[units, samples]`, one unit per row: the weights then are the left factor of every product with
/// them, of which threads take rows, and what they share is as small as the minibatch.
///
/// The defaults go through host memory in f64: slow, obvious, and what kernels are tested against.
pub trait Backward: BatchedGemm {
    /// `z_i = alpha op(A_i) op(B_i) + bias_i`, `y_i = phi(z_i)` for all products of `config`: `bias` `[count, m]`, `z` and `y`
    /// `[count, m, n]`. The same as a product and [`activate`](Self::activate); a backend may do both at once.
    ///
    /// # Errors
    /// As [`BatchedGemm::batched_gemm`] and [`activate`](Self::activate).
    fn multiply_and_activate(
        &self,
        config: BatchedGemmConfig,
        activation: Activation,
        factors: [&Self::Buffer<f32>; 2],
        bias: &Self::Buffer<f32>,
        results: [&mut Self::Buffer<f32>; 2],
    ) -> Result<()> {
        multiply_then_activate(self, config, activation, factors, bias, results)
    }

    /// `z[i, j] <- z[i, j] + bias[i]`, `y = phi(z)` for `z` and `y` `[units, samples]`, `bias` `[units]`. `z` is kept,
    /// since [`activation_gradient`](Self::activation_gradient) needs it.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short.
    fn activate(
        &self,
        activation: Activation,
        [units, samples]: [usize; 2],
        bias: &Self::Buffer<f32>,
        z: &mut Self::Buffer<f32>,
        y: &mut Self::Buffer<f32>,
    ) -> Result<()> {
        check_activate(self, [units, samples], bias, z, y)?;
        let (bias, mut inputs) = (self.read(bias, 0..units)?, self.read(z, 0..units * samples)?);
        for (row, bias) in inputs.chunks_exact_mut(samples.max(1)).zip(bias) {
            row.iter_mut().for_each(|z| *z += bias);
        }
        let phi = |&z: &f32| activation_value(activation, f64::from(z)) as f32;
        self.write(y, 0, &inputs.iter().map(phi).collect::<Vec<f32>>())?;
        self.write(z, 0, &inputs)
    }

    /// `delta <- delta phi'(z)`, from the derivative with respect to `phi(z)` to the one with respect to `z`, and
    /// `bias_gradient[i] = sum_j delta[i, j]` of the new one. `z`, `y = phi(z)`, from which some derivatives cost
    /// less, and `delta` are `[units, samples]`, `bias_gradient` is `[units]`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short.
    fn activation_gradient(
        &self,
        activation: Activation,
        [units, samples]: [usize; 2],
        [z, y]: [&Self::Buffer<f32>; 2],
        delta: &mut Self::Buffer<f32>,
        bias_gradient: &mut Self::Buffer<f32>,
    ) -> Result<()> {
        check_activation_gradient(self, [units, samples], [z, y], delta, bias_gradient)?;
        let slope = |z: f32| activation_derivative(activation, f64::from(z));
        let (z, old) = (self.read(z, 0..units * samples)?, self.read(delta, 0..units * samples)?);
        let new = old.into_iter().zip(z).map(|(delta, z)| f64::from(delta) * slope(z));
        let new: Vec<f64> = new.collect();
        let sums = new.chunks_exact(samples.max(1)).map(|row| row.iter().sum::<f64>() as f32);
        self.write(bias_gradient, 0, &sums.collect::<Vec<f32>>())?;
        self.write(delta, 0, &new.iter().map(|&delta| delta as f32).collect::<Vec<f32>>())
    }
}

/// [`Backward::multiply_and_activate`] in its two parts.
fn multiply_then_activate<B: Backward>(
    backend: &B,
    config: BatchedGemmConfig,
    activation: Activation,
    [a, b]: [&B::Buffer<f32>; 2],
    bias: &B::Buffer<f32>,
    [z, y]: [&mut B::Buffer<f32>; 2],
) -> Result<()> {
    backend.batched_gemm(config, a, b, z)?;
    let (units, samples) = (config.count * config.product.m, config.product.n);
    backend.activate(activation, [units, samples], bias, z, y)
}

pub(crate) fn check_activate<B: Backend>(
    backend: &B,
    [units, samples]: [usize; 2],
    bias: &B::Buffer<f32>,
    z: &B::Buffer<f32>,
    y: &B::Buffer<f32>,
) -> Result<()> {
    expect_len("activate", "bias", units, backend.len(bias))?;
    expect_len("activate", "z", units * samples, backend.len(z))?;
    expect_len("activate", "y", units * samples, backend.len(y))
}

pub(crate) fn check_activation_gradient<B: Backend>(
    backend: &B,
    [units, samples]: [usize; 2],
    [z, y]: [&B::Buffer<f32>; 2],
    delta: &B::Buffer<f32>,
    bias_gradient: &B::Buffer<f32>,
) -> Result<()> {
    for (argument, buffer) in [("z", z), ("y", y), ("delta", delta)] {
        expect_len("activation_gradient", argument, units * samples, backend.len(buffer))?;
    }
    expect_len("activation_gradient", "bias_gradient", units, backend.len(bias_gradient))
}
