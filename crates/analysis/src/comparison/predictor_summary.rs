//! Comparison of one predictor with the outcomes.

use isobath_predictors::Evidence;
use isobath_scoring::{
    Folds, Frontier, Interval, Logistic, Resamples, brier_score, cross_calibrations,
    frontier_error, interval, kendall, roc_auc, roc_auc_within, spearman,
};

use super::{
    Errors, Estimate, FOLDS,
    frontiers::Families,
    networks::Networks,
    score_info::{evidence, meaning},
    scores::Column,
    unchanged_scores,
};

/// Accuracy and cost of one quantity of one predictor.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictorSummary {
    /// Name of the quantity.
    pub predictor: String,
    /// Data that the predictor reads.
    pub evidence: Evidence,
    /// Meaning of a larger score and its source; empty if unknown.
    pub meaning: &'static str,
    /// Area under the ROC curve.
    pub auc: Option<Estimate>,
    /// AUC minus that of `xi_c`, on the same resamples.
    pub auc_above_theory: Option<Estimate>,
    /// AUC minus that of depth alone, on the same resamples.
    pub auc_above_depth: Option<Estimate>,
    /// Area under the ROC curve over pairs of networks of equal depth: the information beyond the depth.
    pub auc_at_depth: Option<Estimate>,
    /// AUC at equal depth minus that of `xi_c`.
    pub auc_at_depth_above_theory: Option<Estimate>,
    /// Spearman's rank correlation with the accuracy.
    pub spearman: Option<Estimate>,
    /// Kendall's `tau_b` with the accuracy.
    pub kendall: Option<Estimate>,
    /// Brier score of the calibrated probability.
    pub brier: Option<Estimate>,
    /// Brier score with interleaved instead of contiguous folds of weight variances.
    pub brier_between: Option<f64>,
    /// Errors of the calibrated frontier.
    pub calibrated: Option<FrontierErrors>,
    /// Errors of the uncalibrated frontier, for predictors of a depth.
    pub published: Option<FrontierErrors>,
    /// Calibrated frontier of each family.
    pub frontiers: Vec<Frontier>,
    /// Factor `a` in "trainable while `L <= a depth`", for predictors of a depth, calibrated on all networks.
    pub coefficient: Option<Coefficient>,
    /// Mean cost per network.
    pub costs: Costs,
    /// Seconds relative to the trainings of the same networks.
    pub cost_ratio: Option<Estimate>,
    /// Share of `(sigma_b2, depth, initialisation)` at which the score is the same for every `sigma_w2`.
    pub unchanged: Option<f64>,
    /// Number of networks without a score or, for predictors of a depth, without a depth.
    pub missing: usize,
}

/// Errors of a predicted frontier; intervals resample families.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrontierErrors {
    /// Mean absolute error, in layers.
    pub mae_layers: Estimate,
    /// Mean error, in layers; positive if the predictor is too optimistic.
    pub bias_layers: Estimate,
    /// Mean of `|log2(predicted / measured)|`.
    pub octaves: Estimate,
    /// Number of families in the mean.
    pub counted: usize,
    /// Number of families whose measured frontier is outside the grid.
    pub censored: usize,
    /// Number of counted families whose predicted frontier is outside the grid and is clamped to it.
    pub clamped: usize,
}

/// A fitted factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coefficient {
    /// The factor `a`.
    pub a: Estimate,
    /// Decrease of the log-odds of success per octave of depth.
    pub per_octave: f64,
}

/// Mean cost over networks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Costs {
    /// Seconds.
    pub seconds: f64,
    /// Floating-point operations.
    pub flops: f64,
}

/// Calibrations of one score, shared between rows.
#[derive(Clone, Debug)]
pub(super) struct Calibrations {
    fits: Vec<Logistic>,
    /// Calibration index of each row; empty if all use the first.
    folds: Vec<usize>,
}

impl Calibrations {
    /// Fits on the outcomes of other networks.
    pub(super) fn elsewhere(scores: &[f64], outcomes: &[bool]) -> Self {
        Self { fits: vec![Logistic::fit(scores, outcomes)], folds: Vec::new() }
    }

