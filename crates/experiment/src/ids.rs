//! Identity of grid points, cells and trainings.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
};

use serde::{Deserialize, Serialize};

/// A grid point of the phase diagram: the network and the variances shared by all its cells.
///
/// Points are equal if their variances are bit-identical, which holds for copies of the values of one grid. Points are
/// ordered by variant, then by `sigma_b2`, then by `sigma_w2`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct GridPoint {
    /// Index of the network in [`Plan::variants`](crate::Plan::variants).
    pub variant: usize,
    /// Variance of the weights times the fan-in.
    pub sigma_w2: f64,
    /// Variance of the biases.
    pub sigma_b2: f64,
}

impl GridPoint {
    /// Creates the point with the given variances of the first variant.
    pub const fn new(sigma_w2: f64, sigma_b2: f64) -> Self {
        Self { variant: 0, sigma_w2, sigma_b2 }
    }

    /// A variance as part of a file name: `0.05`, or `1e-30` where digits would be many.
    pub fn file_stem(variance: f64) -> String {
        let is_short = variance.abs() <= 0.0 || (1e-4..1e7).contains(&variance.abs());
        if is_short { variance.to_string() } else { format!("{variance:e}") }
    }

    /// True if both points have the same network and `sigma_b2` and so belong to the same phase diagram.
    pub const fn shares_slice(&self, other: &Self) -> bool {
        self.variant == other.variant && self.sigma_b2.to_bits() == other.sigma_b2.to_bits()
    }

    /// Bit patterns of `sigma_w2` and `sigma_b2`, used in keys of the store.
    pub const fn bits(&self) -> [u64; 2] {
        [self.sigma_w2.to_bits(), self.sigma_b2.to_bits()]
    }
}

impl PartialEq for GridPoint {
    fn eq(&self, other: &Self) -> bool {
        self.variant == other.variant && self.bits() == other.bits()
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
        let by_variant = self.variant.cmp(&other.variant);
        let by_bias = self.sigma_b2.total_cmp(&other.sigma_b2);
        by_variant.then(by_bias).then(self.sigma_w2.total_cmp(&other.sigma_w2))
    }
}

impl Hash for GridPoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.variant, self.bits()).hash(state);
    }
}

impl fmt::Display for GridPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sigma_w2 = {}, sigma_b2 = {}", self.sigma_w2, self.sigma_b2)
    }
}

/// Identity of a cell: a grid point and one of its initialisations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CellId {
    /// Position in the grid, from 0.
    pub index: usize,
    /// The point.
    pub point: GridPoint,
    /// Index of the initialisation, from 0.
    pub seed_index: usize,
}

/// Identity of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TrainingId {
    /// The point.
    pub point: GridPoint,
    /// Index of the initialisation, from 0.
    pub seed_index: usize,
    /// Depth of the network, the readout included.
    pub depth: usize,
    /// Index of the recipe, from 0.
    pub recipe: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_ordered_by_variant_and_bias_variance_first() {
        let point = |(variant, w, b)| GridPoint { variant, ..GridPoint::new(w, b) };
        let mut points = [(1, 0.5, 0.0), (0, 2.0, 0.1), (0, 1.0, 0.1), (0, 3.0, 0.0)].map(point);
        points.sort();
        let sorted = [(0, 3.0, 0.0), (0, 1.0, 0.1), (0, 2.0, 0.1), (1, 0.5, 0.0)].map(point);
        assert_eq!(points, sorted);
    }

    #[test]
    fn points_are_equal_if_bit_identical() {
        assert_eq!(GridPoint::new(0.3, 0.0), GridPoint::new(0.3, 0.0));
        assert_ne!(GridPoint::new(0.1 + 0.2, 0.0), GridPoint::new(0.3, 0.0));
    }
}
