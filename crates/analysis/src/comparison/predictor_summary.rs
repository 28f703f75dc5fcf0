//! One predictor against the outcomes.

use isobath_scoring::{
    Folds, Frontier, Interval, Logistic, Resamples, brier_score, cross_calibrations,
    frontier_error, interval, kendall, roc_auc, roc_auc_within, spearman,
};

use super::{
    Errors, Estimate, FOLDS, frontiers::Families, meaning::Meanings, networks::Networks,
    scores::Column, unchanged_scores,
};

/// What is to be said of one quantity of one predictor.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictorSummary {
    /// The quantity's name.
    pub predictor: String,
    /// What a larger score means and where it is from; empty where that is not known.
    pub meaning: &'static str,
    /// Area under the ROC curve.
    pub auc: Option<Estimate>,
    /// By how much its AUC is above that of `xi_c`, on the same resamples.
    pub auc_above_theory: Option<Estimate>,
    /// The same over depth alone.
    pub auc_above_depth: Option<Estimate>,
    /// Area under the ROC curve over pairs of networks of one depth: what it knows beyond the depth.
    pub auc_at_depth: Option<Estimate>,
    /// By how much that is above that of `xi_c`.
    pub auc_at_depth_above_theory: Option<Estimate>,
    /// Spearman's rank correlation with the accuracy.
    pub spearman: Option<Estimate>,
    /// Kendall's `tau_b` with the accuracy.
    pub kendall: Option<Estimate>,
    /// Brier score of the calibrated probability.
    pub brier: Option<Estimate>,
    /// The same where weight variances are shared out in turn, instead of in blocks.
    pub brier_between: Option<f64>,
    /// Errors of the calibrated frontier.
    pub calibrated: Option<FrontierErrors>,
    /// Errors of the frontier as it is, for predictors that name a depth.
    pub published: Option<FrontierErrors>,
    /// The calibrated frontier of each family.
    pub frontiers: Vec<Frontier>,
    /// Trainable while `L <= a depth`, for predictors that name a depth: calibrated on all networks.
    pub coefficient: Option<Coefficient>,
    /// Mean cost of a network.
    pub costs: Costs,
    /// Seconds as a multiple of those of the networks' trainings.
    pub cost_ratio: Option<Estimate>,
    /// The share of `(sigma_b2, depth, initialisation)` at which the score is the same whatever `sigma_w2`.
    pub unchanged: Option<f64>,
    /// Networks that it says nothing of.
    pub missing: usize,
}

/// Errors of a predicted frontier; intervals are by family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrontierErrors {
    /// Mean absolute error, in layers.
    pub mae_layers: Estimate,
    /// Mean error, in layers: above zero for one that promises too much.
    pub bias_layers: Estimate,
    /// Mean of `|log2(predicted / measured)|`.
    pub octaves: Estimate,
    /// Families that this is a mean over.
    pub counted: usize,
    /// Families whose measured frontier is outside the grid.
    pub censored: usize,
    /// Counted families whose predicted frontier is, and counts as the grid's end.
    pub clamped: usize,
}

/// A fitted factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coefficient {
    /// The factor `a`.
    pub a: Estimate,
    /// By how much the log-odds of success fall with every octave of depth.
    pub per_octave: f64,
}

/// What it takes, a mean over networks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Costs {
    /// Seconds.
    pub seconds: f64,
    /// Floating-point operations.
    pub flops: f64,
}

/// Calibrations of one score: one for each row, though rows share them.
#[derive(Clone, Debug)]
pub(super) struct Calibrations {
    fits: Vec<Logistic>,
    /// Of each row; empty where all have the first.
    folds: Vec<usize>,
}

impl Calibrations {
    /// Fitted on the outcomes of other networks.
    pub(super) fn elsewhere(scores: &[f64], outcomes: &[bool]) -> Self {
        Self { fits: vec![Logistic::fit(scores, outcomes)], folds: Vec::new() }
    }