    /// Fits one calibration per fold of the weight variances, on the other folds; `None` with a single variance.
    pub(super) fn across(scores: &[f64], networks: &Networks, folds: Folds) -> Option<Self> {
        let (places, count) = networks.variances();
        if count < 2 {
            return None;
        }
        let fold = folds.assign(count, FOLDS.min(count));
        let folds: Vec<usize> = places.into_iter().map(|place| fold[place]).collect();
        Some(Self { fits: cross_calibrations(scores, &networks.outcomes(), &folds), folds })
    }

    fn of(&self, row: usize) -> &Logistic {
        &self.fits[self.folds.get(row).copied().unwrap_or(0)]
    }

    /// Probability of success of each row.
    pub(super) fn probabilities(&self, scores: &[f64]) -> Vec<f64> {
        scores.iter().enumerate().map(|(row, &score)| self.of(row).probability(score)).collect()
    }

    /// Factor for the predicted depth of a row's family.
    fn factor(&self, row: usize) -> f64 {
        let fit = self.of(row);
        // An uninformative score predicts either every depth or none.
        let constant = if fit.probability(0.0) >= 0.5 { f64::INFINITY } else { 0.0 };
        fit.threshold().map_or(constant, |threshold| (-threshold).exp2())
    }
}

/// Outcomes and resamples shared by all predictors.
pub(super) struct Bench<'a> {
    pub(super) networks: &'a Networks,
    pub(super) families: &'a Families,
    /// Resamples of configurations.
    pub(super) resamples: Resamples,
    /// Resamples of families.
    pub(super) family_resamples: Resamples,
    /// Scores of theory and of depth alone.
    pub(super) rivals: [Option<&'a Column>; 2],
}

/// A statistic of some rows.
type Statistic<'a> = &'a (dyn Fn(&[usize]) -> Option<f64> + 'a);

impl Bench<'_> {
    /// Evaluates a column with contiguous and with interleaved folds of the weight variances.
    pub(super) fn summary(
        &self,
        column: &Column,
        calibrations: Option<&Calibrations>,
        between: Option<&Calibrations>,
    ) -> PredictorSummary {
        let outcomes = self.networks.outcomes();
        let accuracy: Vec<f64> = self.networks.rows.iter().map(|row| row.accuracy).collect();
        let correlation = |of: fn(&[f64], &[f64]) -> Option<f64>| {
            self.estimate(&|rows| of(&pick(&column.scores, rows), &pick(&accuracy, rows)))
        };
        let brier = |fit: &Calibrations| {
            let probabilities = fit.probabilities(&column.scores);
            self.estimate(&|rows| brier_score(&pick(&probabilities, rows), &pick(&outcomes, rows)))
        };
        let depths: Vec<usize> = self.networks.rows.iter().map(|row| row.id.depth).collect();
        let auc = |column: &Column, rows: &[usize]| {
            roc_auc(&pick(&column.scores, rows), &pick(&outcomes, rows))
        };
        let at_depth = |column: &Column, rows: &[usize]| {
            let (scores, outcomes) = (pick(&column.scores, rows), pick(&outcomes, rows));
            roc_auc_within(&scores, &outcomes, &pick(&depths, rows))
        };
        let above = |rival: Option<&Column>, of: &dyn Fn(&Column, &[usize]) -> Option<f64>| {
            let rival = rival.filter(|rival| rival.name != column.name)?;
            // Equal scores for all networks rank none of them.
            if [column, rival].into_iter().any(Column::is_constant) {
                return None;
            }
            self.estimate(&|rows| Some(of(column, rows)? - of(rival, rows)?))
        };
        let [theory, depth] = self.rivals;
        let pairs = calibrations.map(|fit| self.calibrated_frontiers(column, fit));
        let published =
            column.depths.as_ref().map(|depths| self.families.with_depths(|row| depths[row]));
        PredictorSummary {
            predictor: column.name.clone(),
            evidence: evidence(&column.name),
            meaning: meaning(&column.name),
            auc: self.estimate(&|rows| auc(column, rows)),
            auc_above_theory: above(theory, &auc),
            auc_above_depth: above(depth, &auc),
            auc_at_depth: self.estimate(&|rows| at_depth(column, rows)),
            auc_at_depth_above_theory: above(theory, &at_depth),
            spearman: correlation(spearman),
            kendall: correlation(kendall),
            brier: calibrations.and_then(brier),
            brier_between: between
                .and_then(|fit| brier_score(&fit.probabilities(&column.scores), &outcomes)),
            calibrated: pairs.as_deref().and_then(|pairs| self.frontier_errors(pairs)),
            published: published.as_deref().and_then(|pairs| self.frontier_errors(pairs)),
            frontiers: pairs.into_iter().flatten().map(|[predicted, _]| predicted).collect(),
            coefficient: column.depths.as_ref().and_then(|_| self.coefficient(column, &outcomes)),
            costs: Costs { seconds: mean(&column.seconds), flops: mean(&column.flops) },
            cost_ratio: self.estimate(&|rows| {
                let training = |row: &usize| self.networks.rows[*row].seconds();
                let training: f64 = rows.iter().map(training).sum();
                (training > 0.0).then(|| pick(&column.seconds, rows).iter().sum::<f64>() / training)
            }),
            unchanged: unchanged_scores::unchanged(self.networks, &column.scores),
            missing: column.missing,
        }
    }

    fn calibrated_frontiers(&self, column: &Column, fit: &Calibrations) -> Vec<[Frontier; 2]> {
        match &column.depths {
            Some(depths) => self.families.with_depths(|row| multiple(depths[row], fit.factor(row))),
            None => self.families.with_probabilities(&fit.probabilities(&column.scores)),
        }
    }

    fn frontier_errors(&self, pairs: &[[Frontier; 2]]) -> Option<FrontierErrors> {
        frontier_errors(pairs, self.families.depths, &self.family_resamples)
    }

    /// The score of a depth is `log2(depth / L)`. If it is `t` at P = 1/2, networks are trainable while `L <= 2^-t
    /// depth`.
    fn coefficient(&self, column: &Column, outcomes: &[bool]) -> Option<Coefficient> {
        let fit =
            |rows: &[usize]| Logistic::fit(&pick(&column.scores, rows), &pick(outcomes, rows));
        let a =
            self.estimate(&|rows| fit(rows).threshold().map(|threshold| (-threshold).exp2()))?;
        let all: Vec<usize> = (0..outcomes.len()).collect();
        Some(Coefficient { a, per_octave: fit(&all).slope() })
    }

    /// A statistic of all rows with its interval over configurations.
    fn estimate(&self, statistic: Statistic<'_>) -> Option<Estimate> {
        let all: Vec<usize> = (0..self.networks.rows.len()).collect();
        let value = statistic(&all)?;
        Some(Estimate { value, interval: interval_over(&self.resamples, statistic) })
    }
}

