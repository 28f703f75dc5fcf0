//! Running a plan: the folder, the store, the cells, progress.

mod cell;
mod clock;
mod confident;
mod engine;
mod estimate;
mod folder;
mod gather;
mod measure;
mod memory;
mod progress;
mod save;
mod schedule;
mod store;
mod work;
mod workers;

pub use cell::{CellContext, compute};
pub use engine::{Outcome, RunOptions, Shard, run};
pub use estimate::{Estimate, estimate};
pub use folder::{RunFolder, list_runs};
pub use gather::gather;
pub use memory::Memory;
pub use progress::{Progress, stop_on_interrupt};

pub use store::Store;
