use isobath_trainer::TrainerBackend;

use crate::{
    CostClass, Evidence, Prediction, Predictor, PredictorId, PredictorInfo, PredictorOutput,
    Result, Scope, ScoreId, ScoreInfo, Settings, Subject, descriptor::no_other_scores,
};

const ID: PredictorId = PredictorId::new("trivial");

/// Score of the depth alone, the baseline.
pub const DEPTH: ScoreId = ScoreId::fixed("depth");

/// Descriptor.
pub(crate) const INFO: PredictorInfo = PredictorInfo {
    id: ID,
    label: "depth, parameters and variance",
    evidence: Evidence::Description,
    scope: Scope::Network,
    cost: CostClass::Free,
    source: "none: the baseline that every predictor must beat",
    scores: &[
        ScoreInfo::fixed(
            ID,
            ["depth", "depth"],
            "layers",
            "minus the depth: shallower networks are easier to train",
        ),
        ScoreInfo::fixed(
            ID,
            ["parameters", "number of parameters"],
            "1",
            "minus the number of weights and biases: smaller is easier",
        ),
        ScoreInfo::fixed(
            ID,
            ["sigma_w2", "σ_w²"],
            "1",
            "the variance of the weights: larger ones carry signals deeper",
        ),
    ],
    parse: no_other_scores,
};

/// Predictors of this kind.
pub(crate) fn build<B: TrainerBackend>(_: &B, _: &Settings) -> Vec<Box<dyn Predictor>> {
    vec![Box::new(Trivial)]
}

/// Baseline from the description alone: depth, number of parameters, variance of the weights. A useful predictor beats
/// all three.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trivial;

impl Predictor for Trivial {
    fn info(&self) -> &'static PredictorInfo {
        &INFO
    }

    fn predict(&self, subject: &Subject<'_>) -> Result<PredictorOutput> {
        let spec = subject.network.spec();
        let scores =
            [-(spec.depth() as f64), -(spec.parameters() as f64), subject.variances.sigma_w2()];
        Ok(PredictorOutput { predictions: scores.map(Prediction::Score).to_vec(), flops: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Case;

    #[test]
    fn counts_match_the_network() {
        let case = Case::tanh(3, 1.5);
        // 12 to 9 to 9 to 4, with biases.
        let parameters = f64::from((12 + 1) * 9 + (9 + 1) * 9 + (9 + 1) * 4);
        assert_eq!(case.scores(&Trivial), [-3.0, -parameters, 1.5]);
    }
}
