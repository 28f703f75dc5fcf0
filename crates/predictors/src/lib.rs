//! What can be said of a network's trainability before it is trained.
//!
//! A [`Predictor`] looks at a [`Subject`], a network at its initialisation with the samples it would learn from, and gives
//! one [`Judgement`] for each of its [`Quantity`]s. Its cost comes with them, so that predictors can be held against each
//! other, and against training itself, at what they cost. A new predictor is one file.

mod error;
mod predictor;

pub use error::{Error, Result};
pub use predictor::{Findings, Judgement, Predictor, Quantity, Scope, Subject};
