//! Convolutions with circular padding: every spatial frequency has its own depth scale.
//!
//! Lengths, correlations and the critical line are those of fully connected layers. In addition, each convolution
//! averages the covariance over neighbouring positions, weighted by the weight variances `v_b`, which sum to one. The
//! average is diagonal in Fourier space, with the eigenvalues
//!
//! ```text
//! lambda_k = | sum_b v_b exp(-i k b) |,   xi_c(k) = -1 / ln(chi lambda_k)
//! ```
//!
//! (Xiao et al. arXiv:1806.05393, section on signal propagation). Deep ordinary convolutions preserve only what does
//! not vary in space. If all the variance is at one position ("delta-orthogonal" weights and their Gaussian
//! counterpart), every `lambda_k` is one.

use std::f64::consts::TAU;

use serde::Serialize;

use crate::{
    Error, FixedPoint, Result,
    fixed_point::{depth_scale, finite_or_null},
};

/// Distribution of a convolution's weight variance over the positions of its kernel: `[rows, columns]`, summing to one.
#[derive(Clone, Debug, PartialEq)]
pub struct SpatialVariance {
    shape: [usize; 2],
    /// Row-major.
    shares: Vec<f64>,
}

/// Spatial frequency and its depth scales.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ModeScale {
    /// Number of whole waves over the image, vertically and horizontally.
    pub waves: [usize; 2],
    /// Factor in `[0, 1]` by which averaging over the kernel attenuates this frequency.
    pub lambda: f64,
    /// Depth scale of correlations.
    #[serde(serialize_with = "finite_or_null")]
    pub xi_c: f64,
    /// Depth scale of lengths.
    #[serde(serialize_with = "finite_or_null")]
    pub xi_q: f64,
}

impl SpatialVariance {
    /// Uniform distribution, the usual initialisation. A one-dimensional convolution has one row.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for an empty kernel.
    pub fn uniform(shape: [usize; 2]) -> Result<Self> {
        Self::new(shape, vec![1.0; shape[0] * shape[1]])
    }

    /// All variance at the central position, as in delta-orthogonal weights.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for an empty kernel.
    pub fn delta(shape: [usize; 2]) -> Result<Self> {
        let mut shares = vec![0.0; shape[0] * shape[1]];
        let middle = shape[0] / 2 * shape[1] + shape[1] / 2;
        if let Some(share) = shares.get_mut(middle) {
            *share = 1.0;
        }
        Self::new(shape, shares)
    }

    /// Arbitrary distribution; `shares` are in row-major order and are scaled to sum to one.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless there is one share for each position, all shares are non-negative, and their sum is
    /// positive and finite.
    pub fn new(shape: [usize; 2], shares: Vec<f64>) -> Result<Self> {
        let expected = shape[0].saturating_mul(shape[1]);
        if shares.len() != expected || expected == 0 {
            let range = "one for each place of a kernel that has places";
            return Err(Error::OutOfRange { name: "shares", value: shares.len() as f64, range });
        }
        let sum: f64 = shares.iter().sum();
        let bad = shares.iter().copied().find(|share| !(*share >= 0.0 && share.is_finite()));
        if let Some(value) = bad.or((!(sum > 0.0 && sum.is_finite())).then_some(sum)) {
            let range = "finite and not negative, with a positive sum";
            return Err(Error::OutOfRange { name: "shares", value, range });
        }
        Ok(Self { shape, shares: shares.into_iter().map(|share| share / sum).collect() })
    }

    /// Eigenvalue `lambda_k` of the frequency with `waves` whole waves over an image of `image` rows and columns.
    ///
    /// A kernel larger than the image wraps around.
    pub fn lambda(&self, waves: [usize; 2], image: [usize; 2]) -> f64 {
        let turn = |waves: usize, place: usize, size: usize| {
            // Reduce the argument first, so that large images lose no digits.
            TAU * ((waves * place) % size.max(1)) as f64 / size.max(1) as f64
        };
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (index, share) in self.shares.iter().enumerate() {
            let (row, column) = (index / self.shape[1], index % self.shape[1]);
            let phase = turn(waves[0], row, image[0]) + turn(waves[1], column, image[1]);
            real += share * phase.cos();
            imaginary += share * phase.sin();
        }
        f64::hypot(real, imaginary).min(1.0)
    }
}

impl FixedPoint {
    /// Depth scales of all frequencies of an image in row-major order, starting with the uniform mode.
    ///
    /// Horizontal frequencies above half the image's size are complex conjugates of lower ones and are omitted;
    /// vertical ones are included.
    pub fn mode_scales(&self, kernel: &SpatialVariance, image: [usize; 2]) -> Vec<ModeScale> {
        let [rows, columns] = image;
        let across = columns.div_ceil(2) + usize::from(columns.is_multiple_of(2));
        (0..rows * across)
            .map(|index| {
                let waves = [index / across, index % across];
                let lambda = kernel.lambda(waves, image);
                // The uniform mode has lambda = 1 and the depth scales of the fixed point itself, including infinite
                // ones.
                let scale = |rate: f64, uniform: f64| {
                    if waves == [0, 0] { uniform } else { depth_scale(rate * lambda) }
                };
                ModeScale {
                    waves,
                    lambda,
                    xi_c: scale(self.chi_c_star, self.xi_c),
                    xi_q: scale(self.dq_map, self.xi_q),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Theory;
    use isobath_architecture::Activation;

    fn critical() -> FixedPoint {
        let sigma_w2 = crate::critical_sigma_w2(Activation::Tanh, 0.05).unwrap();
        Theory::new(Activation::Tanh, sigma_w2, 0.05).unwrap().fixed_point().unwrap()
    }

    /// Three positions in a row: `lambda_k = (1 + 2 cos k) / 3`.
    #[test]
    fn uniform_kernels_have_dirichlet_eigenvalues() {
        let kernel = SpatialVariance::uniform([1, 3]).unwrap();
        for waves in 0..9 {
            let expected = (1.0 + 2.0 * (TAU * waves as f64 / 9.0).cos()) / 3.0;
            assert!((kernel.lambda([0, waves], [1, 9]) - expected.abs()).abs() < 1e-14, "{waves}");
        }
    }

    #[test]
    fn only_the_uniform_mode_survives_at_criticality() {
        let scales = critical().mode_scales(&SpatialVariance::uniform([3, 3]).unwrap(), [8, 8]);
        assert_eq!(scales.len(), 8 * 5);
        assert!(scales[0].xi_c.is_infinite() && scales[1..].iter().all(|mode| mode.xi_c < 8.0));
        let delta = critical().mode_scales(&SpatialVariance::delta([3, 3]).unwrap(), [8, 8]);
        assert!(delta.iter().all(|mode| (mode.lambda - 1.0).abs() < 1e-15 && mode.xi_c > 1e10));
    }

    #[test]
    fn bad_kernels_are_errors() {
        assert!(SpatialVariance::uniform([0, 3]).is_err());
        assert!(SpatialVariance::delta([3, 0]).is_err());
        assert!(SpatialVariance::new([1, 2], vec![1.0]).is_err());
        assert!(SpatialVariance::new([1, 2], vec![1.0, -1.0]).is_err());
        assert!(SpatialVariance::new([1, 2], vec![f64::NAN, 1.0]).is_err());
        assert!(SpatialVariance::new([1, 2], vec![0.0, 0.0]).is_err());
    }
}
