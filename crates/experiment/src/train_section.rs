//! The `[train]` table of an experiment file.

use isobath_tensor::{BackendSpec, Loss, Optimizer};
use isobath_trainer::{BatchEntropyParams, Hopeless, Schedule, Success, TrainParams};
use serde::{Deserialize, Serialize};

use super::{FileError, OneOrMany};

/// The `[train]` table: networks to train and training settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSection {
    /// Depths to train, in weight layers including the readout; default for a list of layers: its one depth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depths: Option<Depths>,
    /// Search strategy over the depths.
    #[serde(default)]
    pub search: Search,
    /// Bisection: extra depths trained on each side of the frontier.
    #[serde(default = "one")]
    pub refine: usize,
    /// Trained initialisations per grid point; default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<usize>,
    /// Training samples; default: as many as the decoders use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<usize>,
    /// Test samples for the accuracy: the held-out samples after the probe samples. Default 1,000, or all that are left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<usize>,
    /// Success criterion.
    pub success: Success,
    /// True if a training stops at success; otherwise it continues to its last step.
    #[serde(default = "yes")]
    pub stop_at_success: bool,
    /// Maximum number of epochs.
    #[serde(default = "defaults::epochs")]
    pub epochs: usize,
    /// Maximum number of minibatches, independent of the epochs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<usize>,
    /// Samples per minibatch.
    #[serde(default = "defaults::batch")]
    pub batch: usize,
    /// The optimiser, or a list. Every optimiser trains every network.
    #[serde(default = "defaults::optimizer")]
    pub optimizer: OneOrMany<Optimizer>,
    /// Learning-rate schedule.
    #[serde(default)]
    pub schedule: Schedule,
    /// Loss function.
    #[serde(default)]
    pub loss: Loss,
    /// Early-stopping rule for trainings without progress; none by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hopeless: Option<Hopeless>,
    /// Steps between evaluations; default: one epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluate_every: Option<usize>,
    /// Regularisation of the hidden layers' batch entropies; none by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_entropy: Option<BatchEntropyParams>,
    /// Noises of the ridge cascades among the predictors, standard deviations on each activation; none by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ridge_noise: Vec<f64>,
    /// Loss above which a training counts as diverged.
    #[serde(default = "defaults::diverged_above")]
    pub diverged_above: f64,
    /// Backend of the trainings.
    #[serde(default)]
    pub backend: BackendSpec,
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

/// Defaults of the trainer.
mod defaults {
    use super::{OneOrMany, Optimizer, TrainParams};

    pub(super) fn epochs() -> usize {
        TrainParams::default().epochs
    }

    pub(super) fn batch() -> usize {
        TrainParams::default().batch
    }

    pub(super) fn optimizer() -> OneOrMany<Optimizer> {
        OneOrMany::One(TrainParams::default().optimizer)
    }

    pub(super) fn diverged_above() -> f64 {
        TrainParams::default().diverged_above
    }
}

impl TrainSection {
    /// The default of `optimizer`.
    pub(super) fn default_optimizer() -> OneOrMany<Optimizer> {
        defaults::optimizer()
    }

    /// Converts the settings to trainer parameters with the given optimiser.
    pub fn params(&self, optimizer: Optimizer) -> TrainParams {
        TrainParams {
            epochs: self.epochs,
            max_steps: self.max_steps,
            batch: self.batch,
            optimizer,
            schedule: self.schedule,
            loss: self.loss,
            evaluate_every: self.evaluate_every,
            success: self.stop_at_success.then_some(self.success),
            hopeless: self.hopeless,
            diverged_above: self.diverged_above,
            batch_entropy: self.batch_entropy,
            gradient_norms: false,
        }
    }
}

/// Search strategy over depths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Search {
    /// Train all depths.
    #[default]
    Grid,
    /// Binary search for the frontier of each initialisation, then `refine` neighbours on each side. The neighbours show if
    /// success ends at the frontier for good.
    Bisect,
    /// Staircase search, as published. Starts at the critical `sigma_w2` and the greatest depth and reduces the depth until
    /// training succeeds. Then moves to the next `sigma_w2` on either side, and never increases the depth again.
    Staircase,
}

/// One depth, a list, or an inclusive range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a whole number, a list of them, or { from = .., to = .., step = .. }"
)]
pub enum Depths {
    /// One depth.
    One(usize),
    /// A list of depths.
    List(Vec<usize>),
    /// A range of depths.
    Range(DepthRange),
}

/// The depths `from`, `from + step`, ... up to `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepthRange {
    /// The smallest depth.
    pub from: usize,
    /// Upper bound, included if a step reaches it.
    pub to: usize,
    /// Difference between neighbours.
    pub step: usize,
}

impl Depths {
    /// Returns the depths in increasing order.
    ///
    /// # Errors
    /// When there is none, one is 0 or greater than `most`, or one occurs twice.
    pub fn expand(&self, most: usize) -> Result<Vec<usize>, FileError> {
        let reject = |message: String| Err(FileError::invalid("train", message));
        let too_deep = |depth: usize| {
            format!(
                "depths: {depth} is beyond the depth = {most} of [network]; increase that depth or train less deep networks"
            )
        };
        let mut depths = match self {
            Self::One(depth) => vec![*depth],
            Self::List(depths) => depths.clone(),
            Self::Range(DepthRange { from, to, .. }) if to < from => {
                return reject(format!("depths: to = {to} is below from = {from}"));
            }
            Self::Range(DepthRange { step: 0, .. }) => {
                return reject("depths: step = 0 must be at least 1".to_owned());
            }
            Self::Range(DepthRange { to, .. }) if *to > most => return reject(too_deep(*to)),
            Self::Range(DepthRange { from, to, step }) => (*from..=*to).step_by(*step).collect(),
        };
        depths.sort_unstable();
        let (Some(&least), Some(&greatest)) = (depths.first(), depths.last()) else {
            return reject("depths lists none; give at least one depth".to_owned());
        };
        if least == 0 {
            return reject("depths: 0 must be at least 1 layer".to_owned());
        }
        if greatest > most {
            return reject(too_deep(greatest));
        }
        let duplicate = depths.iter().zip(&depths[1..]).find(|(depth, next)| depth == next);
        if let Some((depth, _)) = duplicate {
            return reject(format!("depths lists {depth} twice; list each depth once"));
        }
        Ok(depths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        d: Depths,
    }

    fn expand(toml: &str) -> Result<Vec<usize>, FileError> {
        toml::from_str::<File>(&format!("d = {toml}")).expect(toml).d.expand(50)
    }

    #[test]
    fn numbers_lists_and_ranges_expand() {
        for (toml, expected) in [
            ("5", vec![5]),
            ("[20, 5, 10]", vec![5, 10, 20]),
            ("{ from = 5, to = 50, step = 15 }", vec![5, 20, 35, 50]),
            ("{ from = 5, to = 49, step = 15 }", vec![5, 20, 35]),
        ] {
            assert_eq!(expand(toml).unwrap(), expected, "{toml}");
        }
    }

    #[test]
    fn invalid_depths_are_rejected() {
        for (toml, message) in [
            ("[]", "lists none"),
            ("[5, 0]", "at least 1 layer"),
            ("[5, 51]", "51 is beyond the depth = 50 of [network]"),
            ("{ from = 5, to = 1000000000000, step = 1 }", "beyond the depth = 50"),
            ("[5, 6, 5]", "lists 5 twice"),
            ("{ from = 6, to = 5, step = 1 }", "below"),
            ("{ from = 5, to = 6, step = 0 }", "step = 0"),
        ] {
            let error = expand(toml).expect_err(toml).to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
