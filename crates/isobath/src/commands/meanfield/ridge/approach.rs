//! Convergence of measurements to the prediction at infinite width.

use super::measure::Mean;

/// Convergence of one layer's measurements to the prediction with the width, estimated from the two widest networks:
/// narrower networks deviate more than the leading power.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(in crate::commands::meanfield) struct Approach {
    /// Exponent `a` of `|measured - predicted| ~ width^-a` with its standard error. `None` if one of the two
    /// differences is less than twice its own standard error.
    pub(in crate::commands::meanfield) exponent: Option<Mean>,
    /// Linear extrapolation in `1 / width`.
    pub(in crate::commands::meanfield) limit: Option<Mean>,
}

impl Approach {
    /// Estimates from `points`, pairs of width and measurement; `None` for a single point.
    pub(super) fn new(predicted: f64, points: &[(usize, Mean)]) -> Self {
        let mut points = points.to_vec();
        points.sort_by_key(|(width, _)| *width);
        let [.., (narrow, a), (wide, b)] = points[..] else {
            return Self { exponent: None, limit: None };
        };
        let (narrow, wide) = (narrow as f64, wide as f64);
        Self {
            exponent: exponent(predicted, a, b, (wide / narrow).ln()),
            limit: Some(extrapolate(a, b, wide / (wide - narrow))),
        }
    }
}

/// Power between the narrower `a` and the wider `b`; `ln_ratio` is the logarithm of the ratio of widths.
fn exponent(predicted: f64, a: Mean, b: Mean, ln_ratio: f64) -> Option<Mean> {
    let [near, far] = [b, a].map(|measured| (measured.mean - predicted).abs());
    let is_seen = near >= 2.0 * b.error && far >= 2.0 * a.error && near > 0.0 && far > 0.0;
    let error = f64::hypot(a.error / far, b.error / near) / ln_ratio;
    is_seen.then(|| Mean { mean: (far / near).ln() / ln_ratio, error })
}

/// Intercept of the line through both over `1 / width`: `share` times the wider value minus the rest of the narrower.
fn extrapolate(a: Mean, b: Mean, share: f64) -> Mean {
    Mean {
        mean: share * b.mean - (share - 1.0) * a.mean,
        error: f64::hypot(share * b.error, (share - 1.0) * a.error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approach(value: impl Fn(f64) -> f64, error: f64) -> Approach {
        let point = |width: usize| (width, Mean { mean: value(width as f64), error });
        Approach::new(0.2, &[400, 100, 800].map(point))
    }

    #[test]
    fn powers_and_limits() {
        let found = approach(|width| 0.2 - 3.0 / width, 1e-6);
        let (exponent, limit) = (found.exponent.unwrap(), found.limit.unwrap());
        assert!((exponent.mean - 1.0).abs() < 1e-12 && exponent.error < 1e-3, "{found:?}");
        assert!((limit.mean - 0.2).abs() < 1e-12, "{found:?}");
        // Twice the widest minus the next.
        assert!((limit.error - 1e-6 * 5_f64.sqrt()).abs() < 1e-12, "{found:?}");
        let root = approach(|width| 0.2 + width.sqrt().recip(), 1e-6);
        assert!((root.exponent.unwrap().mean - 0.5).abs() < 1e-12, "{root:?}");
    }

    #[test]
    fn differences_below_the_noise_have_no_exponent() {
        let noisy = approach(|width| 0.2 + 1.0 / width, 0.1);
        assert!(noisy.exponent.is_none() && noisy.limit.is_some(), "{noisy:?}");
        let single = Approach::new(0.2, &[(100, Mean { mean: 0.3, error: 0.01 })]);
        assert!(single.exponent.is_none() && single.limit.is_none(), "{single:?}");
    }
}
