//! Analysis of stored results.
//!
//! [`gather`] joins a run's store with mean-field theory. [`points`] groups cells into points of the phase diagram,
//! [`frontier`] derives frontiers from trainings, [`theory_agreement`] compares cut-offs with theory, and
//! [`comparison`] compares every predictor with the trainings of a run, [`outcomes`] with trainings made elsewhere, and
//! [`scoreboard`] with several such grids at once.

pub mod compare_methods;
pub mod comparison;
mod describe;
mod error;
pub mod frontier;
mod gather;
pub mod layer_losses;
pub mod outcomes;
pub mod points;
pub mod scoreboard;
pub mod spread;
mod stages;
mod theory;
pub mod theory_agreement;

pub use error::{Error, Result};
pub use gather::gather;
pub use stages::COSINE;
