//! Experiments: from a TOML file to a checked plan of cells.

mod error;
mod file;
mod grid;
mod overlay;
mod plan;
mod read;
mod stop;
mod theory;
mod train;
mod train_plan;

pub use error::FileError;
pub use file::{
    CascadeSection, DataSection, EntropySection, ExperimentFile, MeanfieldSection, NetworkKind,
    NetworkSection, OneOrMany, ReportSection,
};
pub use grid::{GridSection, Range, Values};
pub use overlay::Overlay;
pub use plan::{Cell, Plan};
pub use read::{Override, read, read_text, read_theory};
pub use stop::{Confident, Stop};
pub use theory::{
    CobwebsFigure, PlaneFigure, RidgeFigure, ScalesFigure, Span, TheoryFigure, TheoryFile,
};
pub use train::{DepthRange, Depths, Search, TrainSection};
pub use train_plan::{Recipe, TrainCell, TrainPlan};
