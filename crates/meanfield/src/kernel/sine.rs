//! Sine: `E[sin u_1 sin u_2] = (e^{-q d} - e^{-q (2 - d)}) / 2` and
//! `E[cos u_1 cos u_2] = (e^{-q d} + e^{-q (2 - d)}) / 2`.

use super::{Expectations, Moments, PairMoments};

#[derive(Clone, Copy, Debug)]
pub(super) struct Sine;

impl Expectations for Sine {
    fn moments(&self, q: f64) -> Moments {
        Moments { square: -0.5 * (-2.0 * q).exp_m1(), slope: (-2.0 * q).exp() }
    }

    fn pair(&self, q: f64, d: f64) -> PairMoments {
        let far = (-q * (2.0 - d)).exp();
        let t = q * d;
        // (1 - e^-t) / t; below 1e-16 it equals one, and t may underflow.
        let fall = if t < 1e-16 { 1.0 } else { -(-t).exp_m1() / t };
        PairMoments {
            contraction: 0.5 * fall * (1.0 + far),
            gradient: f64::midpoint((-t).exp(), far),
        }
    }

    fn covariance(&self, q_a: f64, q_b: f64, c: f64) -> f64 {
        let kappa = c * q_a.sqrt() * q_b.sqrt();
        let mean = f64::midpoint(q_a, q_b);
        // e^{-mean} sinh(kappa), in a form that neither overflows nor cancels.
        let larger = (-(mean - kappa.abs())).exp();
        (-0.5 * larger * (-2.0 * kappa.abs()).exp_m1()).copysign(kappa)
    }

    fn mean(&self, _: f64) -> f64 {
        0.0
    }
}