    /// For each part of the weight variances, fitted on the others; `None` with one variance.
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

    /// The probability of success of each row.
    pub(super) fn probabilities(&self, scores: &[f64]) -> Vec<f64> {
        scores.iter().enumerate().map(|(row, &score)| self.of(row).probability(score)).collect()
    }

    /// By how much the depth of a row's family is to be multiplied.
    fn factor(&self, row: usize) -> f64 {
        let fit = self.of(row);
        // A score that says nothing promises every depth or none.
        let constant = if fit.probability(0.0) >= 0.5 { f64::INFINITY } else { 0.0 };
        fit.threshold().map_or(constant, |threshold| (-threshold).exp2())
    }
}

/// What all predictors are held against.
pub(super) struct Bench<'a> {
    pub(super) networks: &'a Networks,
    pub(super) meanings: Meanings,
    pub(super) families: &'a Families,
    /// By cell.
    pub(super) resamples: Resamples,
    /// By family.
    pub(super) family_resamples: Resamples,
    /// Theory and depth alone.
    pub(super) rivals: [Option<&'a Column>; 2],
}

/// A statistic of some rows.
type Statistic<'a> = &'a (dyn Fn(&[usize]) -> Option<f64> + 'a);

impl Bench<'_> {
    /// Judges a column by calibrations on blocks of neighbouring variances, and on variances in turn.
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
            self.estimate(&|rows| Some(of(column, rows)? - of(rival, rows)?))
        };
        let [theory, depth] = self.rivals;
        let pairs = calibrations.map(|fit| self.calibrated_frontiers(column, fit));
        let published =
            column.depths.as_ref().map(|depths| self.families.with_depths(|row| depths[row]));
        PredictorSummary {
            predictor: column.name.clone(),
            meaning: self.meanings.of(&column.name),
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
            calibrated: pairs.as_deref().and_then(|pairs| self.edge(pairs)),
            published: published.as_deref().and_then(|pairs| self.edge(pairs)),
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

    fn edge(&self, pairs: &[[Frontier; 2]]) -> Option<FrontierErrors> {
        let error = |families: &[usize]| -> Errors {
            let pairs: Vec<_> = families.iter().map(|&family| pairs[family]).collect();
            frontier_error(&pairs, self.families.depths)
        };
        let all = error(&self.families.numbers())?;
        let estimate = |value, of: fn(isobath_scoring::FrontierError) -> f64| Estimate {
            value,
            interval: interval_over(&self.family_resamples, &|families| error(families).map(of)),
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

    /// The score of a depth is `log2(depth / L)`; where it is `t` at P = 1/2, networks are trainable while
    /// `L <= 2^-t depth`.
    fn coefficient(&self, column: &Column, outcomes: &[bool]) -> Option<Coefficient> {
        let fit =
            |rows: &[usize]| Logistic::fit(&pick(&column.scores, rows), &pick(outcomes, rows));
        let a =
            self.estimate(&|rows| fit(rows).threshold().map(|threshold| (-threshold).exp2()))?;
        let all: Vec<usize> = (0..outcomes.len()).collect();
        Some(Coefficient { a, per_octave: fit(&all).slope() })
    }

    /// A statistic of all rows, and its interval by cell.
    fn estimate(&self, statistic: Statistic<'_>) -> Option<Estimate> {
        let all: Vec<usize> = (0..self.networks.rows.len()).collect();
        let value = statistic(&all)?;
        Some(Estimate { value, interval: interval_over(&self.resamples, statistic) })
    }
}

/// None where the statistic exists in fewer than half of the resamples.
fn interval_over(resamples: &Resamples, statistic: Statistic<'_>) -> Option<Interval> {
    interval(resamples, statistic).filter(|interval| interval.undefined < 0.5)
}

/// A depth times a factor, either of which may be zero, and then the multiple is, or else infinite.
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
