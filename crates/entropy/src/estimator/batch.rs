use std::f64::consts::{E, PI};

use ndarray::ArrayView2;

use super::{Direction, EntropyEstimator};
use crate::{
    DifferentialRule, EntropyBackend, Profile, Result,
    staging::{self, Width},
};

/// What the standard deviation of a unit without any variance counts as.
const STD_FLOOR: f64 = 1e-20;

/// `mean_i [0.5 ln(2 pi e) + ln std_i]` in nats, `std_i` the unbiased standard deviation of unit `i` over the samples:
/// the entropy per unit of independent Gaussians (arXiv:2406.12916).
///
/// A unit whose samples agree to rounding counts with [`STD_FLOOR`] and is reported; one sample alone has no variance, so
/// all its units do.
#[derive(Clone, Debug)]
pub(crate) struct Differential<B> {
    pub(crate) backend: B,
    pub(crate) name: String,
    pub(crate) rule: DifferentialRule,
}

impl<B: EntropyBackend> EntropyEstimator for Differential<B> {
    fn name(&self) -> &str {
        &self.name
    }

    fn direction(&self) -> Direction {
        Direction::Falls
    }

    fn profile(
        &self,
        inputs: ArrayView2<'_, f32>,
        layers: &[ArrayView2<'_, f32>],
    ) -> Result<Profile> {
        staging::check(inputs, layers, Width::Any)?;
        let normalise_rows = self.rule == DifferentialRule::Published;
        let values = layers.iter().map(|layer| {
            let (mean, variance) = staging::column_moments(&self.backend, *layer, normalise_rows)?;
            Ok(differential(layer.nrows(), &mean, &variance))
        });
        Ok(Profile::from_layers(&self.name, values.collect::<Result<Vec<_>>>()?))
    }
}

/// The entropy and the number of units that count with the floor.
fn differential(samples: usize, mean: &[f64], variance: &[f64]) -> (f64, usize) {
    // Equal numbers can differ from their own mean by the rounding of a sum in f64. Different ones of f32 differ by at
    // least 6e-8 of their size, far more than this for any number of samples that fits into memory.
    let rounding = samples as f64 * f64::EPSILON;
    let (mut sum, mut floored) = (0.0, 0);
    for (mean, variance) in mean.iter().zip(variance) {
        let mut std = variance.sqrt();
        if std <= STD_FLOOR.max(rounding * mean.abs()) {
            std = STD_FLOOR;
            floored += 1;
        }
        sum += std.ln();
    }
    (0.5 * (2.0 * PI * E).ln() + sum / mean.len() as f64, floored)
}

/// Mean over units of `0.5 ln(pi e s^2 + 1)`, `s` the unbiased standard deviation over the samples, at least 0
/// (Peer et al., arXiv:2208.01134).
///
/// The paper takes it of activations; it is applied to whatever arrays are given.
#[derive(Clone, Debug)]
pub(crate) struct BatchEntropy<B> {
    pub(crate) backend: B,
    pub(crate) name: String,
}

impl<B: EntropyBackend> EntropyEstimator for BatchEntropy<B> {
    fn name(&self) -> &str {
        &self.name
    }

    fn direction(&self) -> Direction {
        Direction::Falls
    }

    fn profile(
        &self,
        inputs: ArrayView2<'_, f32>,
        layers: &[ArrayView2<'_, f32>],
    ) -> Result<Profile> {
        staging::check(inputs, layers, Width::Any)?;
        let values = layers.iter().map(|layer| {
            let (_, variance) = staging::column_moments(&self.backend, *layer, false)?;
            let sum: f64 = variance.iter().map(|variance| 0.5 * (PI * E * variance).ln_1p()).sum();
            Ok((sum / variance.len() as f64, 0))
        });
        Ok(Profile::from_layers(&self.name, values.collect::<Result<Vec<_>>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_without_variance_counts_with_the_floor() {
        let (value, floored) = differential(10, &[0.3, 0.0, 5.0], &[1.0, 0.0, 1e-30]);
        let expected = 0.5 * (2.0 * PI * E).ln() + 2.0 * STD_FLOOR.ln() / 3.0;
        assert!((value - expected).abs() < 1e-12, "{value} {expected}");
        assert_eq!(floored, 2);
    }

    #[test]
    fn a_small_variance_around_zero_is_a_variance() {
        let (_, floored) = differential(10, &[0.0], &[1e-30]);
        assert_eq!(floored, 0);
    }
}
