//! Element-wise operations around matrix products.

#[cfg(feature = "conformance")]
pub(super) mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod reference;

use crate::{Activation, Backend, Result};

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
}
