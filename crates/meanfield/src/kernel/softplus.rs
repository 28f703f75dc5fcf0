//! Softplus, the integral of the logistic function: the mean of a ReLU with noise added to its argument.
//!
//! Since `softplus(x) = E[max(x + s n, 0)]`, `E[phi phi]` is the arc-cosine kernel of degree one of the noisy
//! pre-activations `v`, and `E[phi' phi'] = P(v_1 > 0, v_2 > 0)` (Cho and Saul 2009).

use std::f64::consts::{FRAC_PI_2, TAU};

use super::{
    Expectations, Moments, PairMoments,
    mixture::{LOGISTIC, Mixture, Node, NoisyPair},
};

#[derive(Clone, Copy, Debug)]
pub(super) struct Softplus {
    mixture: &'static Mixture,
}

impl Softplus {
    pub(super) fn new() -> Self {
        Self { mixture: &LOGISTIC }
    }
}

impl Expectations for Softplus {
    fn moments(&self, q: f64) -> Moments {
        let (mut square, mut slope) = (0.0, 0.0);
        for &pair in &self.mixture.pairs {
            let noisy = NoisyPair::new(pair, q, 0.0);
            let opening = FRAC_PI_2 + q.atan2(noisy.root_1);
            square += pair.weight * (noisy.root_1 + q * opening);
            // The second term is the contribution of the variances of v_1 and v_2: 1/A + 1/B = (A + B) / (A B).
            slope +=
                pair.weight * (opening + 0.5 * noisy.root_1 * (pair.sum + 2.0 * q) / noisy.product);
        }
        Moments { square: square / TAU, slope: slope / TAU }
    }

    fn pair(&self, q: f64, d: f64) -> PairMoments {
        let c = 1.0 - d;
        let (mut contraction, mut gradient) = (0.0, 0.0);
        for &pair in &self.mixture.pairs {
            let noisy = NoisyPair::new(pair, q, d);
            // E[phi phi] is the integral of E[phi' phi'] over q c, so the contraction is the mean of the latter.
            contraction +=
                pair.weight * (FRAC_PI_2 + q.atan2(noisy.root_1) - noisy.mean_angle(q, d));
            gradient += pair.weight * (FRAC_PI_2 + (q * c).atan2(noisy.root));
        }
        PairMoments { contraction: contraction / TAU, gradient: gradient / TAU }
    }

    fn covariance(&self, q_a: f64, q_b: f64, c: f64) -> f64 {
        let cross = q_a * q_b * (1.0 - c) * (1.0 + c);
        let kappa = c * q_a.sqrt() * q_b.sqrt();
        let mean = self.mixture.mean_over_pairs(|a, b| {
            let root = (a * b + q_a * b + q_b * a + cross).sqrt();
            root + kappa * (FRAC_PI_2 + kappa.atan2(root))
        });
        mean / TAU
    }

    fn mean(&self, q: f64) -> f64 {
        let term = |node: &Node| node.weight * ((q + node.variance) / TAU).sqrt();
        self.mixture.nodes.iter().map(term).sum()
    }
}
