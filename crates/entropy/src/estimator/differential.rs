use std::f64::consts::{E, PI};

use isobath_tensor::row_minimum;

use super::{Descriptor, Direction, Estimate, EstimatorKind};
use crate::{
    EntropyBackend, Result,
    staging::{Moments, Scratch, Staged, Width, column_moments},
};

/// Differential entropy of a layer's samples per unit, in nats: `mean_i [0.5 ln(2 pi e) + ln std_i]`, the entropy per unit
/// of independent Gaussians (arXiv:2406.12916).
///
/// `std_i` is the unbiased standard deviation of unit `i` over the samples. A floor of 1e-20 replaces it for units whose
/// samples are equal up to rounding; these count as floored. With one sample, all units are floored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Differential {
    /// Divides each sample by the sum of its units first: the clean call of the published code (arXiv:2406.12916).
    #[default]
    Published,
    /// The values that the published script stores. There the relative entropy has changed the samples in place before:
    /// each is shifted by its minimum, and 1e-12 is added. Near the input these values differ from the clean ones by up
    /// to 1.6 nats.
    AsStored,
    /// Uses the samples unchanged.
    Plain,
}

impl EstimatorKind for Differential {
    const KIND: &'static str = "differential";
    const RULES: &'static [(&'static str, Self)] =
        &[("published", Self::Published), ("as-stored", Self::AsStored), ("plain", Self::Plain)];
    const WIDTH: Width = Width::Any;

    fn descriptor(self) -> Descriptor {
        let (id, label) = match self {
            Self::Published => ("differential", "differential entropy"),
            Self::AsStored => ("differential-as-stored", "differential entropy as stored"),
            Self::Plain => ("differential-plain", "plain differential entropy"),
        };
        Descriptor {
            id: id.into(),
            label,
            unit: "nats per unit",
            direction: Direction::Falls,
            source: "Thurn, Jefferson and Erdmenger, arXiv:2406.12916",
        }
    }

    fn estimate<B: EntropyBackend>(
        self,
        _inputs: &Staged<'_, B>,
        layer: &Staged<'_, B>,
        _divergences: &[f64],
        scratch: &mut Scratch<B>,
    ) -> Result<Estimate> {
        let (rows, cols) = layer.samples.dim();
        let Moments { mean, variance } = match self {
            Self::Published => layer.moments_of_normalised_rows()?,
            Self::Plain => layer.moments()?.clone(),
            Self::AsStored => {
                scratch.upload(layer.backend, layer.samples, shift)?;
                column_moments(layer.backend, [rows, cols], &scratch.buffer, true)?
            }
        };
        let (value, floored) = differential(rows, &mean, &variance);
        Ok(Estimate::Whole { value, floored })
    }
}

/// Floor of the standard deviation.
const STD_FLOOR: f64 = 1e-20;

/// A sample minus its minimum, plus 1e-12.
fn shift(sample: &[f32], shifted: &mut [f32]) {
    let minimum = row_minimum(sample);
    for (to, &value) in shifted.iter_mut().zip(sample) {
        *to = value - minimum + 1e-12;
    }
}

/// Returns the entropy and the number of floored units.
fn differential(samples: usize, mean: &[f64], variance: &[f64]) -> (f64, usize) {
    // Equal numbers can differ from their mean by the rounding of an f64 sum. Different f32 numbers differ by at least 6e-8
    // of their size, far more than this for any number of samples that fits into memory.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floor_replaces_zero_variance() {
        let (value, floored) = differential(10, &[0.3, 0.0, 5.0], &[1.0, 0.0, 1e-30]);
        let expected = 0.5 * (2.0 * PI * E).ln() + 2.0 * STD_FLOOR.ln() / 3.0;
        assert!((value - expected).abs() < 1e-12, "{value} {expected}");
        assert_eq!(floored, 2);
    }

    #[test]
    fn stored_values_do_not_depend_on_a_shift_of_a_sample() {
        use crate::EstimatorSpec;
        use isobath_tensor::Cpu;
        use ndarray::{Array2, array};

        let value = |rule: Differential, layer: Array2<f32>| {
            let estimator = EstimatorSpec::Differential(rule).build(Cpu::new());
            estimator.profile(layer.view(), &[layer.view()]).unwrap().values[0]
        };
        let (plain, moved) =
            (array![[0.0, 1.0, 3.0], [0.0, 2.0, 2.0]], array![[4.0, 5.0, 7.0], [0.0, 2.0, 2.0]]);
        let stored = |layer: &Array2<f32>| value(Differential::AsStored, layer.clone());
        assert!((stored(&plain) - stored(&moved)).abs() < 1e-6);
        // Samples whose minimum is zero are the clean call's.
        let clean = |layer: &Array2<f32>| value(Differential::Published, layer.clone());
        assert!((stored(&plain) - clean(&plain)).abs() < 1e-6);
        assert!((stored(&moved) - clean(&moved)).abs() > 0.1);
    }

    #[test]
    fn small_variance_around_zero_is_not_floored() {
        let (_, floored) = differential(10, &[0.0], &[1e-30]);
        assert_eq!(floored, 0);
    }
}
