//! How what networks show approaches what is predicted at infinite width.

use super::measure::Mean;

/// How the measurements of one layer approach the prediction as the width grows.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(in crate::cli::meanfield) struct Approach {
    /// `a` of `|measured - predicted| = b width^-a`, by least squares through the logarithms, and its standard error.
    /// `None` where fewer than two differences are at least twice their standard error.
    pub(in crate::cli::meanfield) exponent: Option<Mean>,
    /// `ln b`
    pub(in crate::cli::meanfield) intercept: Option<f64>,
    /// What the two widest extrapolate to, linearly in `1 / width`. `None` with a single width.
    pub(in crate::cli::meanfield) limit: Option<Mean>,
}

impl Approach {
    /// `points` are widths and what networks of these widths show.
    pub(super) fn new(predicted: f64, points: &[(usize, Mean)]) -> Self {
        let fit = fit_power(predicted, points);
        Self {
            exponent: fit.map(|(exponent, _)| exponent),
            intercept: fit.map(|(_, intercept)| intercept),
            limit: extrapolate(points),
        }
    }

    /// The fitted difference at a width.
    pub(in crate::cli::meanfield) fn difference(&self, width: f64) -> Option<f64> {
        let (exponent, intercept) = (self.exponent?, self.intercept?);
        Some((intercept - exponent.mean * width.ln()).exp())
    }
}

/// The exponent and `ln b`, each difference weighted by the inverse square of its relative error.
fn fit_power(predicted: f64, points: &[(usize, Mean)]) -> Option<(Mean, f64)> {
    let logarithms: Vec<[f64; 3]> = points
        .iter()
        .map(|(width, Mean { mean, error })| (*width as f64, (mean - predicted).abs(), *error))
        .filter(|(_, difference, error)| *error > 0.0 && *difference >= 2.0 * error)
        .map(|(width, difference, error)| {
            [width.ln(), difference.ln(), (difference / error).powi(2)]
        })
        .collect();
    let sum = |term: &dyn Fn(f64, f64) -> f64| {
        logarithms.iter().map(|[x, y, weight]| weight * term(*x, *y)).sum::<f64>()
    };
    let total = sum(&|_, _| 1.0);
    let (x, y) = (sum(&|x, _| x) / total, sum(&|_, y| y) / total);
    let spread = sum(&|at, _| (at - x).powi(2));
    if logarithms.len() < 2 || spread <= 0.0 {
        return None;
    }
    let slope = sum(&|at, value| (at - x) * (value - y)) / spread;
    Some((Mean { mean: -slope, error: spread.recip().sqrt() }, y - slope * x))
}

/// Where the line through the two widest, over `1 / width`, ends.
fn extrapolate(points: &[(usize, Mean)]) -> Option<Mean> {
    let mut points = points.to_vec();
    points.sort_by_key(|(width, _)| *width);
    let [.., (narrow, a), (wide, b)] = points[..] else { return None };
    let (narrow, wide) = (narrow as f64, wide as f64);
    let share = wide / (wide - narrow);
    let mean = share * b.mean - (share - 1.0) * a.mean;
    let error = f64::hypot(share * b.error, (share - 1.0) * a.error);
    (wide > narrow).then_some(Mean { mean, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(value: impl Fn(f64) -> f64, error: f64) -> Vec<(usize, Mean)> {
        let point = |width: usize| (width, Mean { mean: value(width as f64), error });
        [100, 200, 400, 800].map(point).to_vec()
    }

    #[test]
    fn powers_are_found() {
        let approach = Approach::new(0.2, &points(|width| 0.2 - 3.0 / width, 1e-6));
        let exponent = approach.exponent.unwrap();
        assert!((exponent.mean - 1.0).abs() < 1e-12 && exponent.error < 1e-3, "{approach:?}");
        assert!((approach.difference(300.0).unwrap() - 0.01).abs() < 1e-12, "{approach:?}");
        let limit = approach.limit.unwrap();
        assert!((limit.mean - 0.2).abs() < 1e-12, "{approach:?}");
        // Twice the widest less the next.
        assert!((limit.error - 1e-6 * 5_f64.sqrt()).abs() < 1e-12, "{approach:?}");
        let root = Approach::new(0.0, &points(|width| width.sqrt().recip(), 1e-6));
        assert!((root.exponent.unwrap().mean - 0.5).abs() < 1e-12, "{root:?}");
    }

    #[test]
    fn what_is_lost_in_the_noise_has_no_exponent() {
        let noisy = Approach::new(0.2, &points(|width| 0.2 + 1.0 / width, 0.1));
        assert!(noisy.exponent.is_none() && noisy.limit.is_some(), "{noisy:?}");
        let single = Approach::new(0.2, &points(|_| 0.3, 0.01)[..1]);
        assert!(single.exponent.is_none() && single.limit.is_none(), "{single:?}");
    }
}
