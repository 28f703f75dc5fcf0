//! Singular values of the input-output Jacobian, the measure of dynamical isometry.
//!
//! With `mu_k = E[phi'(u)^(2k)]` at `q*`, the squared singular values of the Jacobian of a network have the mean and
//! the relative variance
//!
//! ```text
//! m_1 = (sigma_w2 mu_1)^L = chi_1^L
//! v   = L (mu_2 / mu_1^2 - 1 - s_1)
//! ```
//!
//! where `s_1` is -1 for Gaussian and 0 for orthogonal weights (Pennington, Schoenholz and Ganguli, arXiv:1711.04735,
//! section on the Jacobian's spectrum). In a deep network Gaussian weights therefore never keep `v` small. Orthogonal
//! weights do where `phi'` is nearly constant over the pre-activations: *dynamical isometry*.

use serde::{Deserialize, Serialize};

use crate::{
    FixedPoint, Phi, Result, Theory, fixed_point::finite_or_null, quadrature::gaussian_mean,
};

/// Distribution of the weights of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weights {
    /// Independent normal entries of variance `sigma_w2 / fan_in`.
    #[default]
    Gaussian,
    /// `sigma_w` times a uniformly distributed orthogonal matrix; lengths and correlations equal those of Gaussian
    /// weights.
    Orthogonal,
}

impl Weights {
    /// First moment `s_1` of the S-transform of the squared singular values of the weights of one layer.
    const fn s_1(self) -> f64 {
        match self {
            Self::Gaussian => -1.0,
            Self::Orthogonal => 0.0,
        }
    }
}

/// Mean and variance of the squared singular values of the Jacobian of `depth` layers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct JacobianSpectrum {
    /// Natural logarithm of the mean `m_1`; the mean itself may overflow.
    pub ln_mean: f64,
    /// Variance divided by the squared mean; zero if all singular values are equal.
    pub relative_variance: f64,
    /// Depth at which the relative variance is one: the depth scale of dynamical isometry at `chi_1 = 1`.
    #[serde(serialize_with = "finite_or_null")]
    pub isometry_depth: f64,
}

impl JacobianSpectrum {
    /// Returns true if the singular values stay near one: the mean is within a factor of `tolerance` and the relative
    /// variance below `tolerance - 1`. A common choice is a factor of 2.
    pub fn is_isometric(&self, tolerance: f64) -> bool {
        self.ln_mean.abs() <= tolerance.ln() && self.relative_variance <= tolerance - 1.0
    }
}

impl Theory {
    /// Spectrum at the fixed point of this theory, after `depth` layers of equal width.
    ///
    /// # Errors
    /// As for [`fixed_point`](Self::fixed_point).
    pub fn jacobian(&self, weights: Weights, depth: usize) -> Result<JacobianSpectrum> {
        Ok(self.jacobian_at(&self.fixed_point()?, weights, depth))
    }

    /// Spectrum at a known fixed point; see [`jacobian`](Self::jacobian).
    pub fn jacobian_at(
        &self,
        point: &FixedPoint,
        weights: Weights,
        depth: usize,
    ) -> JacobianSpectrum {
        let per_layer =
            slope_relative_variance(self.phi, point.q_star.unwrap_or(1.0)) - weights.s_1();
        let depth = depth as f64;
        JacobianSpectrum {
            // Zero layers have the mean one, for every chi_1.
            ln_mean: if depth > 0.0 { depth * point.chi_1.ln() } else { 0.0 },
            relative_variance: depth * per_layer,
            isometry_depth: per_layer.recip(),
        }
    }
}

/// Relative variance `mu_2 / mu_1^2 - 1` of `phi'(u)^2`, `u ~ N(0, q)`.
pub(crate) fn slope_relative_variance(phi: Phi, q: f64) -> f64 {
    // In the limit of zero length the pieces of phi on both sides of a kink at zero have equal weight.
    let q = q.max(1e-30);
    let mean = gaussian_mean(q, phi.kinks(), |u| phi.derivative(u).powi(2));
    let deviation = |u: f64| (phi.derivative(u).powi(2) / mean - 1.0).powi(2);
    gaussian_mean(q, phi.kinks(), deviation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_architecture::Activation;

    fn theory(activation: Activation, sigma_w2: f64, sigma_b2: f64) -> Theory {
        Theory::new(activation, sigma_w2, sigma_b2).unwrap()
    }

    /// ReLU has `mu_2 = mu_1 = 1/2` (arXiv:1711.04735): orthogonal weights do not help, `v = L`.
    #[test]
    fn relu_is_never_isometric() {
        let relu = theory(Activation::Relu, 2.0, 0.0);
        let spectrum = relu.jacobian(Weights::Orthogonal, 30).unwrap();
        assert!(
            (spectrum.relative_variance - 30.0).abs() < 1e-11 && spectrum.ln_mean.abs() < 1e-13
        );
        let spectrum = relu.jacobian(Weights::Gaussian, 30).unwrap();
        assert!((spectrum.relative_variance - 60.0).abs() < 1e-11);
    }

    #[test]
    fn orthogonal_linear_networks_are_isometric_at_any_depth() {
        let linear = theory(Activation::Linear, 1.0, 0.0);
        let spectrum = linear.jacobian(Weights::Orthogonal, 1_000_000).unwrap();
        assert!(spectrum.is_isometric(1.0 + 1e-12) && spectrum.isometry_depth > 1e12);
        let gaussian = linear.jacobian(Weights::Gaussian, 100).unwrap();
        assert!((gaussian.relative_variance - 100.0).abs() < 1e-10 && !gaussian.is_isometric(2.0));
    }

    /// Along the critical line of tanh, `q*` and the relative variance vanish with the bias variance:
    /// `phi'^2 = 1 - 2 u^2`, hence `mu_2 / mu_1^2 - 1 = 8 q^2`.
    #[test]
    fn tanh_approaches_isometry_with_vanishing_bias() {
        for sigma_b2 in [1e-9, 1e-12] {
            let point = crate::critical_point(Activation::Tanh, sigma_b2).unwrap();
            let tanh = theory(Activation::Tanh, point.sigma_w2, sigma_b2);
            let spectrum = tanh.jacobian(Weights::Orthogonal, 1).unwrap();
            let expected = 8.0 * point.q_star.powi(2);
            assert!((spectrum.relative_variance / expected - 1.0).abs() < 0.05, "{spectrum:?}");
        }
    }

    #[test]
    fn zero_length_averages_both_sides_of_a_kink() {
        let spread = slope_relative_variance(Phi::new(Activation::Selu), 0.0);
        let (left, right) = (1.673_263_242_354_377_2_f64.powi(2), 1.0);
        let mean = f64::midpoint(left, right);
        let expected = f64::midpoint(left * left, right) / (mean * mean) - 1.0;
        assert!((spread - expected).abs() < 1e-9, "{spread} {expected}");
    }
}
