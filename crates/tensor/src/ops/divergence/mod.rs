//! Dissimilarity of samples and reconstructions.

#[cfg(feature = "conformance")]
pub(super) mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod reference;

use crate::{Backend, Result, backend::expect_len};

/// A dissimilarity between a sample and its reconstruction.
///
/// All but [`SquaredError`](Self::SquaredError) first turn both vectors into distributions: shift each by its own
/// minimum, add `1e-12`, divide by the sum. Entropies are in nats, sums are taken in f64.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DivergenceKind {
    /// `sum_i p_i ln(p_i / r_i)` with both distributions mixed with `floor` of the uniform one first,
    /// `p <- (1 - floor) p + floor / D`. `floor = 0` is the published estimator (arXiv:2406.12916).
    Relative {
        /// The share of the uniform distribution, in `[0, 1)`.
        floor: f64,
    },
    /// `(KL(p, m) + KL(r, m)) / 2` with `m = (p + r) / 2`, in `[0, ln 2]`.
    JensenShannon,
    /// `sum_i (x_i - y_i)^2` of the vectors as they are.
    SquaredError,
}

/// Row-wise dissimilarities.
pub trait Divergence: Backend {
    /// `out[i] = D(x_i, y_i)` for the rows of `x` (inputs) and `y` (reconstructions), both `[rows, cols]`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short.
    fn row_divergence(
        &self,
        kind: DivergenceKind,
        shape: [usize; 2],
        x: &Self::Buffer<f32>,
        y: &Self::Buffer<f32>,
        out: &mut Self::Buffer<f64>,
    ) -> Result<()>;

    /// Values of [`row_divergence`](Self::row_divergence) for each of `kinds`, on the host. A backend may share work
    /// between them; the bits are those of one kind at a time.
    ///
    /// # Errors
    /// As [`row_divergence`](Self::row_divergence).
    fn row_divergences(
        &self,
        kinds: &[DivergenceKind],
        shape: [usize; 2],
        x: &Self::Buffer<f32>,
        y: &Self::Buffer<f32>,
    ) -> Result<Vec<Vec<f64>>> {
        let mut out = self.zeros(shape[0])?;
        let values = kinds.iter().map(|&kind| {
            self.row_divergence(kind, shape, x, y, &mut out)?;
            self.download(&out)
        });
        values.collect()
    }

    /// Checks the arguments of [`row_divergence`](Self::row_divergence).
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short.
    fn check_divergence(
        &self,
        [rows, cols]: [usize; 2],
        x: &Self::Buffer<f32>,
        y: &Self::Buffer<f32>,
        out: &Self::Buffer<f64>,
    ) -> Result<()> {
        expect_len("row_divergence", "x", rows * cols, self.len(x))?;
        expect_len("row_divergence", "y", rows * cols, self.len(y))?;
        expect_len("row_divergence", "out", rows, self.len(out))
    }
}

/// Added to each shifted entry before normalising, as published.
pub(crate) const SHIFT: f64 = 1e-12;
