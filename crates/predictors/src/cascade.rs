//! Description of the cascade as a predictor. Its scores come from stored profiles and cut-offs; nothing here runs one.

use isobath_trainer::TrainerBackend;

use crate::{
    CostClass, Evidence, Predictor, PredictorId, PredictorInfo, Scope, ScoreInfo, Settings,
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
pub fn cascade_profile_score(estimator: &str) -> ScoreInfo {
    let meaning = "how much of the input is left in the last hidden layer, by its reconstruction (arXiv:2406.12916)";
    ScoreInfo::computed(ID, format!("{PREFIX}{estimator}"), "units of the estimator", meaning)
}

/// Score of a cut-off rule on an estimator: the cut-off against the depth.
pub fn cascade_depth_score(estimator: &str, rule: &str) -> ScoreInfo {
    let meaning = "log2(cut-off / L) of the reconstruction over depth (arXiv:2406.12916)";
    ScoreInfo::computed(ID, format!("{PREFIX}{estimator} {rule}"), "log2 layers", meaning)
}

fn parse(name: &str) -> Option<ScoreInfo> {
    let rest = name.strip_prefix(PREFIX)?;
    Some(match rest.split_once(' ') {
        Some((estimator, rule)) => cascade_depth_score(estimator, rule),
        None => cascade_profile_score(rest),
    })
}

/// None: the runner predicts from stored cells.
pub(crate) fn build<B: TrainerBackend>(_: &B, _: &Settings) -> Vec<Box<dyn Predictor>> {
    Vec::new()
}
