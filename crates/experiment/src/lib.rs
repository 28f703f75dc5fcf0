//! Experiment files: reads TOML and checks it into a plan of cells.

mod error;
mod explain;
mod file;
mod grid;
mod hex;
mod ids;
mod network_section;
mod overlay;
mod plan;
mod points;
mod read;
mod report_format;
mod stop;
mod theory_coverage;
mod theory_file;
mod train_plan;
mod train_section;
mod variant;

pub use error::FileError;
pub use file::{
    CascadeSection, DataSection, EntropySection, ExperimentFile, MeanfieldSection, OneOrMany,
    ReportSection,
};
pub use grid::{GridSection, Range, Values};
pub use hex::hex;
pub use ids::{CellId, GridPoint, TrainingId};
pub use network_section::{DepthUnit, NetworkKind, NetworkSection};
pub use overlay::{DepthScale, Overlay};
pub use plan::{Cell, Plan};
pub use read::{Override, read, read_single, read_single_text, read_text, read_theory};
pub use report_format::{Format, ParseFormatError};
pub use stop::{Confident, Stop};
pub use theory_file::{
    CobwebsFigure, PlaneFigure, RidgeFigure, ScalesFigure, Span, TheoryFigure, TheoryFile,
};
pub use train_plan::{Recipe, TrainCell, TrainPlan};
pub use train_section::{DepthRange, Depths, Search, TrainSection};
pub use variant::{Ends, Variant, file_stem};
