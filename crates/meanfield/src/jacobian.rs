//! The singular values of the input-output Jacobian: whether all directions of an input survive alike.
//!
//! With `mu_k = E[phi'(u)^(2k)]` at `q*` the squared singular values of a network's Jacobian have the mean and the
//! relative variance
//!
//! ```text
//! m_1 = (sigma_w2 mu_1)^L = chi_1^L
//! v   = L (mu_2 / mu_1^2 - 1 - s_1)
//! ```
//!
//! where `s_1` is -1 for Gaussian and 0 for orthogonal weights (Pennington, Schoenholz and Ganguli, arXiv:1711.04735,
//! section on the Jacobian's spectrum). Gaussian weights can therefore never keep `v` small in a deep network;
//! orthogonal ones can, where `phi'` is nearly constant over the pre-activations: *dynamical isometry*.

use serde::{Deserialize, Serialize};

use crate::{
    FixedPoint, Phi, Result, Theory, fixed_point::finite_or_null, quadrature::gaussian_mean,
};

/// How the weights of a layer are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weights {
    /// Independent normal entries of variance `sigma_w2 / fan_in`.
    #[default]
    Gaussian,
    /// `sigma_w` times a uniformly distributed orthogonal matrix; lengths and correlations are those of Gaussian ones.
    Orthogonal,
}

impl Weights {
    /// The first moment `s_1` of the S-transform of the squared singular values of one layer's weights.
    const fn s_1(self) -> f64 {
        match self {
            Self::Gaussian => -1.0,
            Self::Orthogonal => 0.0,
        }
    }
}

/// Mean and spread of the squared singular values of the Jacobian of `depth` layers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct JacobianSpectrum {
    /// The natural logarithm of the mean `m_1`; the mean itself may overflow.
    pub ln_mean: f64,
    /// The variance divided by the squared mean; zero when all are the same.
    pub relative_variance: f64,
    /// The depth at which the relative variance is one: as deep as isometry reaches, if `chi_1` is one.
    #[serde(serialize_with = "finite_or_null")]
    pub isometry_depth: f64,
}

impl JacobianSpectrum {
    /// Whether singular values stay near one: the mean within a factor of `tolerance` and the relative variance below
    /// `tolerance - 1`. A factor of 2 is a usual choice.
    pub fn is_isometric(&self, tolerance: f64) -> bool {
        self.ln_mean.abs() <= tolerance.ln() && self.relative_variance <= tolerance - 1.0
    }
}

impl Theory {
    /// The spectrum at this fixed point, after `depth` layers of the same width.
    ///
    /// # Errors
    /// As for [`fixed_point`](Self::fixed_point).
    pub fn jacobian(&self, weights: Weights, depth: usize) -> Result<JacobianSpectrum> {
        Ok(self.jacobian_at(&self.fixed_point()?, weights, depth))
    }

    /// As [`jacobian`](Self::jacobian), at a fixed point that is already known.
    pub fn jacobian_at(
        &self,
        point: &FixedPoint,
        weights: Weights,
        depth: usize,
    ) -> JacobianSpectrum {
        let per_layer = slope_spread(self.phi, point.q_star.unwrap_or(1.0)) - weights.s_1();
        let depth = depth as f64;
        JacobianSpectrum {
            // Zero layers have the mean one, whatever chi_1 is.
            ln_mean: if depth > 0.0 { depth * point.chi_1.ln() } else { 0.0 },
            relative_variance: depth * per_layer,
            isometry_depth: per_layer.recip(),
        }
    }
}

/// `mu_2 / mu_1^2 - 1`, the relative variance of `phi'(u)^2`, `u ~ N(0, q)`.
fn slope_spread(phi: Phi, q: f64) -> f64 {
    // At vanishing length the pieces of phi on both sides of a kink at zero count alike.
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

    /// arXiv:1711.04735: for ReLU `mu_2 = mu_1 = 1/2`, so that orthogonal weights do not help, `v = L`.
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

    /// Along the critical line of tanh `q*` and with it the spread fall to zero with the bias variance:
    /// `phi'^2 = 1 - 2 u^2`, hence `mu_2 / mu_1^2 - 1 = 8 q^2`.
    #[test]
    fn small_tanh_networks_come_close_to_isometry() {
        for sigma_b2 in [1e-9, 1e-12] {
            let point = crate::critical_point(Activation::Tanh, sigma_b2).unwrap();
            let tanh = theory(Activation::Tanh, point.sigma_w2, sigma_b2);
            let spectrum = tanh.jacobian(Weights::Orthogonal, 1).unwrap();
            let expected = 8.0 * point.q_star.powi(2);
            assert!((spectrum.relative_variance / expected - 1.0).abs() < 0.05, "{spectrum:?}");
        }
    }

    #[test]
    fn vanishing_lengths_see_both_sides_of_a_kink() {
        let spread = slope_spread(Phi::new(Activation::Selu), 0.0);
        let (left, right) = (1.673_263_242_354_377_2_f64.powi(2), 1.0);
        let mean = f64::midpoint(left, right);
        let expected = f64::midpoint(left * left, right) / (mean * mean) - 1.0;
        assert!((spread - expected).abs() < 1e-9, "{spread} {expected}");
    }
}
