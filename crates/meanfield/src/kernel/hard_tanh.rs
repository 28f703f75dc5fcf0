//! Hard tanh, `x` clamped to `[-1, 1]`.
//!
//! `phi''` is a delta function at -1 minus one at 1. `E[phi''(u_1) phi''(u_2)]` is therefore twice the difference of
//! two values of the bivariate normal density: one with both at the same kink, one with both at opposite kinks.

use std::f64::consts::{FRAC_1_PI, FRAC_1_SQRT_2};

use super::{Expectations, Moments, PairMoments, price};
use crate::{
    phi::{Phi, Shape},
    quadrature::gaussian_mean_pair,
    special::truncated_square,
};

#[derive(Clone, Copy, Debug)]
pub(super) struct HardTanh;

impl Expectations for HardTanh {
    fn moments(&self, q: f64) -> Moments {
        // End of the linear part, in standard deviations.
        let h = q.sqrt().recip();
        let slope = truncated_square(h);
        Moments { square: q * slope + libm::erfc(h * FRAC_1_SQRT_2), slope }
    }

    fn gradient_square(&self, q: f64) -> f64 {
        libm::erf(q.sqrt().recip() * FRAC_1_SQRT_2)
    }

    fn pair(&self, q: f64, d: f64) -> PairMoments {
        let density = |x: f64| (-0.5 / (q * x * x)).exp();
        let curvature = |t: f64| FRAC_1_PI * (density((0.5 * t).cos()) - density((0.5 * t).sin()));
        price::integrate(self.gradient_square(q), d, 0.5 / q.sqrt(), curvature)
    }

    fn covariance(&self, q_a: f64, q_b: f64, c: f64) -> f64 {
        let phi = Phi(Shape::HardTanh);
        gaussian_mean_pair(q_a, q_b, c, phi.kinks(), |u| phi.value(u), |u| phi.value(u))
    }

    fn mean(&self, _: f64) -> f64 {
        0.0
    }
}
