//! The cascade as a predictor. It reads profiles and cut-offs that a cascade has measured; nothing here runs one.

use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_trainer::TrainerBackend;

use crate::{
    CostClass, Evidence, Prediction, Predictor, PredictorId, PredictorInfo, PredictorOutput,
    Result, Scope, ScoreInfo, Settings, Subject,
};

const ID: PredictorId = PredictorId::new("cascade");
/// Start of the stored names of its scores.
const PREFIX: &str = "cascade ";

/// The reconstruction of a network's input by a cascade of decoders.
pub const CASCADE: PredictorInfo = PredictorInfo {
    id: ID,
    label: "cascade",
    evidence: Evidence::Cascade,
    scope: Scope::Family,
    cost: CostClass::Training,
    source: "Thurn, Jefferson and Erdmenger, arXiv:2406.12916",
    scores: &[],
    parse,
};

/// Descriptor, as the list of predictors reads it.
pub(crate) const INFO: PredictorInfo = CASCADE;

/// Score of an estimator: the information left in the last hidden layer.
pub fn cascade_profile_score(estimator: EstimatorSpec) -> ScoreInfo {
    let meaning = "how much of the input is left in the last hidden layer, by its reconstruction (arXiv:2406.12916)";
    ScoreInfo::computed(ID, format!("{PREFIX}{estimator}"), "units of the estimator", meaning)
}

/// Score of a cut-off rule on an estimator: the cut-off against the depth.
pub fn cascade_depth_score(estimator: EstimatorSpec, rule: CutoffRule) -> ScoreInfo {
    let meaning = "log2(cut-off / L) of the reconstruction over depth (arXiv:2406.12916)";
    ScoreInfo::computed(ID, format!("{PREFIX}{estimator} {rule}"), "log2 layers", meaning)
}

fn parse(name: &str) -> Option<ScoreInfo> {
    let rest = name.strip_prefix(PREFIX)?;
    Some(match rest.split_once(' ') {
        Some((estimator, rule)) => cascade_depth_score(estimator.parse().ok()?, rule.parse().ok()?),
        None => cascade_profile_score(rest.parse().ok()?),
    })
}

/// Predictions from the measurements of one cascade on networks that begin as its network does.
///
/// Each cut-off is a depth, infinite where information outlasts the network. Each profile is a score for every depth: the
/// information left in the last hidden layer, which is all that the readout sees.
#[derive(Clone, Debug, PartialEq)]
pub struct CascadePredictor {
    /// Estimators with their values by layer, first layer first; empty where the cascade failed.
    pub profiles: Vec<(EstimatorSpec, Vec<f64>)>,
    /// Cut-offs.
    pub cutoffs: Vec<CascadeCutoff>,
    /// Depth of the deepest network that is predicted.
    pub deepest: usize,
    /// Floating-point operations of the cascade.
    pub flops: u64,
}

/// A cut-off that a cascade has measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CascadeCutoff {
    /// Estimator.
    pub estimator: EstimatorSpec,
    /// Rule.
    pub rule: CutoffRule,
    /// Depth in layers; infinite where information outlasts the network, NaN where the cascade failed or the rule found
    /// none.
    pub depth: f64,
}

impl CascadePredictor {
    /// Scores of networks of 1, 2, ... weight layers. A network without hidden layers loses nothing before its readout.
    fn profile(&self, estimator: EstimatorSpec, values: &[f64]) -> Prediction {
        let sign = if estimator.descriptor().rises_with_loss() { -1.0 } else { 1.0 };
        let score =
            |layer: usize| values.get(layer).map_or(f64::NEG_INFINITY, |value| sign * value);
        let hidden = (0..self.deepest - 1).map(score);
        Prediction::Profile([f64::INFINITY].into_iter().chain(hidden).collect())
    }
}

impl Predictor for CascadePredictor {
    fn info(&self) -> &'static PredictorInfo {
        &CASCADE
    }

    fn scores(&self) -> Vec<ScoreInfo> {
        let profiles = self.profiles.iter().map(|(estimator, _)| cascade_profile_score(*estimator));
        let depths = self.cutoffs.iter().map(|cut| cascade_depth_score(cut.estimator, cut.rule));
        profiles.chain(depths).collect()
    }

    fn predict(&self, _: &Subject<'_>) -> Result<PredictorOutput> {
        let profiles =
            self.profiles.iter().map(|(estimator, values)| self.profile(*estimator, values));
        let depths = self.cutoffs.iter().map(|cutoff| Prediction::Depth(cutoff.depth));
        Ok(PredictorOutput { predictions: profiles.chain(depths).collect(), flops: self.flops })
    }
}

/// None: the runner predicts from stored cells.
pub(crate) fn build<B: TrainerBackend>(_: &B, _: &Settings) -> Vec<Box<dyn Predictor>> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use isobath_entropy::Gram;

    use super::*;

    const ERROR: EstimatorSpec = EstimatorSpec::RECONSTRUCTION_ERROR;
    const GRAM: EstimatorSpec = EstimatorSpec::Gram(Gram);

    /// A cascade of ten layers whose values rise to 1 at layer 5.
    fn predictor(values: Vec<f64>, depth: f64) -> CascadePredictor {
        let rule = CutoffRule::default();
        let cutoff = |estimator| CascadeCutoff { estimator, rule, depth };
        CascadePredictor {
            profiles: vec![(ERROR, values.clone()), (GRAM, values)],
            cutoffs: vec![cutoff(ERROR), cutoff(GRAM)],
            deepest: 11,
            flops: 7,
        }
    }

    fn rising() -> Vec<f64> {
        (1..=10).map(|depth| f64::from(depth.min(5)) / 5.0).collect()
    }

    fn predictions(predictor: &CascadePredictor) -> Vec<Prediction> {
        let profiles = predictor.profiles.iter().map(|(e, values)| predictor.profile(*e, values));
        let depths = predictor.cutoffs.iter().map(|cutoff| Prediction::Depth(cutoff.depth));
        profiles.chain(depths).collect()
    }

    #[test]
    fn names_are_those_of_stored_runs() {
        let names: Vec<String> =
            predictor(rising(), 4.0).scores().iter().map(|score| score.id.to_string()).collect();
        let expected = [
            "cascade reconstruction-error",
            "cascade gram",
            "cascade reconstruction-error saturation",
            "cascade gram saturation",
        ];
        assert_eq!(names, expected);
        for name in names {
            assert_eq!(ScoreInfo::find(&name).unwrap().id.as_str(), name);
        }
    }

    #[test]
    fn the_score_is_the_information_left_in_the_last_hidden_layer() {
        let all = predictions(&predictor(rising(), 4.0));
        let [error, entropy] =
            [0, 1].map(|index| [1, 2, 5, 11].map(|depth: usize| all[index].score(depth)));
        assert_eq!(error.map(f64::to_bits), [f64::INFINITY, -0.2, -0.8, -1.0].map(f64::to_bits));
        assert_eq!(entropy.map(f64::to_bits), error.map(f64::abs).map(f64::to_bits));
    }

    #[test]
    fn cutoffs_are_depths() {
        assert_eq!(predictions(&predictor(rising(), 4.0))[2].depth(), Some(4.0));
        let beyond = predictions(&predictor(rising(), f64::INFINITY));
        assert_eq!(beyond[2].depth(), Some(f64::INFINITY));
    }

    #[test]
    fn a_failed_cascade_scores_lowest() {
        let all = predictions(&predictor(Vec::new(), f64::NAN));
        assert!(all.iter().all(|prediction| prediction.score(5) == f64::NEG_INFINITY));
    }
}
