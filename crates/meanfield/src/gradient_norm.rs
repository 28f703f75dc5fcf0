//! Squared norm of a gradient behind random layers of finite width.
//!
//! A layer of width `N` multiplies the squared norm by a random factor: `D W^T` acts on the gradient, where `D` has the
//! slopes `phi'(u_i)`. With `m_2 = E[phi'(u)^2]` and `m_4 = E[phi'(u)^4]` at `q*`, the factor has the mean `chi_1` and,
//! to first order in `1 / N`, the relative variance `beta / N`:
//!
//! ```text
//! beta = 3 m_4 / m_2^2 - 1      Gaussian weights
//! beta = 3 (m_4 / m_2^2 - 1)    orthogonal weights
//! ```
//!
//! The first is the product of moments of Hanin and Nica (arXiv:1812.05994), who have `beta = 5` for ReLU; the second
//! follows in the same way from the fourth moments of a uniformly distributed unit vector. Dropout with keep probability
//! `p` multiplies `m_4 / m_2^2` by `1 / p`, since `E[m^2] / E[m]^2 = 1 / p` for a mask `m`.
//!
//! Factors of different layers are independent to this order, so after `L` layers the logarithm of the squared norm is
//! nearly normal (Hanin and Nica) with mean `L (ln chi_1 - beta / 2N)` and variance `L beta / N`. Lengths stay at `q*`:
//! their own fluctuations, which are of the same order, are left out.

use serde::Serialize;

use crate::{
    Dropout, FixedPoint, Result, Theory, Weights, jacobian::slope_relative_variance, phi::Phi,
};

/// Distribution of the squared norm of a gradient over random layers of one width.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GradientNorm {
    /// Natural logarithm of `chi_1`, the mean factor of a layer.
    pub ln_chi_1: f64,
    /// Relative variance of the factor of a layer, times the width.
    pub beta: f64,
}

impl Theory {
    /// The distribution at the fixed point of this theory.
    ///
    /// # Errors
    /// As for [`fixed_point`](Self::fixed_point).
    pub fn gradient_norm(&self, weights: Weights) -> Result<GradientNorm> {
        Ok(GradientNorm::new(self.phi, &self.fixed_point()?, weights, 1.0))
    }
}

impl Dropout {
    /// The distribution at the fixed point of this theory, over weights and masks.
    ///
    /// # Errors
    /// As for [`fixed_point`](Self::fixed_point).
    pub fn gradient_norm(&self, weights: Weights) -> Result<GradientNorm> {
        Ok(GradientNorm::new(self.inflated.phi, &self.fixed_point()?, weights, self.keep))
    }
}

impl GradientNorm {
    fn new(phi: Phi, point: &FixedPoint, weights: Weights, keep: f64) -> Self {
        let relative_variance = slope_relative_variance(phi, point.q_star.unwrap_or(1.0));
        // m_4 / m_2^2, masks included.
        let kurtosis = (1.0 + relative_variance) / keep;
        let beta = match weights {
            Weights::Gaussian => 3.0 * kurtosis - 1.0,
            Weights::Orthogonal if keep >= 1.0 => 3.0 * relative_variance,
            Weights::Orthogonal => 3.0 * (kurtosis - 1.0),
        };
        Self { ln_chi_1: point.chi_1.ln(), beta }
    }

    /// Mean of the logarithm of the squared norm after `depth` layers of `width` units, relative to that before them.
    pub fn ln_mean(&self, depth: f64, width: f64) -> f64 {
        depth * self.drift(width)
    }

    /// Standard deviation of the logarithm of the squared norm after `depth` layers of `width` units.
    pub fn ln_deviation(&self, depth: f64, width: f64) -> f64 {
        (depth * self.beta / width).sqrt()
    }

    /// Distance of the logarithm from zero that is typical after `depth` layers of `width` units: its absolute mean plus
    /// its standard deviation.
    pub fn distance(&self, depth: f64, width: f64) -> f64 {
        self.ln_mean(depth, width).abs() + self.ln_deviation(depth, width)
    }

    /// Depth in layers of `width` units at which the [`distance`](Self::distance) is one; infinite where it stays zero.
    pub fn depth(&self, width: f64) -> f64 {
        // The root x = sqrt(L) of a x^2 + b x = 1, in the form without cancellation.
        let (a, b) = (self.drift(width).abs(), (self.beta / width).sqrt());
        (2.0 / (b + (b * b + 4.0 * a).sqrt())).powi(2)
    }

    /// Mean of the logarithm of a layer's factor.
    fn drift(&self, width: f64) -> f64 {
        self.ln_chi_1 - self.beta / (2.0 * width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_architecture::Activation;

    fn norm(activation: Activation, sigma_w2: f64, weights: Weights) -> GradientNorm {
        Theory::new(activation, sigma_w2, 0.0).unwrap().gradient_norm(weights).unwrap()
    }

    #[test]
    fn relu_has_the_published_five_and_linear_layers_two_or_none() {
        let relu = norm(Activation::Relu, 2.0, Weights::Gaussian);
        assert!((relu.beta - 5.0).abs() < 1e-10 && relu.ln_chi_1.abs() < 1e-12, "{relu:?}");
        let gaussian = norm(Activation::Linear, 1.0, Weights::Gaussian);
        assert!((gaussian.beta - 2.0).abs() < 1e-12, "{gaussian:?}");
        let orthogonal = norm(Activation::Linear, 1.0, Weights::Orthogonal);
        assert!(orthogonal.beta.abs() < 1e-12, "{orthogonal:?}");
        assert!(orthogonal.depth(100.0) > 1e6);
    }

    #[test]
    fn masks_multiply_the_kurtosis_of_slopes() {
        let masked = |weights| {
            let theory = Dropout::new(Activation::Linear, 0.8, 0.0, 0.8).unwrap();
            theory.gradient_norm(weights).unwrap()
        };
        assert!((masked(Weights::Gaussian).beta - (3.0 / 0.8 - 1.0)).abs() < 1e-12);
        assert!((masked(Weights::Orthogonal).beta - 3.0 * (1.0 / 0.8 - 1.0)).abs() < 1e-12);
        assert!(masked(Weights::Gaussian).ln_chi_1.abs() < 1e-12);
    }

    #[test]
    fn the_distance_is_one_at_the_depth() {
        for (sigma_w2, weights) in [
            (1.2, Weights::Gaussian),
            (1.7, Weights::Orthogonal),
            (2.5, Weights::Gaussian),
            (4.0, Weights::Orthogonal),
        ] {
            let norm = Theory::new(Activation::Tanh, sigma_w2, 0.05).unwrap();
            let norm = norm.gradient_norm(weights).unwrap();
            for width in [16.0, 400.0, 1e9] {
                let depth = norm.depth(width);
                assert!((norm.distance(depth, width) - 1.0).abs() < 1e-12, "{norm:?} {width}");
            }
            let wide = norm.ln_chi_1.abs().recip();
            assert!((norm.depth(1e12) / wide - 1.0).abs() < 1e-3, "the limit of infinite width");
        }
    }
}
