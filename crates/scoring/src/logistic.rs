use serde::{Deserialize, Serialize};

/// Calibration from a score to the probability of success, `1 / (1 + exp(-(slope z + intercept)))`.
///
/// The calibration is a logistic regression on the standardised score `z = (score - centre) / scale`, with three
/// safeguards:
///
/// * `z` is clipped to `[-8, 8]`, so that infinite and very large scores have a bounded influence. Centre and scale are
///   the median and the interquartile range of the finite scores.
/// * Outcomes enter as `(n_1 + 1) / (n_1 + 2)` and `1 / (n_0 + 2)` instead of 1 and 0 (Platt 1999). The slope is
///   therefore finite for separable outcomes, and the certainty of probabilities is limited by the number of rows.
/// * The slope is non-negative. A score that predicts the opposite of the outcome is not reversed but ignored: the
///   calibration then predicts the overall frequency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    centre: f64,
    scale: f64,
    slope: f64,
    intercept: f64,
    /// Smallest and largest finite score of the fit.
    seen: [f64; 2],
}

/// Clipping bound of standardised scores.
const CLIP: f64 = 8.0;

impl Logistic {
    /// Fits the calibration to the outcomes. Without rows it predicts 1/2.
    pub fn fit(scores: &[f64], outcomes: &[bool]) -> Self {
        assert_eq!(scores.len(), outcomes.len(), "one outcome for each score");
        let (centre, scale) = centre_and_scale(scores);
        let unfitted = Self { centre, scale, slope: 0.0, intercept: 0.0, seen: ends(scores) };
        let z: Vec<f64> = scores.iter().map(|&score| unfitted.standardised(score)).collect();
        let targets = smoothed(outcomes);
        let constant = mean_logit(&targets);
        let [slope, intercept] = minimum(&z, &targets, [0.0, constant]);
        if slope > 0.0 {
            Self { slope, intercept, ..unfitted }
        } else {
            Self { slope: 0.0, intercept: constant, ..unfitted }
        }
    }

    /// Probability of success, in `(0, 1)`.
    pub fn probability(&self, score: f64) -> f64 {
        logistic(self.slope * self.standardised(score) + self.intercept)
    }

    /// Score at which success and failure are equally likely; `None` if the slope is zero or all finite scores of the
    /// fit are on one side.
    pub fn threshold(&self) -> Option<f64> {
        let z = -self.intercept / self.slope;
        let threshold = self.centre + self.scale * z;
        let [low, high] = self.seen;
        let is_seen = z.abs() < CLIP && (low..=high).contains(&threshold);
        (self.slope > 0.0 && is_seen).then_some(threshold)
    }

    /// Increase of the log-odds per unit of the score; non-negative.
    pub fn slope(&self) -> f64 {
        self.slope / self.scale
    }

    fn standardised(&self, score: f64) -> f64 {
        assert!(!score.is_nan(), "a score is not a number");
        ((score - self.centre) / self.scale).clamp(-CLIP, CLIP)
    }
}

/// Smallest and largest finite score; infinite and in reverse order if there is none.
fn ends(scores: &[f64]) -> [f64; 2] {
    let finite = || scores.iter().copied().filter(|score| score.is_finite());
    [finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max)]
}

/// Median and interquartile range of the finite scores; the range, or 1, if the latter is zero.
fn centre_and_scale(scores: &[f64]) -> (f64, f64) {
    let mut finite: Vec<f64> = scores.iter().copied().filter(|score| score.is_finite()).collect();
    finite.sort_by(f64::total_cmp);
    let Some(last) = finite.len().checked_sub(1) else { return (0.0, 1.0) };
    let at = |share: f64| finite[(share * last as f64).round() as usize];
    let spreads = [at(0.75) - at(0.25), at(1.0) - at(0.0), 1.0];
    let scale = spreads.into_iter().find(|&spread| spread > 0.0 && spread.is_finite());
    (at(0.5), scale.unwrap_or(1.0))
}

