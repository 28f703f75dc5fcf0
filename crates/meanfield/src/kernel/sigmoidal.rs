//! Erf, tanh and sigmoid: mixtures of normal distribution functions, with the arcsine kernel.
//!
//! `E[(2 Phi(u_1 / s_1) - 1)(2 Phi(u_2 / s_2) - 1)] = (2 / pi) asin rho`, `rho = q c / sqrt((q + s_1^2)(q + s_2^2))`
//! (Williams 1997). The derivative with respect to `q c` is `E[phi' phi']`.

use std::f64::consts::FRAC_2_PI;

use super::{
    Expectations, Moments, PairMoments,
    mixture::{ERF, LOGISTIC, Mixture, NoisyPair, TANH},
};

/// Function `offset + amplitude * E_s[2 Phi(x / s) - 1]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sigmoidal {
    mixture: &'static Mixture,
    offset: f64,
    amplitude: f64,
}

impl Sigmoidal {
    pub(super) fn tanh() -> Self {
        Self { mixture: &TANH, offset: 0.0, amplitude: 1.0 }
    }

    pub(super) fn erf() -> Self {
        Self { mixture: &ERF, offset: 0.0, amplitude: 1.0 }
    }

    pub(super) fn sigmoid() -> Self {
        Self { mixture: &LOGISTIC, offset: 0.5, amplitude: 0.5 }
    }

    /// Common factor of all expectations: the squared amplitude times the factor of the arcsine kernel.
    fn factor(&self) -> f64 {
        FRAC_2_PI * self.amplitude * self.amplitude
    }
}

impl Sigmoidal {
    /// True if the mixture has a single component and needs no sum.
    pub(super) fn is_single(self) -> bool {
        self.mixture.nodes.len() == 1
    }
}

impl Expectations for Sigmoidal {
    fn moments(&self, q: f64) -> Moments {
        let (mut square, mut slope) = (0.0, 0.0);
        for &pair in &self.mixture.pairs {
            let noisy = NoisyPair::new(pair, q, 0.0);
            square += pair.weight * q.atan2(noisy.root_1);
            slope +=
                pair.weight * (pair.product + 0.5 * q * pair.sum) / (noisy.product * noisy.root_1);
        }
        Moments {
            square: self.offset * self.offset + self.factor() * square,
            slope: self.factor() * slope,
        }
    }

    fn pair(&self, q: f64, d: f64) -> PairMoments {
        let (mut contraction, mut gradient) = (0.0, 0.0);
        for &pair in &self.mixture.pairs {
            let noisy = NoisyPair::new(pair, q, d);
            contraction += pair.weight * noisy.angle_rate(q, d);
            gradient += pair.weight / noisy.root;
        }
        PairMoments { contraction: self.factor() * contraction, gradient: self.factor() * gradient }
    }

    fn gradient_square(&self, q: f64) -> f64 {
        let mean: f64 = self
            .mixture
            .pairs
            .iter()
            .map(|pair| pair.weight / (pair.product + q * pair.sum).sqrt())
            .sum();
        self.factor() * mean
    }

    fn covariance(&self, q_a: f64, q_b: f64, c: f64) -> f64 {
        let cross = q_a * q_b * (1.0 - c) * (1.0 + c);
        let kappa = c * q_a.sqrt() * q_b.sqrt();
        let mean = self
            .mixture
            .mean_over_pairs(|a, b| kappa.atan2((a * b + q_a * b + q_b * a + cross).sqrt()));
        self.offset * self.offset + self.factor() * mean
    }

    fn mean(&self, _: f64) -> f64 {
        self.offset
    }
}
