//! ELU and SELU: `scale * x` above zero, `scale * alpha * (e^x - 1)` below.
//!
//! With `r = sqrt(q / 2)`, `E[e^{k u}; u < 0] = erfcx(k r) / 2` gives the moments of one pre-activation. `phi''` is
//! `scale` times the sum of a delta function of weight `1 - alpha` at zero and `alpha e^x` below zero. Its three pair
//! expectations are the density at the origin, an `erfcx`, and `J(t) = E[e^{u_1 + u_2}; u_1 < 0, u_2 < 0]`, an integral
//! over the direction in the plane.

use std::f64::consts::{FRAC_1_PI, FRAC_2_SQRT_PI, FRAC_PI_2, PI, TAU};

use super::{Expectations, Moments, PairMoments, price};
use crate::{
    phi::{Phi, Shape},
    quadrature::{gauss_legendre, gaussian_mean_pair, graded_panels},
    special::{erfcx, rayleigh_laplace},
};

#[derive(Clone, Copy, Debug)]
pub(super) struct Elu {
    scale: f64,
    alpha: f64,
}

impl Elu {
    pub(super) fn new(scale: f64, alpha: f64) -> Self {
        Self { scale, alpha }
    }
}

impl Expectations for Elu {
    fn moments(&self, q: f64) -> Moments {
        let r = (0.5 * q).sqrt();
        let (scale, alpha) = (self.scale * self.scale, self.alpha * self.alpha);
        Moments {
            square: scale * (0.5 * q + alpha * exponential_square(r)),
            slope: scale * (0.5 + alpha * (erfcx(2.0 * r) - 0.5 * erfcx(r))),
        }
    }

    fn gradient_square(&self, q: f64) -> f64 {
        let r = (0.5 * q).sqrt();
        self.scale * self.scale * 0.5 * (1.0 + self.alpha * self.alpha * erfcx(2.0 * r))
    }

    fn pair(&self, q: f64, d: f64) -> PairMoments {
        let r = (0.5 * q).sqrt();
        let jump = 1.0 - self.alpha;
        let curvature = |t: f64| {
            let kink = jump * jump / TAU;
            let mixed = jump * self.alpha * r / PI.sqrt() * t.sin() * erfcx(r * t.sin());
            let smooth = self.alpha * self.alpha * q * t.sin() * both_negative(r, t);
            self.scale * self.scale * (kink + mixed + smooth)
        };
        price::integrate(self.gradient_square(q), d, 1.0 / r, curvature)
    }

    fn covariance(&self, q_a: f64, q_b: f64, c: f64) -> f64 {
        let phi = Phi(Shape::Elu { scale: self.scale, alpha: self.alpha });
        gaussian_mean_pair(q_a, q_b, c, phi.kinks(), |u| phi.value(u), |u| phi.value(u))
    }

    fn mean(&self, q: f64) -> f64 {
        let r = (0.5 * q).sqrt();
        self.scale * (r / PI.sqrt() - 0.5 * self.alpha * exponential_deficit(r))
    }
}

/// Computes `E[(e^u - 1)^2; u < 0] = (erfcx(2r) - 2 erfcx(r) + 1) / 2`, by its power series at small `r`.
fn exponential_square(r: f64) -> f64 {
    if r > 0.25 {
        return 0.5 * (erfcx(2.0 * r) - 2.0 * erfcx(r) + 1.0);
    }
    // erfcx(x) = sum_n (-x)^n / Gamma(n/2 + 1); each term follows from the term two before it.
    let mut terms = [1.0, -r * 2.0 / PI.sqrt()];
    let mut power = 1.0;
    let mut sum = 0.0;
    for n in 2..36 {
        let term = terms[n % 2] * r * r / (0.5 * n as f64);
        terms[n % 2] = term;
        power *= 2.0;
        sum += term * (2.0 * power - 2.0);
    }
    0.5 * sum
}

/// Computes `2 E[1 - e^u; u < 0] = 1 - erfcx(r)`, by the leading terms of its power series at small `r`.
fn exponential_deficit(r: f64) -> f64 {
    if r > 1e-4 {
        return 1.0 - erfcx(r);
    }
    r * (FRAC_2_SQRT_PI - r * (1.0 - r * (2.0 / 3.0) * FRAC_2_SQRT_PI))
}

/// Computes `J(t)` for the angle `t = acos c`, by an integral over the wedge of directions in which both are negative.
///
/// In the direction `b` from the axis of the wedge, `u_1 + u_2 = -2 sqrt(q) cos(t/2) cos(b) * radius`, and the mean of
/// its exponential over the radius is `rayleigh_laplace`. The integral runs over `a = pi/2 - b`, because the integrand
/// is steep near `a = 0` when `q` is large.
fn both_negative(r: f64, t: f64) -> f64 {
    let rate = 2.0 * r * (0.5 * t).cos();
    let mut sum = 0.0;
    for panel in graded_panels(0.5 * t, FRAC_PI_2, 1.0 / r) {
        for (a, weight) in gauss_legendre(panel) {
            sum += weight * rayleigh_laplace(rate * a.sin());
        }
    }
    FRAC_1_PI * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_and_closed_form_agree() {
        let below = exponential_square(0.25);
        let direct = 0.5 * (erfcx(0.5) - 2.0 * erfcx(0.25) + 1.0);
        assert!((below / direct - 1.0).abs() < 1e-13, "{below} {direct}");
        assert!((exponential_square(1e-9) / 1e-18 - 1.0).abs() < 1e-8);
    }

    #[test]
    fn both_negative_matches_its_limits() {
        // At t = 0 both are the same variable: E[e^{2u}; u < 0]. At t = pi/2 they are independent.
        for r in [0.1, 1.0, 20.0] {
            assert!((both_negative(r, 0.0) / (0.5 * erfcx(2.0 * r)) - 1.0).abs() < 1e-12, "{r}");
            assert!(
                (both_negative(r, FRAC_PI_2) / (0.5 * erfcx(r)).powi(2) - 1.0).abs() < 1e-12,
                "{r}"
            );
        }
    }
}
