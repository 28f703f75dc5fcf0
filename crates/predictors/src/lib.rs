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
mod finite_width;
mod forward;
mod gradient;
mod jacob_cov;
mod jacobian;
mod layer_profile;
mod mean_field;
mod naswot;
mod predictor;
mod ridge_cascade;
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
pub use finite_width::{FINITE_WIDTH, FINITE_WIDTH_DEPTH, FINITE_WIDTH_THEORY};
pub use layer_profile::{LayerProfile, LayerState};
pub use mean_field::XI_C;
pub use predictor::{Prediction, Predictor, PredictorOutput, Scope, Subject};
pub use ridge_cascade::{RIDGE_CASCADE, RidgeNoise, parse_ridge_score, ridge_depth_score};
pub use settings::Settings;
pub use tangent_kernel::{Budget, Forecast, LayerKernel, Split, TangentKernel, linear_accuracy};
pub use trial::LEADING_TRIALS;
pub use trivial::DEPTH;

use isobath_cascade::CascadeBackend;
use isobath_trainer::TrainerBackend;

/// Operations of a backend that the predictors need together.
pub trait PredictorBackend: TrainerBackend + CascadeBackend {}
impl<B: TrainerBackend + CascadeBackend> PredictorBackend for B {}

/// Builds the lists of all predictors from their modules.
macro_rules! predictors {
    ($($module:ident),* $(,)?) => {
        /// Descriptions of all predictors, the cheapest first.
        pub const PREDICTORS: &[&PredictorInfo] = &[$(&$module::INFO),*];

        /// Predictors that run on networks, the cheapest first.
        pub fn all<B: PredictorBackend>(
            backend: &B,
            settings: &Settings,
        ) -> Vec<Box<dyn Predictor>> {
            let mut all = Vec::new();
            $(all.extend($module::build(backend, settings));)*
            all
        }
    };
}

predictors![
    trivial,
    mean_field,
    finite_width,
    correlation,
    batch_entropy,
    effective_rank,
    naswot,
    gradient,
    jacob_cov,
    jacobian,
    tangent_kernel,
    trial,
    ridge_cascade,
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
        let ridge_noise = vec![0.03, 0.1];
        let settings = Settings { equal_cost: Some(0), ridge_noise, ..Settings::new(train) };
        for predictor in all(&isobath_tensor::Cpu::new(), &settings) {
            for score in predictor.scores() {
                assert_eq!(ScoreInfo::find(score.id.as_str()), Some(score.clone()));
                assert_eq!(score.predictor, predictor.info().id);
            }
        }
        for score in [
            cascade_profile_score(EstimatorSpec::Gram(isobath_entropy::Gram)),
            cascade_depth_score(EstimatorSpec::RELATIVE, CutoffRule::default()),
            ridge_depth_score(RidgeNoise::Chosen, EstimatorSpec::RELATIVE, CutoffRule::Decay),
        ] {
            assert_eq!(ScoreInfo::find(score.id.as_str()), Some(score));
        }
        assert_eq!(ScoreInfo::find("another"), None);
        for unknown in ["steps-many", "ridge loud relative decay", "ridge -1 relative decay"] {
            assert_eq!(ScoreInfo::find(unknown), None);
        }
    }
}
