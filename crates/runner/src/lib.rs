//! Runs an experiment: from a checked plan to results in the store.
//!
//! [`run`] computes the cells that a run's store does not have yet, [`train`] the trainings, [`predict`] the
//! predictors' scores. Nothing here reads a command line or draws anything.

pub mod agreement;
mod cell;
mod cells;
mod clock;
mod early_stop;
mod engine;
mod error;
mod estimate;
mod measure;
mod memory;
pub mod pool;
mod predict;
mod progress;
mod save;
mod schedule;
mod search;
mod train_data;
mod train_estimate;
mod training;
mod training_batcher;
mod trainings;
mod work;
mod worker_pool;

pub use cell::{CellContext, compute};
pub use engine::{Outcome, RunOptions, run};
pub use error::{Error, Result};
pub use estimate::{Estimate, estimate};
pub use memory::Memory;
pub use predict::{PredictOutcome, predict};
pub use progress::{Progress, request_stop};
pub use schedule::networks_on_device;
pub use train_data::TrainData;
pub use train_estimate::{TrainEstimate, estimate_trainings};
pub use training::TrainContext;
pub use trainings::{TrainOutcome, train};
