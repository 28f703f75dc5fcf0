use isobath_network::Network;
use serde::{Deserialize, Serialize};

/// Outcome of a training. Steps are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Outcome {
    /// The required accuracy was reached.
    Succeeded {
        /// Steps until the evaluation that found it.
        step: usize,
    },
    /// All steps were used up.
    Exhausted {
        /// Number of steps.
        step: usize,
    },
    /// Given up, by the rule of [`Hopeless`](crate::Hopeless).
    Hopeless {
        /// Steps until the evaluation that decided it.
        step: usize,
    },
    /// The loss is no number any more, or beyond the limit.
    Diverged {
        /// The step whose minibatch showed it, or after which the test samples did.
        step: usize,
    },
}

/// A look at the network between two steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Steps done before it.
    pub step: usize,
    /// Accuracy on the minibatches since the evaluation before, each measured before its own step; in `[0, 1]`.
    pub train_accuracy: f64,
    /// Mean loss on the test samples.
    pub test_loss: f64,
    /// Accuracy on the test samples, in `[0, 1]`.
    pub test_accuracy: f64,
    /// Euclidean norm of each layer's weight gradient, first layer first, at the step before, where measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_norms: Option<Vec<f64>>,
}

/// A finished training.
#[derive(Clone, Debug)]
pub struct Training {
    /// Outcome.
    pub outcome: Outcome,
    /// The loss of each step's minibatch before the step; the last one is what diverged, where that is the
    /// outcome.
    pub losses: Vec<f64>,
    /// The evaluations, in order.
    pub evaluations: Vec<Evaluation>,
    /// The network with the parameters it ended with.
    pub network: Network,
    /// Floating-point operations of the matrix products done, evaluations included.
    pub flops: u64,
}

impl Training {
    /// The highest accuracy on the test samples at any evaluation; `None` where there was no evaluation.
    pub fn best_accuracy(&self) -> Option<f64> {
        self.evaluations.iter().map(|evaluation| evaluation.test_accuracy).reduce(f64::max)
    }
}
