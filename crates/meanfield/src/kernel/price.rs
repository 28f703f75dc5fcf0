//! Pair moments from `E[phi''(u_1) phi''(u_2)]` by Price's theorem.
//!
//! `dE[f(u_1) g(u_2)] / dc = q E[f'(u_1) g'(u_2)]` (Price 1958). Apply it to `phi'` and integrate over the angle
//! `t = acos c`, with `w(t) = q sin(t) E[phi''(u_1) phi''(u_2)]`:
//!
//! ```text
//! E[phi' phi'](t) = E[phi'^2] - int_0^t w(s) ds
//! contraction(t)  = E[phi'^2] - int_0^t w(s) (cos s - cos t) / (1 - cos t) ds
//! ```
//!
//! `w` stays bounded where `phi'` jumps: the factor `1 / sin t` of the delta functions cancels.

use std::f64::consts::{FRAC_PI_2, PI};

use super::PairMoments;
use crate::quadrature::{gauss_legendre, graded_panels};

/// Angle `acos(1 - d)`, accurate for small `d`.
pub(super) fn angle(d: f64) -> f64 {
    if d < 2.0 { 2.0 * (0.5 * d).sqrt().asin() } else { PI }
}

/// Pair moments at deficiency `d`, given `E[phi'^2]`, the curvature term `w` and the angle `scale` on which it varies.
pub(super) fn integrate(
    gradient_square: f64,
    d: f64,
    scale: f64,
    curvature: impl Fn(f64) -> f64,
) -> PairMoments {
    let t = angle(d);
    let (mut gradient, mut contraction) = (gradient_square, gradient_square);
    let mut subtract = |s: f64, weight: f64| {
        let part = weight * curvature(s);
        gradient -= part;
        contraction -= part * angular_weight(s, t);
    };
    // The curvature term is steep near 0, where u_1 and u_2 are nearly equal, and near pi, where they are opposite.
    for panel in graded_panels(0.0, t.min(FRAC_PI_2), scale) {
        gauss_legendre(panel).for_each(|(s, weight)| subtract(s, weight));
    }
    for panel in graded_panels(PI - t, FRAC_PI_2, scale) {
        gauss_legendre(panel).for_each(|(s, weight)| subtract(PI - s, weight));
    }
    PairMoments { contraction, gradient }
}

/// `(cos s - cos t) / (1 - cos t)` for `0 <= s <= t`, `t > 0`.
fn angular_weight(s: f64, t: f64) -> f64 {
    let half = (0.5 * t).sin();
    (0.5 * (t - s)).sin() * (0.5 * (t + s)).sin() / (half * half)
}
