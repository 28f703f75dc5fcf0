//! What can be said of a network's trainability before it is trained.
//!
//! A [`Predictor`] looks at a [`Subject`], a network at its initialisation with the samples it would learn from, and
//! gives one [`Judgement`] for each of its [`Quantity`]s. Its cost comes with them, so that predictors can be held
//! against each other, and against training itself, at what they cost. A new predictor is one file, and one line in
//! [`all`].
//!
//! Which sign means trainable is part of a predictor: a larger score always does, and a score that turns out to say the
//! opposite stays wrong. Deep networks make numbers vanish and overflow; a score is then negative infinity, never NaN,
//! but derivatives are scaled on their way back and vanish only with their last bit.

mod batch;
mod batch_entropy;
mod correlation;
mod effective_rank;
mod error;
mod forward;
mod gradient;
mod jacob_cov;
mod jacobian;
mod mean_field;
mod naswot;
mod predictor;
mod settings;
mod tape;
#[cfg(test)]
mod testing;
mod trial;
mod trivial;

pub use batch_entropy::BatchEntropyOfLayers;
pub use correlation::Correlation;
pub use effective_rank::EffectiveRank;
pub use error::{Error, Result};
pub use gradient::Gradient;
pub use jacob_cov::JacobCov;
pub use jacobian::Jacobian;
pub use mean_field::MeanField;
pub use naswot::Naswot;
pub use predictor::{Findings, Judgement, Predictor, Quantity, Scope, Subject};
pub use settings::Settings;
pub use trial::{Length, Trial};
pub use trivial::Trivial;

use isobath_trainer::TrainerBackend;

/// One of each predictor, the cheapest first.
pub fn all<B: TrainerBackend>(backend: B, settings: &Settings) -> Vec<Box<dyn Predictor>> {
    let samples = settings.samples;
    let mut all: Vec<Box<dyn Predictor>> = vec![
        Box::new(Trivial),
        Box::new(MeanField),
        Box::new(Correlation::new(backend.clone(), samples)),
        Box::new(BatchEntropyOfLayers::new(backend.clone(), samples)),
        Box::new(EffectiveRank::new(backend.clone(), samples)),
        Box::new(Naswot::new(backend.clone(), samples)),
        Box::new(Gradient::new(backend.clone(), samples, settings.train.loss)),
        Box::new(JacobCov::new(backend.clone(), samples)),
        Box::new(Jacobian::new(backend.clone(), settings.jacobian_samples)),
    ];
    let lengths = settings.steps.iter().map(|&steps| Length::Steps(steps));
    for length in lengths.chain(settings.equal_cost.map(Length::Flops)) {
        all.push(Box::new(Trial::new(backend.clone(), settings.train.clone(), length)));
    }
    all
}