/// Platt's smoothed targets.
fn smoothed(outcomes: &[bool]) -> Vec<f64> {
    let successes = outcomes.iter().filter(|&&success| success).count() as f64;
    let failures = outcomes.len() as f64 - successes;
    let (high, low) = ((successes + 1.0) / (successes + 2.0), 1.0 / (failures + 2.0));
    outcomes.iter().map(|&success| if success { high } else { low }).collect()
}

/// Log-odds of the mean of the targets.
fn mean_logit(targets: &[f64]) -> f64 {
    if targets.is_empty() {
        return 0.0;
    }
    let mean = targets.iter().sum::<f64>() / targets.len() as f64;
    (mean / (1.0 - mean)).ln()
}

/// Slope and intercept with the smallest cross-entropy, by Newton's method with step halving (following Lin, Lin and
/// Weng, Machine Learning 68, 2007). The function is convex.
fn minimum(z: &[f64], targets: &[f64], start: [f64; 2]) -> [f64; 2] {
    /// Keeps the second derivatives positive if all scores are equal.
    const RIDGE: f64 = 1e-10;
    let loss = |[slope, intercept]: [f64; 2]| -> f64 {
        // Computes ln(1 + e^f) - t f without overflow.
        let of_row = |(&z, &t): (&f64, &f64)| {
            let f = slope * z + intercept;
            f.max(0.0) + (-f.abs()).exp().ln_1p() - t * f
        };
        z.iter().zip(targets).map(of_row).sum()
    };
    let mut at = start;
    let mut value = loss(at);
    for _ in 0..100 {
        let (mut gradient, mut hessian) = ([0.0; 2], [RIDGE, 0.0, RIDGE]);
        for (&z, &t) in z.iter().zip(targets) {
            let p = logistic(at[0] * z + at[1]);
            let (residual, weight) = (p - t, p * (1.0 - p));
            gradient[0] += residual * z;
            gradient[1] += residual;
            hessian[0] += weight * z * z;
            hessian[1] += weight * z;
            hessian[2] += weight;
        }
        let determinant = hessian[0] * hessian[2] - hessian[1] * hessian[1];
        let step = [
            (hessian[2] * gradient[0] - hessian[1] * gradient[1]) / determinant,
            (hessian[0] * gradient[1] - hessian[1] * gradient[0]) / determinant,
        ];
        if gradient.iter().all(|g| g.abs() < 1e-9 * (1.0 + z.len() as f64)) {
            break;
        }
        let shortened = (0..40).map(|halvings| 0.5_f64.powi(halvings)).find_map(|length| {
            let next = [at[0] - length * step[0], at[1] - length * step[1]];
            let after = loss(next);
            (after < value).then_some((next, after))
        });
        let Some((next, after)) = shortened else { break };
        (at, value) = (next, after);
    }
    at
}

