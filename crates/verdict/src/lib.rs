//! Whether a network will train within a budget, why it will not, and what to change.
//!
//! [`measure`] looks at a network at its initialisation, [`Trial`] at the first steps of its training. [`Features`] are
//! the numbers that a [`Calibration`] makes a probability from.

mod activations;
mod basis;
mod calibration;
mod diagnosis;
mod error;
mod features;
mod fit;
mod measurement;
mod trial;

pub use activations::{Activations, Inspection, inspect};
pub use basis::Spline;
pub use calibration::{
    Calibration, FeatureSkill, Model, Outside, Probability, Row, Scores, Skill, feature_skills,
};
pub use diagnosis::{Diagnosis, DiagnosisKind, diagnose};
pub use error::{Error, Result};
pub use features::Features;
pub use isobath_predictors::Budget;
pub use measurement::{Measurement, Samples, Size, linearised_gain, measure};
pub use trial::Trial;
