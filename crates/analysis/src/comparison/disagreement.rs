//! Where cascade, theory and training differ.

use isobath_experiment::GridPoint;

use super::networks::Networks;

/// What one predictor says of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// As training turned out.
    Right,
    /// Trainable, where it is not.
    TooMuch,
    /// Not trainable, where it is.
    TooLittle,
    /// Nothing.
    Silent,
}

impl Class {
    /// In a word: `right`, `too-much`, `too-little`, `silent`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::TooMuch => "too-much",
            Self::TooLittle => "too-little",
            Self::Silent => "silent",
        }
    }
}

/// One `(sigma_w2, sigma_b2, depth)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// The point of the grid.
    pub point: GridPoint,
    /// Layers.
    pub depth: usize,
    /// The share of initialisations whose training succeeded.
    pub trained: f64,
    /// Initialisations.
    pub seeds: usize,
    /// Of the leading cascade, calibrated: trainable where the mean probability is at least 1/2.
    pub cascade: Class,
    /// Of theory, calibrated likewise.
    pub theory: Class,
}

/// Every cell, given the calibrated probabilities by cascade and theory, in the order of the networks.
pub(super) fn map(networks: &Networks, [cascade, theory]: [Option<&[f64]>; 2]) -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut first = 0;
    for rows in networks.cells.chunk_by(|a, b| a == b) {
        let range = first..first + rows.len();
        first = range.end;
        let seeds = range.len();
        let mean = |of: &dyn Fn(usize) -> f64| range.clone().map(of).sum::<f64>() / seeds as f64;
        let trained = mean(&|row| f64::from(u8::from(networks.rows[row].succeeded)));
        let class = |probabilities: Option<&[f64]>| {
            let Some(probabilities) = probabilities else { return Class::Silent };
            match (mean(&|row| probabilities[row]) >= 0.5, trained >= 0.5) {
                (true, false) => Class::TooMuch,
                (false, true) => Class::TooLittle,
                _ => Class::Right,
            }
        };
        let id = networks.rows[range.start].id;
        cells.push(Cell {
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