fn logistic(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x > 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Four of ten succeed at one score and nine of ten at the other: two parameters fit two frequencies exactly.
    #[test]
    fn two_scores_fit_two_frequencies_exactly() {
        let scores: Vec<f64> = (0..20).map(|i| f64::from(u8::from(i >= 10))).collect();
        let outcomes: Vec<bool> = (0..20).map(|i| i < 4 || (10..19).contains(&i)).collect();
        let fit = Logistic::fit(&scores, &outcomes);
        let targets = smoothed(&outcomes);
        for (score, rows) in [(0.0, 0..10), (1.0, 10..20)] {
            let mean = targets[rows].iter().sum::<f64>() / 10.0;
            assert!((fit.probability(score) - mean).abs() < 1e-7, "{score}");
        }
    }

    #[test]
    fn the_threshold_has_probability_one_half() {
        let scores: Vec<f64> = (0..40).map(|i| 0.3 * f64::from(i)).collect();
        let outcomes: Vec<bool> = (0..40).map(|i| i > 21 || i == 18).collect();
        let fit = Logistic::fit(&scores, &outcomes);
        let threshold = fit.threshold().unwrap();
        assert!((fit.probability(threshold) - 0.5).abs() < 1e-12);
        assert!((0.3 * 18.0..0.3 * 23.0).contains(&threshold), "{threshold}");
    }

    #[test]
    fn separable_outcomes_give_a_finite_slope() {
        let fit = Logistic::fit(&[1.0, 2.0, 3.0, 4.0], &[false, false, true, true]);
        assert!(fit.slope().is_finite() && fit.slope() > 0.0, "{fit:?}");
        assert!((fit.threshold().unwrap() - 2.5).abs() < 1e-6, "{fit:?}");
        assert!(fit.probability(4.0) < 0.95 && fit.probability(f64::INFINITY) < 1.0);
    }

    #[test]
    fn a_threshold_beyond_all_scores_is_none() {
        let outcomes = [false, false, false, true, false, false, false, true];
        let fit = Logistic::fit(&[1.0, 2.0, 3.0, 4.0, 1.5, 2.5, 3.5, 3.2], &outcomes);
        assert!(fit.threshold().is_some(), "{fit:?}");
        // With the same slope, success is less likely than failure at every score.
        let outcomes = [false, true, false, false, false, false, true, false];
        let fit = Logistic::fit(&[1.0, 2.0, 3.0, 4.0, 1.5, 2.5, 3.5, 3.2], &outcomes);
        assert!(fit.slope() > 0.0 && fit.probability(4.0) < 0.5, "{fit:?}");
        assert_eq!(fit.threshold(), None);
    }

    #[test]
    fn infinite_scores_are_clipped() {
        let (inf, nil) = (f64::INFINITY, f64::NEG_INFINITY);
        let fit =
            Logistic::fit(&[nil, nil, nil, inf, inf, inf], &[false, false, true, true, true, true]);
        assert!(fit.probability(inf) > 0.7 && fit.probability(nil) < 0.5, "{fit:?}");
    }

    #[test]
    fn reversed_scores_have_zero_slope() {
        let fit = Logistic::fit(&[1.0, 2.0, 3.0, 4.0], &[true, true, false, false]);
        assert_eq!(fit.slope().to_bits(), 0.0_f64.to_bits());
        assert!((fit.probability(1.0) - 0.5).abs() < 1e-9 && fit.threshold().is_none());
    }

    #[test]
    fn a_single_class_is_not_certain() {
        let fit = Logistic::fit(&[1.0, 2.0], &[true, true]);
        assert!((fit.probability(1.5) - 0.75).abs() < 1e-6, "{}", fit.probability(1.5));
        assert!((Logistic::fit(&[], &[]).probability(3.0) - 0.5).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn probabilities_increase_with_the_score(
            rows in prop::collection::vec((-1e6..1e6_f64, any::<bool>()), 1..40),
        ) {
            let (scores, outcomes): (Vec<f64>, Vec<bool>) = rows.into_iter().unzip();
            let fit = Logistic::fit(&scores, &outcomes);
            let at = [f64::NEG_INFINITY, -1e6, -1.0, 0.0, 3.0, 1e6, f64::INFINITY];
            let p = at.map(|score| fit.probability(score));
            prop_assert!(p.iter().all(|p| *p > 0.0 && *p < 1.0), "{p:?}");
            prop_assert!(p.windows(2).all(|pair| pair[0] <= pair[1]), "{p:?}");
        }

        /// The calibration is invariant under a change of units.
        #[test]
        fn calibration_does_not_depend_on_units(
            rows in prop::collection::vec((-9_i32..9, any::<bool>()), 4..30),
        ) {
            let (scores, outcomes): (Vec<f64>, Vec<bool>) =
                rows.iter().map(|&(score, success)| (f64::from(score), success)).unzip();
            let other: Vec<f64> = scores.iter().map(|score| 1000.0 * score + 7.0).collect();
            let (fit, scaled) = (Logistic::fit(&scores, &outcomes), Logistic::fit(&other, &outcomes));
            for (score, other) in scores.iter().zip(&other) {
                prop_assert!((fit.probability(*score) - scaled.probability(*other)).abs() < 1e-6);
            }
        }
    }
}
