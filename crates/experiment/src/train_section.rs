//! The `[train]` table as written: the networks that are trained, and how.

use isobath_tensor::{BackendSpec, Loss, Optimizer};
use isobath_trainer::{BatchEntropyParams, Hopeless, Schedule, Success, TrainParams};
use serde::{Deserialize, Serialize};

use super::{FileError, OneOrMany};

/// The ground truth: which networks are trained, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSection {
    /// The depths that are tried, in weight layers with the readout.
    pub depths: Depths,
    /// Which of them.
    #[serde(default)]
    pub search: Search,
    /// Bisection: depths trained on either side of the frontier once it is found.
    #[serde(default = "one")]
    pub refine: usize,
    /// Initialisations of each point that are trained; default: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<usize>,
    /// Samples to learn from; default: as many as decoders have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<usize>,
    /// Held-out samples that accuracy is measured on: those that follow the probe samples, which are not among them.
    /// Default 1,000, or all that are left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<usize>,
    /// What is called success.
    pub success: Success,
    /// Whether a training ends with its success, or goes on to its last step.
    #[serde(default = "yes")]
    pub stop_at_success: bool,
    /// Most passes over the samples.
    #[serde(default = "defaults::epochs")]
    pub epochs: usize,
    /// Stops after so many minibatches, whatever the epochs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<usize>,
    /// Samples per minibatch.
    #[serde(default = "defaults::batch")]
    pub batch: usize,
    /// The optimiser, or a list: each network is trained by every one.
    #[serde(default = "defaults::optimizer")]
    pub optimizer: OneOrMany<Optimizer>,
    /// How the learning rate changes.
    #[serde(default)]
    pub schedule: Schedule,
    /// The loss.
    #[serde(default)]
    pub loss: Loss,
    /// When a training is given up; never if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hopeless: Option<Hopeless>,
    /// Steps between evaluations; once an epoch if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluate_every: Option<usize>,
    /// Regularisation of the hidden layers' batch entropies; none if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_entropy: Option<BatchEntropyParams>,
    /// A loss above this, in nats, is divergence.
    #[serde(default = "defaults::diverged_above")]
    pub diverged_above: f64,
    /// Where it runs.
    #[serde(default)]
    pub backend: BackendSpec,
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

/// The trainer's own.
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
    /// The settings as the trainer takes them, with one of the optimisers.
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

/// Which of the depths are trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Search {
    /// All.
    #[default]
    Grid,
    /// For each initialisation those that a binary search for the frontier asks for, and then `refine` neighbours on
    /// either side of it, which show whether success ends there once and for all.
    Bisect,
    /// As published: from the critical `sigma_w2` and the greatest depth one depth down until training succeeds, then on
    /// to the next `sigma_w2` on either side, never up again.
    Staircase,
}

/// Depths: one, a list, or a range with its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a whole number, a list of them, or { from = .., to = .., step = .. }"
)]
pub enum Depths {
    /// One.
    One(usize),
    /// A list.
    List(Vec<usize>),
    /// A range.
    Range(DepthRange),
}

/// `from`, `from + step`, ... up to `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepthRange {
    /// The least depth.
    pub from: usize,
    /// The greatest depth, where a step meets it.
    pub to: usize,
    /// From one to the next.
    pub step: usize,
}

impl Depths {
    /// The depths, rising.
    ///
    /// # Errors
    /// When there is none, one is 0 or beyond `most`, or one is listed twice.
    pub fn expand(&self, most: usize) -> Result<Vec<usize>, FileError> {
        let refuse = |message: String| Err(FileError::invalid("train", message));
        let too_deep = |depth: usize| {
            format!(
                "depths: {depth} is beyond the depth = {most} of [network], which is the deepest network that is looked at"
            )
        };
        let mut depths = match self {
            Self::One(depth) => vec![*depth],
            Self::List(depths) => depths.clone(),
            Self::Range(DepthRange { from, to, .. }) if to < from => {
                return refuse(format!("depths: to = {to} is below from = {from}"));
            }
            Self::Range(DepthRange { step: 0, .. }) => {
                return refuse("depths: step = 0 must be at least 1".to_owned());
            }
            Self::Range(DepthRange { to, .. }) if *to > most => return refuse(too_deep(*to)),
            Self::Range(DepthRange { from, to, step }) => (*from..=*to).step_by(*step).collect(),
        };
        depths.sort_unstable();
        let (Some(&least), Some(&greatest)) = (depths.first(), depths.last()) else {
            return refuse("depths lists none".to_owned());
        };
        if least == 0 {
            return refuse("depths: a network has at least 1 layer".to_owned());
        }
        if greatest > most {
            return refuse(too_deep(greatest));
        }
        let twice = depths.iter().zip(&depths[1..]).find(|(depth, next)| depth == next);
        if let Some((depth, _)) = twice {
            return refuse(format!("depths lists {depth} twice"));
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
    fn numbers_lists_and_ranges() {
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
    fn impossible_depths_are_refused() {
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
