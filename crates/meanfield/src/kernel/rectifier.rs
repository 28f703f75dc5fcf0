//! ReLU, leaky ReLU and the identity: `phi(x) = s x + (1 - s) max(x, 0)`, with the arc-cosine kernel.
//!
//! `E[phi phi] / q = s c + (1 - s)^2 (sin t + (pi - t) cos t) / 2 pi` with `t = acos c` (Cho and Saul 2009).

use std::f64::consts::{PI, TAU};

use super::{Expectations, Moments, PairMoments, price::angle};
use crate::special::sine_excess;

#[derive(Clone, Copy, Debug)]
pub(super) struct Rectifier {
    slope: f64,
    /// `(1 - slope)^2`, the squared jump of `phi'` at zero.
    jump: f64,
}

impl Rectifier {
    pub(super) fn new(slope: f64) -> Self {
        Self { slope, jump: (1.0 - slope) * (1.0 - slope) }
    }
}

impl Expectations for Rectifier {
    fn moments(&self, q: f64) -> Moments {
        let slope = f64::midpoint(1.0, self.slope * self.slope);
        Moments { square: slope * q, slope }
    }

    fn pair(&self, _: f64, d: f64) -> PairMoments {
        let t = angle(d);
        PairMoments {
            contraction: self.slope + self.jump * (0.5 - sine_excess(t) / TAU),
            gradient: self.slope + self.jump * (PI - t) / TAU,
        }
    }

    fn covariance(&self, q_a: f64, q_b: f64, c: f64) -> f64 {
        let t = c.acos();
        q_a.sqrt() * q_b.sqrt() * (self.slope * c + self.jump * (t.sin() + (PI - t) * c) / TAU)
    }

    fn mean(&self, q: f64) -> f64 {
        (1.0 - self.slope) * (q / TAU).sqrt()
    }
}
