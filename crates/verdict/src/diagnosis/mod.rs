//! Reasons why a network may not train, each with its number and the layer where it shows.

mod layers;
#[cfg(test)]
mod tests;
mod training;
mod words;

use isobath_trainer::TrainParams;
use serde::Serialize;

use crate::{Measurement, Trial};

/// Kind of a diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiagnosisKind {
    /// Activations are beyond the range of f32.
    Overflow,
    /// Activations grow from layer to layer.
    SignalExplodes,
    /// Activations shrink from layer to layer.
    SignalVanishes,
    /// Gradients grow towards the first layer.
    GradientsExplode,
    /// Gradients shrink towards the first layer.
    GradientsVanish,
    /// The input cannot be reconstructed from the last hidden layer.
    InformationLost,
    /// Different samples become alike.
    CorrelationsCollapse,
    /// Activations sit at the ends of their function's range.
    Saturation,
    /// Units have the same activation for all samples.
    DeadUnits,
    /// Too narrow for the depth.
    TooNarrow,
    /// Inputs are of an unusual size.
    InputScale,
    /// Steps along the steepest direction are longer than is stable.
    LearningRateTooLarge,
    /// The budget moves the outputs too little.
    LearningRateTooSmall,
    /// The first steps of the training diverge.
    Diverges,
}

/// A reason, as measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnosis {
    /// What is wrong.
    pub kind: DiagnosisKind,
    /// The number that shows it, in the unit that the sentence states.
    pub value: f64,
    /// The layer where it shows, counted from 1.
    pub layer: Option<usize>,
    /// How far the number is beyond its limit, in units of the limit's own size: above 0 is beyond.
    pub severity: f64,
    /// The finding in a sentence.
    pub sentence: String,
}

/// All reasons that apply, the gravest first.
pub fn diagnose(
    measurement: &Measurement,
    params: &TrainParams,
    steps: usize,
    trial: Option<&Trial>,
) -> Vec<Diagnosis> {
    let mut found = layers::diagnose(measurement);
    found.extend(training::diagnose(measurement, params, steps, trial));
    // The linearised network does not move where outputs are saturated already, but the network itself does.
    let explodes = |found: &Diagnosis| {
        matches!(found.kind, DiagnosisKind::SignalExplodes | DiagnosisKind::Diverges)
    };
    if found.iter().any(explodes) {
        found.retain(|found| found.kind != DiagnosisKind::LearningRateTooSmall);
    }
    found.sort_by(|a, b| b.severity.total_cmp(&a.severity));
    found
}
