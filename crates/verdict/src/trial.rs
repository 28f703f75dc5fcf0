//! The first steps of the training.

use serde::Serialize;

/// What the first steps of a training show.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// Number of steps.
    pub steps: usize,
    /// Loss of the first minibatch minus the mean loss of the last ones, in nats; minus infinity after divergence.
    pub drop: f64,
    /// Mean loss of the last minibatches, in nats; infinite after divergence.
    pub level: f64,
    /// Step whose loss was no number or beyond the training's limit, counted from 1.
    pub diverged: Option<usize>,
}

impl Trial {
    /// Steps of the trial of a training of so many steps: a twentieth, 5 to 50.
    pub fn length(steps: usize) -> usize {
        (steps / 20).clamp(5, 50).min(steps)
    }

    /// Reads the trial off the losses of a training's first steps; `None` without any.
    pub fn of_losses(losses: &[f64], limit: f64) -> Option<Self> {
        let first = *losses.first()?;
        let steps = losses.len();
        let is_diverged = |loss: &f64| !loss.is_finite() || *loss > limit;
        if let Some(index) = losses.iter().position(is_diverged) {
            let (drop, level) = (f64::NEG_INFINITY, f64::INFINITY);
            return Some(Self { steps, drop, level, diverged: Some(index + 1) });
        }
        let last = &losses[steps - steps.div_ceil(5).max(2).min(steps)..];
        let level = last.iter().sum::<f64>() / last.len() as f64;
        Some(Self { steps, drop: first - level, level, diverged: None })
    }
}
