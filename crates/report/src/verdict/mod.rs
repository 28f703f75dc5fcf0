//! One-page report of a verdict on a single network.
//!
//! [`VerdictReport`] has everything that the page shows, in words and plain numbers.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::{Error, Result, files, html};

/// Contents of the page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VerdictReport {
    /// Name of the network, for the head of the page.
    pub name: String,
    /// The network in words, and its training.
    pub facts: Vec<String>,
    /// The verdict in a sentence.
    pub sentence: String,
    /// Probability that the network trains, and the ends of its interval, in `[0, 1]`; `None` where it has no basis.
    pub probability: Option<[f64; 3]>,
    /// Meaning of the probability and what it is calibrated on.
    pub basis: String,
    /// Heading of the reasons.
    pub reasons_title: String,
    /// Reasons, the gravest first.
    pub reasons: Vec<Reason>,
    /// Changes of the file; `None` if none were looked for.
    pub alternatives: Option<Vec<Alternative>>,
    /// What else the search for alternatives found, in sentences.
    pub advice: Vec<String>,
    /// Trainings of the network and of its best alternative.
    pub trainings: Vec<Training>,
    /// Measurements by layer.
    pub profile: LayerValues,
    /// Command that makes this page.
    pub command: String,
}

/// A reason why the network may not train.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The finding.
    pub sentence: String,
    /// The layer where it shows, counted from 1.
    pub layer: Option<usize>,
}

/// A change of the file and the verdict after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    /// Description of the change.
    pub change: String,
    /// Options of the command line that make the change.
    pub options: String,
    /// Probability after the change, and the ends of its interval.
    pub probability: [f64; 3],
}

/// A training that was run to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// The network, or its change.
    pub network: String,
    /// Predicted probability of success, where it has a basis.
    pub predicted: Option<f64>,
    /// Description of the training's result.
    pub result: String,
    /// Highest accuracy on samples that no training saw, in `[0, 1]`; `None` after divergence.
    pub accuracy: Option<f64>,
}

/// Measurements of a network by layer, first layer first. Lists may end before the last layer. NaN and infinities stand for
/// no value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerValues {
    /// Number of layers, the readout included.
    pub depth: usize,
    /// The first layer, counted from 1, whose activations are not finite.
    pub overflow: Option<usize>,
    /// Mean square of the activations.
    pub mean_square: Vec<f64>,
    /// Natural logarithm of the norm of the loss's gradient by the layer's weights.
    pub ln_gradient: Vec<f64>,
    /// Error of linear decoders from each hidden layer to the input, in units of the input's variance.
    pub reconstruction_error: Vec<f64>,
    /// Why there are no such errors.
    pub no_reconstruction: Option<String>,
    /// Effective rank of the hidden layers' activations.
    pub rank: Vec<f64>,
    /// Share of the hidden layers' units with the same output for all samples, in `[0, 1]`.
    pub dead: Vec<f64>,
    /// Share of the hidden layers' activations near the ends of a bounded range, in `[0, 1]`.
    pub saturated: Vec<f64>,
}

/// Writes the report as one HTML file that opens offline.
///
/// # Errors
/// If the file cannot be written, or a figure cannot be drawn.
pub fn write_verdict(report: &VerdictReport, file: &Path) -> Result<PathBuf> {
    let name = file.display().to_string();
    let page = html::verdict::page(report).map_err(Error::part(name))?;
    files::write(file, page.as_bytes())
}
