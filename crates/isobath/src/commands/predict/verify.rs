//! Trains the network, and the best alternative, as the file says.

use std::path::Path;

use anyhow::Result;
use isobath_experiment::Override;
use isobath_report::count;
use isobath_trainer::{Outcome, TrainParams, Training};
use serde::Serialize;

use super::{
    Answer,
    assess::train,
    described::{self, Described},
    prescription::with_rate,
};

/// Result of a training.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Verified {
    /// `as described`, or the change.
    pub(super) network: String,
    /// Predicted probability, where it has a basis.
    pub(super) predicted: Option<f64>,
    /// Highest accuracy on samples that no training saw, in `[0, 1]`.
    pub(super) accuracy: f64,
    /// Loss on them at the end, in nats; none after divergence.
    pub(super) loss: Option<f64>,
    /// Steps done.
    pub(super) steps: usize,
    /// True after divergence.
    pub(super) diverged: bool,
}

impl Verified {
    /// Describes the result in words.
    pub(super) fn result(&self) -> String {
        let steps = count(self.steps, "step");
        if self.diverged {
            format!("diverged after {steps}")
        } else {
            format!("accuracy {:.3} after {steps}", self.accuracy)
        }
    }
}

/// Trains before and after the best change.
pub(super) fn run(file: &Path, changes: &[Override], answer: &Answer) -> Result<Vec<Verified>> {
    let before = one(&answer.described)?;
    let predicted = answer.probability().map(|probability| probability.p);
    let mut all = vec![verified("as described".to_owned(), predicted, &before)];
    let Some(found) = &answer.prescription else { return Ok(all) };
    let best = found.alternatives.first();
    if let Some((best, lr)) = best.and_then(|best| Some((best, best.learning_rate?))) {
        let params = with_rate(&answer.described.training, lr)?;
        let after = with(&answer.described, params.params().clone())?;
        all.push(verified(best.change.clone(), Some(best.probability.p), &after));
        return Ok(all);
    }
    let best = best.map(|best| (&best.change, &best.settings, Some(best.probability.p)));
    let remedy = || {
        let remedy = found.remedies.first()?;
        Some((&remedy.change, &remedy.settings, None))
    };
    if let Some((change, settings, predicted)) = best.or_else(remedy) {
        let mut changes = changes.to_vec();
        for setting in settings {
            changes.push(setting.parse()?);
        }
        let plan = described::plan(file, &changes)?;
        let after = one(&described::of_plan(plan, answer.described.data.clone()))?;
        all.push(verified(change.clone(), predicted, &after));
    }
    Ok(all)
}

fn one(described: &Described) -> Result<Training> {
    with(described, described.training.params().clone())
}

/// Trains to the last step, whatever the accuracy.
fn with(described: &Described, mut params: TrainParams) -> Result<Training> {
    params.success = None;
    params.hopeless = None;
    train(described, params.check()?, described.data.test())
}

fn verified(network: String, predicted: Option<f64>, training: &Training) -> Verified {
    let loss = training.evaluations.last().map(|evaluation| evaluation.test_loss);
    Verified {
        network,
        predicted,
        accuracy: training.best_accuracy().unwrap_or(0.0),
        loss: loss.filter(|loss| loss.is_finite()),
        steps: training.losses.len(),
        diverged: matches!(training.outcome, Outcome::Diverged { .. }),
    }
}
