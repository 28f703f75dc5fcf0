//! GELU and SiLU: the argument times a mixture of normal distribution functions.
//!
//! With the noisy pre-activations `v_i = u_i + s_i n_i` of variances `A` and `B`, `x Phi(x / s) = E[x 1(v > 0)]`. Let
//! `kappa = q c`, `P = P(v_1 > 0, v_2 > 0) = 1/4 + asin(rho) / 2 pi` and `delta = A B - kappa^2`. Gaussian integration
//! by parts of `E[u_1 u_2 1(v_1 > 0) 1(v_2 > 0)]` gives
//!
//! ```text
//! E[phi phi]   = kappa P + q^2 (delta + c^2 s_1^2 s_2^2) / (2 pi A B sqrt(delta))
//! E[phi' phi'] = dE[phi phi] / dkappa
//! ```

use std::f64::consts::TAU;

use super::{
    Expectations, Moments, PairMoments,
    mixture::{GELU, LOGISTIC, Mixture, Node, NoisyPair},
};

#[derive(Clone, Copy, Debug)]
pub(super) struct Gated {
    mixture: &'static Mixture,
}

impl Gated {
    pub(super) fn gelu() -> Self {
        Self { mixture: &GELU }
    }

    pub(super) fn silu() -> Self {
        Self { mixture: &LOGISTIC }
    }
}

impl Gated {
    /// True if the mixture has a single component and needs no sum.
    pub(super) fn is_single(self) -> bool {
        self.mixture.nodes.len() == 1
    }
}

impl Expectations for Gated {
    fn moments(&self, q: f64) -> Moments {
        let (mut square, mut slope) = (0.0, 0.0);
        for &pair in &self.mixture.pairs {
            let noisy = NoisyPair::new(pair, q, 0.0);
            let both = 0.25 + q.atan2(noisy.root_1) / TAU;
            let lift = 2.0 * pair.product + q * pair.sum;
            let term = q * lift / (TAU * noisy.product * noisy.root_1);
            let growth =
                lift / noisy.product + (q * pair.sum / noisy.root_1).powi(2) / (2.0 * lift);
            square += pair.weight * q * (both + term);
            slope += pair.weight * (both + term * (0.5 + growth));
        }
        Moments { square, slope }
    }

    fn pair(&self, q: f64, d: f64) -> PairMoments {
        let c = 1.0 - d;
        let (mut contraction, mut gradient) = (0.0, 0.0);
        for &pair in &self.mixture.pairs {
            let noisy = NoisyPair::new(pair, q, d);
            let NoisyPair { product, root_1, root } = noisy;
            let delta_1 = root_1 * root_1;
            // Difference of the square roots of the second term between d = 0 and d, divided by d (2 - d), without the
            // part that turns kappa P into a mean of P.
            let rise = delta_1 / (root_1 + root)
                + pair.product * (delta_1 * (1.0 + c * c) + q * q)
                    / ((root + c * c * root_1) * root_1 * root);
            let angle = q.atan2(root_1) - noisy.mean_angle(q, d);
            contraction += pair.weight * (0.25 + (angle + q * (2.0 - d) * rise / product) / TAU);

            let tilt = 3.0 * pair.product + q * pair.sum + pair.product * (q * c / root).powi(2);
            gradient += pair.weight
                * (0.25 + ((q * c).atan2(root) + q * c * tilt / (root * product)) / TAU);
        }
        PairMoments { contraction, gradient }
    }

    fn covariance(&self, q_a: f64, q_b: f64, c: f64) -> f64 {
        let cross = q_a * q_b * (1.0 - c) * (1.0 + c);
        let kappa = c * q_a.sqrt() * q_b.sqrt();
        self.mixture.mean_over_pairs(|a, b| {
            let root = (a * b + q_a * b + q_b * a + cross).sqrt();
            let lift = q_a * q_b * (root + c * c * a * b / root) / ((q_a + a) * (q_b + b));
            kappa * (0.25 + kappa.atan2(root) / TAU) + lift / TAU
        })
    }

    fn mean(&self, q: f64) -> f64 {
        let root = q.sqrt();
        let term = |node: &Node| node.weight * root * (q / (q + node.variance)).sqrt();
        self.mixture.nodes.iter().map(term).sum::<f64>() / TAU.sqrt()
    }
}
