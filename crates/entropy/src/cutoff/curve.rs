//! Curves of one number per layer, the input of cut-off rules.

use ndarray::{ArrayView1, ArrayView2, s};

use crate::{Profile, cutoff::saturation::ATOL, statistics::median};

/// Normalised curve of the first `layers` layers: the median over samples of `S_l / S_L`, where `L` is the last of them.
///
/// Without values per sample, the layer values. `None` if `S_L` is zero for every sample.
pub(super) fn normalised(
    profile: &Profile,
    layers: usize,
    resample: Option<&[usize]>,
) -> Option<Vec<f64>> {
    let Some(per_sample) = &profile.per_sample else {
        return Some(profile.values[..layers].to_vec());
    };
    let per_sample = per_sample.slice(s![..layers, ..]);
    match resample {
        Some(samples) => median_normalised(per_sample, samples),
        None => median_normalised(per_sample, &(0..per_sample.ncols()).collect::<Vec<_>>()),
    }
}

/// Median ratio per layer. Skips samples whose last value is zero to the rule's absolute tolerance.
fn median_normalised(per_sample: ArrayView2<'_, f64>, samples: &[usize]) -> Option<Vec<f64>> {
    let last = per_sample.row(per_sample.nrows() - 1);
    let samples: Vec<usize> =
        samples.iter().copied().filter(|&sample| last[sample].abs() > ATOL).collect();
    if samples.is_empty() {
        return None;
    }
    let mut ratios = vec![0.0; samples.len()];
    let median_ratio = |values: ArrayView1<'_, f64>| {
        for (ratio, &sample) in ratios.iter_mut().zip(&samples) {
            *ratio = values[sample] / last[sample];
        }
        median(&mut ratios)
    };
    Some(per_sample.outer_iter().map(median_ratio).collect())
}

/// Mean over samples per layer: the sum of their values over the sum of their weights. Without values per sample, or if all
/// weights are zero, the layer values.
pub(crate) fn mean(profile: &Profile, resample: Option<&[usize]>) -> Vec<f64> {
    let (Some(per_sample), Some(samples)) = (&profile.per_sample, resample) else {
        return profile.values.clone();
    };
    let weight = match &profile.weights {
        Some(weights) => samples.iter().map(|&s| weights[s]).sum(),
        None => samples.len() as f64,
    };
    if weight <= 0.0 {
        return profile.values.clone();
    }
    let mean =
        |values: ArrayView1<'_, f64>| samples.iter().map(|&s| values[s]).sum::<f64>() / weight;
    per_sample.outer_iter().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    use crate::EstimatorSpec;

    fn profile() -> Profile {
        Profile::from_samples(
            EstimatorSpec::RELATIVE,
            array![[1.0, 1.0, 3.0], [2.0, 4.0, 4.0], [2.0, 5.0, 0.0]],
        )
    }

    #[test]
    fn ratios_are_computed_per_sample() {
        // The third sample is zero at layer 3 and is skipped there, but counts if layer 2 is the last.
        assert_eq!(normalised(&profile(), 3, None).unwrap(), [0.35, 0.9, 1.0]);
        assert_eq!(normalised(&profile(), 2, None).unwrap(), [0.5, 1.0]);
        assert_eq!(normalised(&profile(), 3, Some(&[2, 2])), None);
    }

    #[test]
    fn resamples_weight_samples_by_their_draws() {
        assert_eq!(mean(&profile(), Some(&[0, 0, 2, 2])), [2.0, 3.0, 1.0]);
        assert_eq!(normalised(&profile(), 3, Some(&[1, 1, 0])).unwrap(), [0.2, 0.8, 1.0]);
    }

    #[test]
    fn weights_divide_the_mean_over_resamples() {
        let weighted = profile().with_weights(Some(vec![0.5, 0.5, 2.0]));
        assert_eq!(mean(&weighted, Some(&[0, 0, 1])), [2.0, 16.0 / 3.0, 6.0]);
        assert_eq!(mean(&weighted, None), profile().values);
        let weighted = profile().with_weights(Some(vec![0.0, 1.5, 1.5]));
        assert_eq!(mean(&weighted, Some(&[0, 0])), profile().values);
    }

    #[test]
    fn curve_without_samples_is_the_layer_values() {
        let profile = Profile::from_layers(EstimatorSpec::RELATIVE, [(-3.0, 0), (-4.0, 0)]);
        assert_eq!(normalised(&profile, 2, None).unwrap(), [-3.0, -4.0]);
        assert_eq!(mean(&profile, None), [-3.0, -4.0]);
    }
}
