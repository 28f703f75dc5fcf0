//! What a cascade that was run already says of trainability.

use isobath_predictors::{
    CASCADE, Prediction, Predictor, PredictorInfo, PredictorOutput, Result, ScoreInfo, Subject,
    cascade_depth_score, cascade_profile_score,
};

use crate::record::{CellRecord, ProfileRecord, VerdictRecord};

/// Prediction from one cell of the grid on networks that begin as its network does.
///
/// Each rule on each estimator gives a depth, infinite where information outlasts the network. Each estimator gives a score
/// for every depth as well: how much is left of the input in the last hidden layer, which is all that the readout sees.
#[derive(Clone, Debug)]
pub(super) struct CascadePredictor<'a> {
    pub(super) record: &'a CellRecord,
    /// Names of the estimators, as the plan has them.
    pub(super) estimators: &'a [String],
    /// Names of the rules.
    pub(super) rules: &'a [String],
    /// The depth of the deepest network that is judged.
    pub(super) deepest: usize,
}

impl CascadePredictor<'_> {
    /// Seconds that the cascade and its entropies took.
    pub(super) fn seconds(&self) -> f64 {
        self.record.cost.cascade_seconds + self.record.cost.entropy_seconds
    }

    fn predictions(&self) -> Vec<Prediction> {
        let profiles = self.estimators.iter().map(|estimator| self.profile(estimator));
        let depths = self
            .estimators
            .iter()
            .flat_map(|estimator| self.rules.iter().map(move |rule| self.depth(estimator, rule)));
        profiles.chain(depths).collect()
    }

    /// The depth that `rule` gives on `estimator`, NaN where the cascade failed or the rule found none.
    fn depth(&self, estimator: &str, rule: &str) -> Prediction {
        let is_it =
            |verdict: &&VerdictRecord| verdict.estimator == estimator && verdict.rule == rule;
        let verdict = self.record.verdicts.iter().find(is_it);
        Prediction::Depth(match verdict {
            Some(verdict) if verdict.beyond => f64::INFINITY,
            Some(VerdictRecord { depth: Some(depth), .. }) => *depth,
            _ => f64::NAN,
        })
    }

    /// The scores of networks of 1, 2, ... weight layers. A network without hidden layers loses nothing before its readout.
    fn profile(&self, estimator: &str) -> Prediction {
        let is_it = |profile: &&ProfileRecord| profile.estimator == estimator;
        let values: &[_] = self.record.profiles.iter().find(is_it).map_or(&[], |p| &p.layers);
        let sign = if grows_with_loss(estimator) { -1.0 } else { 1.0 };
        let score = |layer: usize| match values.get(layer) {
            Some(layer) => sign * layer.value,
            None => f64::NEG_INFINITY,
        };
        let hidden = (0..self.deepest - 1).map(score);
        Prediction::Profile([f64::INFINITY].into_iter().chain(hidden).collect())
    }
}

/// Whether the estimator is larger where more is lost, as errors and divergences are; entropies of what is left are not.
fn grows_with_loss(estimator: &str) -> bool {
    ["relative", "jensen-shannon", "reconstruction-error"]
        .iter()
        .any(|loss| estimator.starts_with(loss))
}

impl Predictor for CascadePredictor<'_> {
    fn info(&self) -> &'static PredictorInfo {
        &CASCADE
    }

    fn scores(&self) -> Vec<ScoreInfo> {
        let profiles = self.estimators.iter().map(|estimator| cascade_profile_score(estimator));
        let depths = self.estimators.iter().flat_map(|estimator| {
            self.rules.iter().map(move |rule| cascade_depth_score(estimator, rule))
        });
        profiles.chain(depths).collect()
    }

    fn predict(&self, _: &Subject<'_>) -> Result<PredictorOutput> {
        Ok(PredictorOutput { predictions: self.predictions(), flops: self.record.cost.flops })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::synthetic::{Options, run};

    /// What the cascade of a made-up cell of ten layers says, whose reconstruction error rises to 1 at layer 5.
    fn predictions(change: impl Fn(&mut CellRecord)) -> Vec<Prediction> {
        let options = Options {
            layers: 10,
            sigma_w2: vec![1.0],
            estimators: vec!["reconstruction-error", "gram"],
            rules: vec!["saturation"],
            ..Options::default()
        };
        let run = run(&options);
        let mut record = run.cells[0].clone();
        for profile in &mut record.profiles {
            for (layer, depth) in profile.layers.iter_mut().zip(1..) {
                layer.value = f64::from(depth.min(5)) / 5.0;
            }
        }
        for verdict in &mut record.verdicts {
            (verdict.depth, verdict.beyond) = (Some(4.0), false);
        }
        change(&mut record);
        let (estimators, rules) = (&run.estimators, &run.rules);
        let predictor = CascadePredictor { record: &record, estimators, rules, deepest: 11 };
        let names: Vec<String> = predictor.scores().into_iter().map(|q| q.id.to_string()).collect();
        assert_eq!(
            names,
            [
                "cascade reconstruction-error",
                "cascade gram",
                "cascade reconstruction-error saturation",
                "cascade gram saturation"
            ]
        );
        let predictions = predictor.predictions();
        assert_eq!(predictions.len(), names.len());
        predictions
    }

    #[test]
    fn what_is_left_in_the_last_hidden_layer_is_the_score() {
        let all = predictions(|_| ());
        let [error, entropy] =
            [0, 1].map(|index| [1, 2, 5, 11].map(|depth: usize| all[index].score(depth)));
        assert_eq!(error.map(f64::to_bits), [f64::INFINITY, -0.2, -0.8, -1.0].map(f64::to_bits));
        assert_eq!(entropy.map(f64::to_bits), error.map(f64::abs).map(f64::to_bits));
    }

    #[test]
    fn a_cut_off_is_a_depth_and_beyond_is_without_limit() {
        assert_eq!(predictions(|_| ())[2].depth(), Some(4.0));
        let all = predictions(|record| record.verdicts[0].beyond = true);
        assert_eq!(all[2].depth(), Some(f64::INFINITY));
    }

    #[test]
    fn a_failed_cascade_says_nothing_for_the_network() {
        let all = predictions(|record| {
            record.profiles.clear();
            record.verdicts.clear();
        });
        assert!(all.iter().all(|prediction| prediction.score(5) == f64::NEG_INFINITY));
    }
}
