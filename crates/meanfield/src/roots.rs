//! Bracketed root finding; every search terminates.

/// Relative width of the bracket at which a search stops.
const RELATIVE_WIDTH: f64 = 4.0 * f64::EPSILON;
/// Newton's method squares the error in each step, so a step of this relative size is the last one needed.
const LAST_STEP: f64 = 1e-9;
/// Bisection alone needs about 75 steps for the whole range of positive doubles.
const MAX_STEPS: usize = 200;

/// Root in `[lo, hi]`, `0 < lo <= hi`, of a function that is positive at `lo` and negative at `hi`.
///
/// `f` returns the value and its derivative with respect to `ln x`. Newton steps are taken in `ln x`, so the root may
/// be orders of magnitude away. A bisection replaces a step that leaves the bracket or does not halve the previous one.
pub(crate) fn newton_log(
    lo: f64,
    hi: f64,
    start: f64,
    mut f: impl FnMut(f64) -> (f64, f64),
) -> f64 {
    let (mut lo, mut hi) = (lo, hi);
    let mut x = start.clamp(lo, hi);
    let mut last = f64::INFINITY;
    for _ in 0..MAX_STEPS {
        let (value, slope) = f(x);
        if value == 0.0 {
            break;
        }
        if value > 0.0 {
            lo = x;
        } else {
            hi = x;
        }
        if hi - lo <= RELATIVE_WIDTH * lo {
            break;
        }
        let step = -value / slope;
        let next = x * step.exp();
        if (lo..=hi).contains(&next) && step.abs() <= 0.5 * last {
            x = next;
            last = step.abs();
            if last < LAST_STEP {
                break;
            }
        } else {
            // At the level of rounding errors neither kind of step is meaningful.
            if step.abs() < 1e-14 {
                break;
            }
            last = 0.5 * (hi / lo).ln();
            x = lo.sqrt() * hi.sqrt();
        }
    }
    x
}

/// Root between `a` and `b` of a function with opposite signs there, by Brent's method.
///
/// Brent, *Algorithms for Minimization without Derivatives* (1973), chapter 4.
pub(crate) fn brent(a: f64, b: f64, mut f: impl FnMut(f64) -> f64) -> f64 {
    let (mut a, mut b) = (a, b);
    let (mut fa, mut fb) = (f(a), f(b));
    let (mut c, mut fc) = (a, fa);
    let mut step = b - a;
    let mut step_before = step;
    for _ in 0..MAX_STEPS {
        if (fb > 0.0) == (fc > 0.0) {
            (c, fc) = (a, fa);
            step = b - a;
            step_before = step;
        }
        if fc.abs() < fb.abs() {
            (a, b, c) = (b, c, b);
            (fa, fb, fc) = (fb, fc, fb);
        }
        let tolerance = RELATIVE_WIDTH * b.abs();
        let half = 0.5 * (c - b);
        if half.abs() <= tolerance || fb == 0.0 {
            break;
        }
        let proposal = if step_before.abs() > tolerance && fa.abs() > fb.abs() {
            interpolate([(a, fa), (b, fb), (c, fc)])
        } else {
            half
        };
        // Accept a proposal within three quarters of the bracket if steps shrink by half every other iteration.
        let within = proposal * half > 0.0 && proposal.abs() < 1.5 * half.abs() - 0.5 * tolerance;
        if within && proposal.abs() < 0.5 * step_before.abs() {
            step_before = step;
            step = proposal;
        } else {
            step = half;
            step_before = half;
        }
        (a, fa) = (b, fb);
        b += if step.abs() > tolerance { step } else { tolerance.copysign(half) };
        fb = f(b);
    }
    b
}

/// Step from `b` to the root of the inverse quadratic (or, with two distinct points, the secant) through the points.
fn interpolate([(a, fa), (b, fb), (c, fc)]: [(f64, f64); 3]) -> f64 {
    let s = fb / fa;
    if a.total_cmp(&c).is_eq() {
        return (b - a) * s / (1.0 - s);
    }
    let (r, t) = (fb / fc, fa / fc);
    s * ((b - a) * (r - 1.0) - (c - b) * t * (t - r)) / ((t - 1.0) * (r - 1.0) * (s - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newton_crosses_orders_of_magnitude() {
        for target in [1e-250, 1e-7, 1.0, 3e5] {
            let root = newton_log(1e-300, 1e10, 1e10, |x| (target - x, -x));
            assert!((root / target - 1.0).abs() < 1e-14, "{root} {target}");
        }
    }

    #[test]
    fn newton_converges_with_a_wrong_slope() {
        let root = newton_log(1e-3, 1e3, 1.0, |x| (2.0 - x, 1e-9));
        assert!((root - 2.0).abs() < 1e-12, "{root}");
    }

    #[test]
    fn brent_finds_roots_in_few_steps() {
        let mut calls = 0;
        let mut count = |y: f64| {
            calls += 1;
            y
        };
        let cosine = brent(0.0, 3.0, |x| count(x.cos()));
        assert!((cosine - std::f64::consts::FRAC_PI_2).abs() < 1e-14);
        let flat = brent(-1.0, 4.0, |x| count((x - 1.0).powi(3)));
        assert!((flat - 1.0).abs() < 1e-5);
        let steep = brent(0.0, 10.0, |x| count((-5.0 * x).exp() - 1e-3));
        assert!((steep - 1e3_f64.ln() / 5.0).abs() < 1e-14);
        assert!(calls < 250, "{calls}");
    }
}
