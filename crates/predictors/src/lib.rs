//! Predictions of a network's trainability before it is trained.
//!
//! A [`Predictor`] reads a [`Subject`], a network at its initialisation with its training samples, and gives one
//! [`Prediction`] for each of its scores ([`ScoreInfo`]), with its cost, so that predictors can be compared with each
//! other and with training itself at equal cost.
//!
//! A larger score means trainable; a score that turns out to say the opposite stays wrong. Deep networks make numbers
//! vanish and overflow; a score is then negative infinity, never NaN. Derivatives are scaled in the backward pass and
//! vanish only with their last bit.
//!
//! # Adding a predictor
//! Write one file with `INFO` (its [`PredictorInfo`]) and `build`, and add its module here, above and in the list.

mod batch;
mod batch_entropy;
mod cascade;
mod correlation;
mod descriptor;
mod effective_rank;
mod error;
mod forward;
mod gradient;
mod jacob_cov;
mod jacobian;
mod layer_profile;
mod mean_field;
mod naswot;
mod predictor;
mod settings;
mod tangent_kernel;
mod tape;
#[cfg(test)]
mod testing;
mod trial;
mod trivial;

pub use cascade::{
    CASCADE, CascadeCutoff, CascadePredictor, cascade_depth_score, cascade_profile_score,
};
pub use descriptor::{
    CostClass, Direction, Evidence, PredictorId, PredictorInfo, ScoreId, ScoreInfo,
};
pub use error::{Error, Result};
pub use layer_profile::{LayerProfile, LayerState};
pub use mean_field::XI_C;
pub use predictor::{Prediction, Predictor, PredictorOutput, Scope, Subject};
pub use settings::Settings;
pub use tangent_kernel::{Budget, Forecast, LayerKernel, Split, TangentKernel, linear_accuracy};
pub use trial::LEADING_TRIALS;
pub use trivial::DEPTH;

use isobath_trainer::TrainerBackend;

/// Builds the lists of all predictors from their modules.
macro_rules! predictors {
    ($($module:ident),* $(,)?) => {
        /// Descriptions of all predictors, the cheapest first.
        pub const PREDICTORS: &[&PredictorInfo] = &[$(&$module::INFO),*];

        /// Predictors that run on networks, the cheapest first.
        pub fn all<B: TrainerBackend>(backend: &B, settings: &Settings) -> Vec<Box<dyn Predictor>> {
            let mut all = Vec::new();
            $(all.extend($module::build(backend, settings));)*
            all
        }
    };
}

predictors![
    trivial,
    mean_field,
    correlation,
    batch_entropy,
    effective_rank,
    naswot,
    gradient,
    jacob_cov,
    jacobian,
    tangent_kernel,
    trial,
    cascade,
];

#[cfg(test)]
mod tests {
    use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};

    use super::*;

    #[test]
    fn ids_are_unique_and_registered() {
        for (index, info) in PREDICTORS.iter().enumerate() {
            assert!(PREDICTORS[..index].iter().all(|other| other.id != info.id));
            assert_eq!(info.id.info().map(|found| found.id), Some(info.id));
            assert!(info.scores.iter().all(|score| score.predictor == info.id));
        }
    }

    #[test]
    fn stored_names_lead_back_to_their_scores() {
        let train = isobath_trainer::TrainParams::default();
        let settings = Settings { equal_cost: Some(0), ..Settings::new(train) };
        for predictor in all(&isobath_tensor::Cpu::new(), &settings) {
            for score in predictor.scores() {
                assert_eq!(ScoreInfo::find(score.id.as_str()), Some(score.clone()));
                assert_eq!(score.predictor, predictor.info().id);
            }
        }
        for score in [
            cascade_profile_score(EstimatorSpec::Gram(isobath_entropy::Gram)),
            cascade_depth_score(EstimatorSpec::RELATIVE, CutoffRule::default()),
        ] {
            assert_eq!(ScoreInfo::find(score.id.as_str()), Some(score));
        }
        assert_eq!(ScoreInfo::find("another"), None);
        assert_eq!(ScoreInfo::find("steps-many"), None);
    }
}
