//! Runs an experiment: takes a checked plan and writes results to the store.
//!
//! [`run`] computes the cells that are missing from a run's store, [`train`] the trainings and [`predict`] the
//! predictors' scores. This crate reads no command line and draws no figures.

pub mod agreement;
mod cell;
mod cell_work;
mod cells;
mod checkpoints;
mod clock;
mod deal;
mod early_stop;
mod engine;
mod error;
mod estimate;
mod layer_size;
mod measure;
mod memory;
mod memory_size;
pub mod pool;
mod predict;
mod predictor_estimate;
mod progress;
mod samples;
mod save;
mod schedule;
mod search;
mod shard_work;
mod train_data;
mod train_estimate;
mod training;
mod training_batcher;
mod trainings;
mod worker_pool;

pub use cell::{CellContext, compute};
pub use deal::cells_of;
pub use engine::{Outcome, RunOptions, run};
pub use error::{Error, Result};
pub use estimate::{Estimate, estimate};
pub use measure::stored_bytes_per_cell;
pub use memory::Memory;
pub use memory_size::{CascadeSize, TrainingSize};
pub use predict::{PredictOutcome, predict};
pub use predictor_estimate::{PredictorEstimate, estimate_predictors};
pub use progress::{Progress, report_progress_as_json, request_stop};
pub use samples::{CellSamples, SeedSamples};
pub use schedule::networks_on_device;
pub use shard_work::{ShardWork, WorkKeys, shard_work};
pub use train_data::TrainData;
pub use train_estimate::{TrainEstimate, estimate_trainings};
pub use training::TrainContext;
pub use trainings::{TrainOutcome, train};
