//! Mean and variance of columns.

#[cfg(feature = "conformance")]
pub(super) mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod reference;

use crate::{Backend, Result, backend::expect_len};

/// Mean and variance of columns.
pub trait ColumnMoments: Backend {
    /// Mean and sample variance (divided by `rows - 1`; zero for one row) of each column of `x`, `[rows, cols]`, with
    /// every row first divided by its sum where `normalise_rows` (a row whose sum is zero is left as it is).
    /// Two passes in f64.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short.
    fn column_moments(
        &self,
        shape: [usize; 2],
        normalise_rows: bool,
        x: &Self::Buffer<f32>,
        mean: &mut Self::Buffer<f64>,
        variance: &mut Self::Buffer<f64>,
    ) -> Result<()>;

    /// Checks the arguments of [`column_moments`](Self::column_moments).
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short.
    fn check_moments(
        &self,
        [rows, cols]: [usize; 2],
        x: &Self::Buffer<f32>,
        mean: &Self::Buffer<f64>,
        variance: &Self::Buffer<f64>,
    ) -> Result<()> {
        expect_len("column_moments", "x", rows * cols, self.len(x))?;
        expect_len("column_moments", "mean", cols, self.len(mean))?;
        expect_len("column_moments", "variance", cols, self.len(variance))
    }
}
