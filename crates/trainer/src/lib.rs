//! Training of complete networks: the ground truth for predictions of trainability.
//!
//! [`Trainer::train`] takes a network at its initialisation, minibatches in an order that is a function of a seed, and an
//! optimiser, and says how it ended ([`Outcome`]): a test accuracy reached, the steps used up, no hope by a stated rule,
//! or divergence, which is a result like the others and no error.
//!
//! [`Trainer::train_together`] does the same for many networks at once, whose products a device computes in one go.
//!
//! Same network, seed, settings and backend: the same bits, whatever the number of threads and of networks beside it, and whether or not the
//! training was killed and went on from a checkpoint. The optimisers are [`isobath_tensor::Optimizer`]s and the losses
//! [`isobath_tensor::Loss`]es.

mod backend;
mod checkpoint;
mod checkpoint_file;
mod cost;
mod data;
mod digest;
mod error;
mod evaluator;
mod job;
mod layer;
mod model;
mod moments;
mod observer;
mod order;
mod params;
mod progress;
mod regulariser;
mod run;
mod schedule;
mod trainer;
mod training;
mod update;

pub use backend::TrainerBackend;
pub use checkpoint::Checkpoints;
pub use error::{CheckpointError, Error, Result};
pub use isobath_tensor::{Loss, LossAndGradient, Optimizer};
pub use job::{Entry, Extent, Job, Labelled};
pub use observer::{Observer, Silent};
pub use order::epoch_order;
pub use params::{
    BatchEntropyParams, Hopeless, MAX_EPOCHS, Success, TrainParams, TrainValidParams,
};
pub use schedule::{Decay, Schedule};
pub use trainer::{Finished, Trainer};
pub use training::{Evaluation, Outcome, Training};
