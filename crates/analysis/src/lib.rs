//! Findings from stored results.
//!
//! [`gather`] joins a run's store with mean-field theory. [`points`] gathers cells into points of the phase diagram,
//! [`frontier`] turns trainings into a frontier, [`theory_agreement`] compares cut-offs with theory, and [`comparison`]
//! holds every predictor against the trainings.

pub mod compare_methods;
pub mod comparison;
mod error;
pub mod frontier;
mod gather;
pub mod points;
pub mod spread;
pub mod theory_agreement;

pub use error::{Error, Result};
pub use gather::gather;
