//! Configurations at which cascade, theory and training disagree.

use isobath_experiment::GridPoint;

use super::networks::Networks;

/// Outcome of one predictor on a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Prediction and training agree.
    Right,
    /// False positive: predicted trainable, but training fails.
    FalsePositive,
    /// False negative: predicted untrainable, but training succeeds.
    FalseNegative,
    /// No prediction.
    Missing,
}

impl Class {
    /// Identifier: `right`, `too-much`, `too-little`, `silent`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::FalsePositive => "too-much",
            Self::FalseNegative => "too-little",
            Self::Missing => "silent",
        }
    }
}

/// One configuration: a `(sigma_w2, sigma_b2, depth)` with all its initialisations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Configuration {
    /// Point of the grid.
    pub point: GridPoint,
    /// Number of layers.
    pub depth: usize,
    /// Share of initialisations whose training succeeded.
    pub trained: f64,
    /// Number of initialisations.
    pub seeds: usize,
    /// Calibrated leading cascade: trainable if the mean probability is at least 1/2.
    pub cascade: Class,
    /// Calibrated theory, by the same criterion.
    pub theory: Class,
}

/// Classifies every configuration, given the calibrated probabilities of cascade and theory in the order of the
/// networks.
pub(super) fn map(
    networks: &Networks,
    [cascade, theory]: [Option<&[f64]>; 2],
) -> Vec<Configuration> {
    let mut cells = Vec::new();
    let mut first = 0;
    for rows in networks.cells.chunk_by(|a, b| a == b) {
        let range = first..first + rows.len();
        first = range.end;
        let seeds = range.len();
        let mean = |of: &dyn Fn(usize) -> f64| range.clone().map(of).sum::<f64>() / seeds as f64;
        let trained = mean(&|row| f64::from(u8::from(networks.rows[row].succeeded)));
        let class = |probabilities: Option<&[f64]>| {
            let Some(probabilities) = probabilities else { return Class::Missing };
            match (mean(&|row| probabilities[row]) >= 0.5, trained >= 0.5) {
                (true, false) => Class::FalsePositive,
                (false, true) => Class::FalseNegative,
                _ => Class::Right,
            }
        };
        let id = networks.rows[range.start].id;
        cells.push(Configuration {
            point: id.point,
            depth: id.depth,
            trained,
            seeds,
            cascade: class(cascade),
            theory: class(theory),
        });
    }
    cells
}
