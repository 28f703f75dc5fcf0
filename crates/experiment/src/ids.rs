//! Identity of grid points, cells and trainings.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
};

use serde::{Deserialize, Serialize};

/// A point of the phase diagram: the variances that all its cells share.
///
/// Points are equal if their variances are equal to the bit, which holds for copies of the values of one grid. The order
/// is by `sigma_b2`, then by `sigma_w2`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct GridPoint {
    /// Variance of the weights times the fan-in.
    pub sigma_w2: f64,
    /// Variance of the biases.
    pub sigma_b2: f64,
}

impl GridPoint {
    /// The point at the given variances.
    pub const fn new(sigma_w2: f64, sigma_b2: f64) -> Self {
        Self { sigma_w2, sigma_b2 }
    }

    /// True for points of one phase diagram, which share `sigma_b2`.
    pub fn shares_slice(&self, other: &Self) -> bool {
        self.is_in_slice(other.sigma_b2)
    }

    /// True if the point belongs to the phase diagram of `sigma_b2`.
    pub fn is_in_slice(&self, sigma_b2: f64) -> bool {
        self.sigma_b2.to_bits() == sigma_b2.to_bits()
    }

    /// The bits of both variances: the point's part of a key in the store.
    pub const fn bits(&self) -> [u64; 2] {
        [self.sigma_w2.to_bits(), self.sigma_b2.to_bits()]
    }
}

impl PartialEq for GridPoint {
    fn eq(&self, other: &Self) -> bool {
        self.bits() == other.bits()
    }
}

impl Eq for GridPoint {}

impl PartialOrd for GridPoint {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for GridPoint {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_bias = self.sigma_b2.total_cmp(&other.sigma_b2);
        by_bias.then(self.sigma_w2.total_cmp(&other.sigma_w2))
    }
}

impl Hash for GridPoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bits().hash(state);
    }
}

impl fmt::Display for GridPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sigma_w2 = {}, sigma_b2 = {}", self.sigma_w2, self.sigma_b2)
    }
}

/// One cell of the grid: a point and one initialisation of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CellId {
    /// Position in the grid, from 0.
    pub index: usize,
    /// The point.
    pub point: GridPoint,
    /// Number of the initialisation, from 0.
    pub seed_index: usize,
}

/// One training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TrainingId {
    /// The point.
    pub point: GridPoint,
    /// Number of the initialisation, from 0.
    pub seed_index: usize,
    /// Weight layers of the network, the readout included.
    pub depth: usize,
    /// Number of the run's recipe, from 0.
    pub recipe: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_ordered_by_bias_variance_first() {
        let mut points = [(2.0, 0.1), (1.0, 0.1), (3.0, 0.0)].map(|(w, b)| GridPoint::new(w, b));
        points.sort();
        assert_eq!(points, [(3.0, 0.0), (1.0, 0.1), (2.0, 0.1)].map(|(w, b)| GridPoint::new(w, b)));
    }

    #[test]
    fn points_are_equal_to_the_bit() {
        assert_eq!(GridPoint::new(0.3, 0.0), GridPoint::new(0.3, 0.0));
        assert_ne!(GridPoint::new(0.1 + 0.2, 0.0), GridPoint::new(0.3, 0.0));
    }
}
