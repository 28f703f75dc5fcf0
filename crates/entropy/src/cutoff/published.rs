use serde::{Deserialize, Serialize};

use super::{curve, saturation::deepest_different};
use crate::{Profile, Result};

/// Cut-offs of a profile as stored by the published code: 0-based layer indices; the number of layers for a flat curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishedCutoffs {
    /// Index for the median over samples of `S_l / S_L`; `None` without values per sample.
    pub of_median_normalised: Option<usize>,
    /// Mean over samples of each sample's index; `None` without values per sample.
    pub per_sample_mean: Option<f64>,
    /// Index for the layer values.
    pub of_values: usize,
}

/// Computes the published cut-offs of `profile` (arXiv:2406.12916), for comparison with stored results.
///
/// Each scan starts at the deepest layer and takes the first value that differs from the last one by more than
/// `1e-8 + rtol |s_L|`. The rules in [`CutoffRule`](super::CutoffRule) count layers from 1 instead.
///
/// # Errors
/// See [`Profile::check`].
pub fn published_cutoffs(profile: &Profile, rtol: f64) -> Result<PublishedCutoffs> {
    profile.check()?;
    let depth = profile.depth();
    let of_median_normalised = profile.per_sample.is_some().then(|| {
        curve::normalised(profile, depth, None).map_or(depth, |curve| index(&curve, rtol))
    });
    let per_sample_mean = profile.per_sample.as_ref().map(|per_sample| {
        let indices = per_sample.columns().into_iter().map(|curve| index(&curve.to_vec(), rtol));
        indices.sum::<usize>() as f64 / per_sample.ncols() as f64
    });
    let of_values = index(&profile.values, rtol);
    Ok(PublishedCutoffs { of_median_normalised, per_sample_mean, of_values })
}

/// Published 0-based index of a curve.
pub(super) fn index(curve: &[f64], rtol: f64) -> usize {
    deepest_different(curve, rtol).unwrap_or(curve.len())
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::EstimatorSpec;

    #[test]
    fn indices_count_from_zero_and_flat_curves_give_their_length() {
        assert_eq!(index(&[0.5, 0.9, 0.999, 1.0], 0.005), 1);
        assert_eq!(index(&[1.0, 1.0, 1.0], 0.005), 3);
        assert_eq!(index(&[1.0], 0.005), 1);
    }

    #[test]
    fn one_profile_has_three_published_cutoffs() {
        // Sample 0 is flat (index 3). Sample 1 differs at layer index 1.
        let profile = Profile::from_samples(
            EstimatorSpec::RELATIVE,
            array![[2.0, 0.0], [2.0, 0.5], [2.0, 1.0]],
        );
        let cutoffs = published_cutoffs(&profile, 0.005).unwrap();
        assert_eq!(cutoffs.per_sample_mean, Some(2.0));
        assert_eq!(cutoffs.of_median_normalised, Some(1));
        assert_eq!(cutoffs.of_values, 1);
    }
}
