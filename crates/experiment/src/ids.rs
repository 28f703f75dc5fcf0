//! Identity of cells and trainings.

use serde::{Deserialize, Serialize};

/// One cell of the grid: a network family member and one initialisation of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellId {
    /// Position in the grid, from 0.
    pub index: usize,
    /// Variance of the weights times the fan-in.
    pub sigma_w2: f64,
    /// Variance of the biases.
    pub sigma_b2: f64,
    /// Which of the independent initialisations, from 0.
    pub seed_index: usize,
}

/// Which training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingId {
    /// Variance of the weights times the fan-in.
    pub sigma_w2: f64,
    /// Variance of the biases.
    pub sigma_b2: f64,
    /// Which of the independent initialisations, from 0.
    pub seed_index: usize,
    /// Weight layers of the network, the readout included.
    pub depth: usize,
    /// Which of the run's recipes, from 0.
    pub recipe: usize,
}
