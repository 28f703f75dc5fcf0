//! Running a plan: the folder, the store, the cells, progress.

mod cell;
mod confident;
mod engine;
mod estimate;
mod folder;
mod gather;
mod measure;
mod progress;
mod store;
mod work;

pub use cell::{CellContext, compute};
pub use engine::{Outcome, RunOptions, Shard, run};
pub use estimate::{Estimate, estimate};
pub use folder::{RunFolder, list_runs};
pub use gather::gather;
pub use progress::{Progress, stop_on_interrupt};
pub use store::Store;
