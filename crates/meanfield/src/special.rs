//! Functions of the normal distribution that are missing from the standard library and `libm`.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, PI};

/// Density of the standard normal distribution.
pub(crate) fn normal_pdf(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

/// Distribution function of the standard normal distribution.
pub(crate) fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// Scaled complementary error function `exp(x^2) erfc(x)` for `x >= 0`, to a few units in the last place.
///
/// It equals the half-line mean `2 E[e^{-sqrt(2) x z}; z > 0]` of a standard normal `z`.
pub(crate) fn erfcx(x: f64) -> f64 {
    if x < FRACTION_FROM {
        // Add the rounding error of the square; otherwise the square itself would multiply it.
        let square = x * x;
        square.exp() * (1.0 + x.mul_add(x, -square)) * libm::erfc(x)
    } else {
        0.5 * FRAC_2_SQRT_PI / (x + fraction_tail(x))
    }
}

/// Computes `1 - sqrt(pi) x erfcx(x)` for `x >= 0` without cancellation.
///
/// It is the radial mean `E[e^{-sqrt(2) x r}]` over the length `r` of a standard normal vector in the plane.
pub(crate) fn rayleigh_laplace(x: f64) -> f64 {
    if x < FRACTION_FROM {
        1.0 - PI.sqrt() * x * erfcx(x)
    } else {
        let tail = fraction_tail(x);
        tail / (x + tail)
    }
}

/// Argument from which `FRACTION_TERMS` terms of Laplace's continued fraction are exact in double precision.
const FRACTION_FROM: f64 = 5.0;
const FRACTION_TERMS: u32 = 30;

/// Tail `t` of `sqrt(pi) erfcx(x) = 1 / (x + t)`, `t = (1/2) / (x + (2/2) / (x + (3/2) / (x + ...)))`.
fn fraction_tail(x: f64) -> f64 {
    (1..=FRACTION_TERMS).rev().fold(0.0, |tail, k| 0.5 * f64::from(k) / (x + tail))
}

/// Computes `E[z^2; |z| < h]` for a standard normal `z` and `h >= 0`, accurately for arbitrarily small `h`.
pub(crate) fn truncated_square(h: f64) -> f64 {
    if h > 40.0 {
        return 1.0;
    }
    if h > 1.0 {
        return libm::erf(h * FRAC_1_SQRT_2) - 2.0 * h * normal_pdf(h);
    }
    let mut power = 1.0;
    let mut sum = 0.0;
    for k in 0..20 {
        sum += power / f64::from(2 * k + 3);
        power *= -0.5 * h * h / f64::from(k + 1);
    }
    2.0 / (2.0 * PI).sqrt() * h * h * h * sum
}

/// Computes `(sin t - t cos t) / (1 - cos t)` for `t` in `[0, pi]`, accurately for arbitrarily small `t`.
pub(crate) fn sine_excess(t: f64) -> f64 {
    let half_sine = (0.5 * t).sin();
    if t > 1.0 {
        return (t.sin() - t * t.cos()) / (2.0 * half_sine * half_sine);
    }
    // sin t - t cos t = sum_k (-1)^(k+1) 2k t^(2k+1) / (2k+1)!
    let mut term = t / 6.0;
    let mut sum = 0.0;
    for k in 1..12 {
        let k = f64::from(k);
        sum += 2.0 * k * term;
        term *= -t * t / ((2.0 * k + 2.0) * (2.0 * k + 3.0));
    }
    // The series lacks a factor t^2, which cancels with the denominator 2 sin^2(t/2).
    let cardinal = if t > 0.0 { half_sine / (0.5 * t) } else { 1.0 };
    2.0 * sum / (cardinal * cardinal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, tolerance: f64) -> bool {
        (a - b).abs() <= tolerance * b.abs()
    }

    #[test]
    fn erfcx_at_known_points() {
        // Abramowitz and Stegun, table 7.4 and the leading asymptotic terms.
        assert!(close(erfcx(0.0), 1.0, 1e-15));
        assert!(close(erfcx(1.0), 0.427_583_576_155_807, 1e-14));
        assert!(close(erfcx(1e8), 1.0 / (1e8 * PI.sqrt()), 1e-15));
    }

    #[test]
    fn both_branches_of_erfcx_agree() {
        for k in 0..20 {
            let x = FRACTION_FROM - 0.05 * f64::from(k) - 1e-9;
            let fraction = 0.5 * FRAC_2_SQRT_PI / (x + fraction_tail(x));
            assert!(close(erfcx(x), fraction, 4e-14), "{x}: {} {fraction}", erfcx(x));
        }
    }

    #[test]
    fn rayleigh_laplace_is_continuous_and_asymptotic() {
        let below = rayleigh_laplace(FRACTION_FROM - 1e-13);
        assert!(close(below, rayleigh_laplace(FRACTION_FROM), 1e-12));
        assert!(close(rayleigh_laplace(1e6), 0.5e-12, 1e-11));
    }

    #[test]
    fn truncated_square_branches_agree() {
        assert!(close(truncated_square(1.0), truncated_square(1.0 + 1e-15), 1e-14));
        assert!(close(truncated_square(1e-3), 2.0 / (2.0 * PI).sqrt() * 1e-9 / 3.0, 1e-6));
        assert!(close(truncated_square(30.0), 1.0, 1e-15));
    }

    #[test]
    fn sine_excess_branches_agree() {
        assert!(close(sine_excess(1.0), sine_excess(1.0 + 1e-15), 1e-14));
        assert!(close(sine_excess(1e-9), 2e-9 / 3.0, 1e-14));
        assert!(close(sine_excess(PI), PI / 2.0, 1e-14));
    }
}
