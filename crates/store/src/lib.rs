//! Storage of experiment results.
//!
//! A run is a [folder](RunFolder) with its experiment file, its environment and SQLite files of cells, trainings and
//! scores, one per shard, which readers see as one [`Store`] and [`merge`] joins. Readers get a [`RunRecord`] of plain
//! values.

pub mod environment;
mod error;
mod file_system;
mod folder;
mod lease;
mod measurement;
mod merge;
mod record;
mod shard;
mod shard_process;
mod store;
#[cfg(any(test, feature = "test-util"))]
pub mod synthetic;

pub use error::{Error, Result};
pub use folder::{RunFolder, last_change, list_runs, other_stores};
pub use measurement::{ConclusionError, Measurement, NotMeasured};
pub use merge::{MergeOutcome, merge};
pub use record::{
    CellRecord, CostRecord, CutoffRecord, FitRecord, GalleryRecord, GrowthRecord, LayerRecord,
    OverlayRecord, ProfileRecord, RunRecord, ScoreRecord, SliceTheory, StageRecord, StagesRecord,
    TheoryRecord, TrainingRecord, VariantRecord,
};
pub use shard::{ParseShardError, Shard};
pub use shard_process::{Holder, ShardProcess};
pub use store::{
    BodyError, Store, StoredTraining, decode_measurement, encode_measurement, profile_bytes,
};
