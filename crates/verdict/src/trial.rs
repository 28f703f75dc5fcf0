//! The first steps of the training.

use isobath_architecture::{Layer, NetworkSpec};
use serde::Serialize;

/// What the first steps of a training show.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// Number of steps.
    pub steps: usize,
    /// Number of steps that the calibrated model wants.
    pub planned: usize,
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

    /// Steps of minibatches of `batch` samples that a trial can make in about 30 seconds on two cores with AVX-512; at least 1.
    /// Counted in floating-point operations, so that the answer does not depend on the machine.
    pub fn affordable(network: &NetworkSpec, batch: usize) -> usize {
        /// Floating-point operations of a trial.
        const MOST: u64 = 5_000_000_000_000;
        let forward: u64 = network.layers().iter().map(Layer::forward_flops).sum();
        // The backward pass has two products for each of the forward pass.
        let step = forward.saturating_mul(3).saturating_mul(batch as u64).max(1);
        usize::try_from(MOST / step).unwrap_or(usize::MAX).max(1)
    }

    /// True if the trial is shorter than planned and does not diverge. Its losses are then not those that the calibrated model
    /// was fitted to.
    pub const fn is_cut(&self) -> bool {
        self.diverged.is_none() && self.steps < self.planned
    }

    /// Reads the trial off the losses of a training's first steps, of which there should be `planned`; `None` without any.
    pub fn of_losses(losses: &[f64], limit: f64, planned: usize) -> Option<Self> {
        let first = *losses.first()?;
        let steps = losses.len();
        let is_diverged = |loss: &f64| !loss.is_finite() || *loss > limit;
        if let Some(index) = losses.iter().position(is_diverged) {
            let (drop, level) = (f64::NEG_INFINITY, f64::INFINITY);
            return Some(Self { steps, planned, drop, level, diverged: Some(index + 1) });
        }
        let last = &losses[steps - steps.div_ceil(5).max(2).min(steps)..];
        let level = last.iter().sum::<f64>() / last.len() as f64;
        Some(Self { steps, planned, drop: first - level, level, diverged: None })
    }
}

#[cfg(test)]
mod tests {
    use isobath_architecture::{Activation, DenseLayer};

    use super::*;

    fn dense(width: usize) -> NetworkSpec {
        let layer = DenseLayer { inputs: width, outputs: width, activation: Activation::Tanh };
        NetworkSpec::new(vec![Layer::Dense(layer); 2]).unwrap()
    }

    #[test]
    fn trials_of_small_networks_are_never_cut() {
        assert!(Trial::affordable(&dense(512), 128) > 1000);
        // 2 * 2 * 30,000^2 * 3 * 100 operations in a step.
        assert_eq!(Trial::affordable(&dense(30_000), 100), 4);
        assert_eq!(Trial::affordable(&dense(30_000), 100_000), 1);
    }

    #[test]
    fn short_trials_are_cut_unless_they_diverge() {
        let of = |losses: &[f64], planned| Trial::of_losses(losses, 1e3, planned).unwrap().is_cut();
        assert!(of(&[2.0, 1.9], 5));
        assert!(!of(&[2.0, 1.9], 2));
        assert!(!of(&[2.0, f64::NAN], 5));
    }
}
