//! Running a plan: the folder, the store, the cells, the trainings, progress.

mod ask;
mod cascade_predictor;
mod cell;
mod cells;
mod clock;
mod confident;
mod crew;
mod engine;
mod estimate;
mod folder;
mod gather;
mod measure;
mod memory;
mod progress;
mod save;
mod schedule;
mod search;
mod store;
mod train_data;
mod train_estimate;
mod training;
mod trainings;
mod work;

pub use ask::{AskOutcome, ask};
pub use cell::{CellContext, compute};
pub use engine::{Outcome, RunOptions, Shard, run};
pub use estimate::{Estimate, estimate};
pub use folder::{RunFolder, list_runs};
pub use gather::gather;
pub use memory::Memory;
pub use progress::{Progress, stop_on_interrupt};
pub use store::{Store, StoredTraining};
pub use train_data::TrainData;
pub use train_estimate::{TrainEstimate, estimate_trainings};
pub use training::TrainContext;
pub use trainings::{TrainOutcome, train};
