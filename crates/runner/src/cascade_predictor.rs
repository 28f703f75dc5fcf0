//! Trainability predictions from a finished cascade.

use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_predictors::{Findings, Judgement, Predictor, Quantity, Result, Scope, Subject};

use isobath_store::{CellRecord, CutoffRecord, ProfileRecord};

/// Predictions of one cell for networks that share the first layers of its network.
///
/// Each rule gives a depth per estimator; infinite if information survives the whole network. Each estimator also gives a
/// score per depth: the amount of input information in the last hidden layer, which is the readout's only input.
#[derive(Clone, Debug)]
pub(super) struct CascadePredictor<'a> {
    pub(super) record: &'a CellRecord,
    /// The estimators of the plan.
    pub(super) estimators: &'a [EstimatorSpec],
    /// The cut-off rules of the plan.
    pub(super) rules: &'a [CutoffRule],
    /// Depth of the deepest network to predict.
    pub(super) deepest: usize,
}

impl CascadePredictor<'_> {
    /// Prefix of the names of all cascade quantities.
    pub(super) const PREFIX: &'static str = "cascade ";

    /// Cost of the cascade and its entropies, in seconds.
    pub(super) fn seconds(&self) -> f64 {
        self.record.cost.cascade_seconds + self.record.cost.entropy_seconds
    }

    fn judgements(&self) -> Vec<Judgement> {
        let profiles = self.estimators.iter().map(|estimator| self.profile(*estimator));
        let depths = self
            .estimators
            .iter()
            .flat_map(|estimator| self.rules.iter().map(move |rule| self.depth(*estimator, *rule)));
        profiles.chain(depths).collect()
    }

    /// Cut-off of `rule` on `estimator`; NaN if the cascade failed or the rule found no cut-off.
    fn depth(&self, estimator: EstimatorSpec, rule: CutoffRule) -> Judgement {
        let matches = |cutoff: &&CutoffRecord| cutoff.estimator == estimator && cutoff.rule == rule;
        let cutoff = self.record.cutoffs.iter().find(matches);
        Judgement::Depth(match cutoff {
            Some(cutoff) if cutoff.beyond => f64::INFINITY,
            Some(CutoffRecord { depth: Some(depth), .. }) => *depth,
            _ => f64::NAN,
        })
    }

    /// Scores of networks of 1, 2, ... weight layers. A network without hidden layers loses no information before its readout.
    fn profile(&self, estimator: EstimatorSpec) -> Judgement {
        let matches = |profile: &&ProfileRecord| profile.estimator == estimator;
        let values: &[_] = self.record.profiles.iter().find(matches).map_or(&[], |p| &p.layers);
        let sign = if estimator.descriptor().rises_with_loss() { -1.0 } else { 1.0 };
        let score = |layer: usize| match values.get(layer) {
            Some(layer) => sign * layer.value,
            None => f64::NEG_INFINITY,
        };
        let hidden = (0..self.deepest - 1).map(score);
        Judgement::Profile([f64::INFINITY].into_iter().chain(hidden).collect())
    }
}

impl Predictor for CascadePredictor<'_> {
    fn quantities(&self) -> Vec<Quantity> {
        let profiles = self.estimators.iter().map(|estimator| {
            Quantity::new(
                format!("cascade {estimator}"),
                "how much of the input is left in the last hidden layer, by its reconstruction (arXiv:2406.12916)",
            )
        });
        let depths = self.estimators.iter().flat_map(|estimator| {
            self.rules.iter().map(move |rule| {
                Quantity::new(
                    format!("cascade {estimator} {rule}"),
                    "log2(cut-off / L) of the reconstruction over depth (arXiv:2406.12916)",
                )
            })
        });
        profiles.chain(depths).collect()
    }

    fn scope(&self) -> Scope {
        Scope::Family
    }

    fn judge(&self, _: &Subject<'_>) -> Result<Findings> {
        Ok(Findings { judgements: self.judgements(), flops: self.record.cost.flops })
    }
}

#[cfg(test)]
mod tests {
    use isobath_entropy::Gram;

    use super::*;
    use isobath_store::synthetic::{Options, run};

    /// Predictions of a synthetic cell of ten layers whose reconstruction error rises to 1 at layer 5.
    fn judgements(change: impl Fn(&mut CellRecord)) -> Vec<Judgement> {
        let options = Options {
            layers: 10,
            sigma_w2: vec![1.0],
            estimators: vec![EstimatorSpec::RECONSTRUCTION_ERROR, EstimatorSpec::Gram(Gram)],
            rules: vec![CutoffRule::default()],
            ..Options::default()
        };
        let run = run(&options);
        let mut record = run.cells[0].clone();
        for profile in &mut record.profiles {
            for (layer, depth) in profile.layers.iter_mut().zip(1..) {
                layer.value = f64::from(depth.min(5)) / 5.0;
            }
        }
        for cutoff in &mut record.cutoffs {
            (cutoff.depth, cutoff.beyond) = (Some(4.0), false);
        }
        change(&mut record);
        let (estimators, rules) = (&run.estimators, &run.rules);
        let predictor = CascadePredictor { record: &record, estimators, rules, deepest: 11 };
        let names: Vec<String> = predictor.quantities().into_iter().map(|q| q.name).collect();
        assert_eq!(
            names,
            [
                "cascade reconstruction-error",
                "cascade gram",
                "cascade reconstruction-error saturation",
                "cascade gram saturation"
            ]
        );
        let judgements = predictor.judgements();
        assert_eq!(judgements.len(), names.len());
        judgements
    }

    #[test]
    fn score_is_the_profile_value_at_the_last_hidden_layer() {
        let all = judgements(|_| ());
        let [error, entropy] =
            [0, 1].map(|index| [1, 2, 5, 11].map(|depth: usize| all[index].score(depth)));
        assert_eq!(error.map(f64::to_bits), [f64::INFINITY, -0.2, -0.8, -1.0].map(f64::to_bits));
        assert_eq!(entropy.map(f64::to_bits), error.map(f64::abs).map(f64::to_bits));
    }

    #[test]
    fn cutoff_beyond_the_network_is_an_infinite_depth() {
        assert_eq!(judgements(|_| ())[2].depth(), Some(4.0));
        let all = judgements(|record| record.cutoffs[0].beyond = true);
        assert_eq!(all[2].depth(), Some(f64::INFINITY));
    }

    #[test]
    fn failed_cascade_gives_the_lowest_score() {
        let all = judgements(|record| {
            record.profiles.clear();
            record.cutoffs.clear();
        });
        assert!(all.iter().all(|judgement| judgement.score(5) == f64::NEG_INFINITY));
    }
}
