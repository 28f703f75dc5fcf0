//! Element-wise operations around matrix products.

#[cfg(feature = "conformance")]
pub(super) mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod reference;

use crate::{Activation, Backend, Result, backend::expect_len};

/// Element-wise work around the matrix products.
pub trait Pointwise: Backend {
    /// `y = phi(y + bias)` for `y` `[rows, cols]` and `bias` `[cols]`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short.
    fn bias_activation(
        &self,
        shape: [usize; 2],
        activation: Activation,
        bias: &Self::Buffer<f32>,
        y: &mut Self::Buffer<f32>,
    ) -> Result<()>;

    /// The squared error of `phi(z + bias)` against `target` and its derivative with respect to `z`.
    ///
    /// Replaces `z` `[rows, cols]` by `2 / (rows cols) (phi(z + bias) - target) phi'(z + bias)` and returns the mean
    /// squared error.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short.
    fn squared_error_gradient(
        &self,
        shape: [usize; 2],
        activation: Activation,
        bias: &Self::Buffer<f32>,
        target: &Self::Buffer<f32>,
        z: &mut Self::Buffer<f32>,
    ) -> Result<f64>;

    /// `out[j] = sum_i x[i, j]` for `x` `[rows, cols]`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short.
    fn column_sums(
        &self,
        shape: [usize; 2],
        x: &Self::Buffer<f32>,
        out: &mut Self::Buffer<f32>,
    ) -> Result<()>;

    /// `y[i] += x[i]` for the first `n` numbers. The default goes through host memory.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short.
    fn add(&self, n: usize, x: &Self::Buffer<f32>, y: &mut Self::Buffer<f32>) -> Result<()> {
        check_add(self, n, x, y)?;
        let terms = self.read(x, 0..n)?.into_iter().zip(self.read(y, 0..n)?);
        self.write(y, 0, &terms.map(|(x, y)| x + y).collect::<Vec<f32>>())
    }
}

pub(crate) fn check_add<B: Backend>(
    backend: &B,
    n: usize,
    x: &B::Buffer<f32>,
    y: &B::Buffer<f32>,
) -> Result<()> {
    expect_len("add", "x", n, backend.len(x))?;
    expect_len("add", "y", n, backend.len(y))
}