/// Errors of pairs of a predicted and a measured frontier, one for each family, on a grid of depths from the first to the
/// second of `depths`; intervals over resamples of the families.
pub(crate) fn frontier_errors(
    pairs: &[[Frontier; 2]],
    depths: [f64; 2],
    resamples: &Resamples,
) -> Option<FrontierErrors> {
    let error = |families: &[usize]| -> Errors {
        let pairs: Vec<_> = families.iter().map(|&family| pairs[family]).collect();
        frontier_error(&pairs, depths)
    };
    let all = frontier_error(pairs, depths)?;
    let estimate = |value, of: fn(isobath_scoring::FrontierError) -> f64| Estimate {
        value,
        interval: interval_over(resamples, &|families| error(families).map(of)),
    };
    Some(FrontierErrors {
        mae_layers: estimate(all.mae_layers, |error| error.mae_layers),
        bias_layers: estimate(all.bias_layers, |error| error.bias_layers),
        octaves: estimate(all.octaves, |error| error.octaves),
        counted: all.counted,
        censored: all.censored,
        clamped: all.clamped,
    })
}

/// `None` if fewer than half of the resamples define the statistic.
pub(crate) fn interval_over(resamples: &Resamples, statistic: Statistic<'_>) -> Option<Interval> {
    interval(resamples, statistic).filter(|interval| interval.undefined < 0.5)
}

/// Product of a depth and a factor. It is zero if either is zero, even if the other is infinite.
fn multiple(depth: f64, factor: f64) -> f64 {
    if depth > 0.0 && factor > 0.0 { depth * factor } else { 0.0 }
}

fn pick<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|&row| values[row]).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_times_infinity_is_zero() {
        let cases = [
            (2.0, 3.0, 6.0),
            (f64::INFINITY, 3.0, f64::INFINITY),
            (0.0, f64::INFINITY, 0.0),
            (f64::INFINITY, 0.0, 0.0),
        ];
        for (depth, factor, expected) in cases {
            assert!(multiple(depth, factor).total_cmp(&expected).is_eq(), "{depth} times {factor}");
        }
    }
}
