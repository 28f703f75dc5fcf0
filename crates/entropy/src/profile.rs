use ndarray::{Array2, Axis};

use crate::{Error, EstimatorSpec, Result};

/// Entropy profile: estimates at each depth.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The estimator.
    pub estimator: EstimatorSpec,
    /// Values per layer and probe sample, `[L, n]`; `None` if the estimator needs the whole batch at once.
    pub per_sample: Option<Array2<f64>>,
    /// Share of each probe sample in the denominator of the mean over resampled ones, `[n]`, 1 on average; `None` if every
    /// sample counts as one.
    pub weights: Option<Vec<f64>>,
    /// Values per layer, `[L]`: the mean over samples, or one value per batch without `per_sample`.
    pub values: Vec<f64>,
    /// Number of units (or samples) without variance that a floor replaces, `[L]`.
    pub floored: Vec<usize>,
}

impl Profile {
    /// Creates a profile from values per sample, `[L, n]`.
    pub fn from_samples(estimator: EstimatorSpec, per_sample: Array2<f64>) -> Self {
        let n = per_sample.ncols().max(1) as f64;
        let values: Vec<f64> = per_sample.sum_axis(Axis(1)).iter().map(|sum| sum / n).collect();
        let floored = vec![0; values.len()];
        Self { estimator, per_sample: Some(per_sample), weights: None, values, floored }
    }

    /// Creates a profile from one value and one number of floored units per layer, for estimators of whole batches.
    pub fn from_layers(
        estimator: EstimatorSpec,
        layers: impl IntoIterator<Item = (f64, usize)>,
    ) -> Self {
        let (values, floored) = layers.into_iter().unzip();
        Self { estimator, per_sample: None, weights: None, values, floored }
    }

    /// This profile with [`weights`](Self::weights) of its samples.
    #[must_use]
    pub fn with_weights(self, weights: Option<Vec<f64>>) -> Self {
        Self { weights, ..self }
    }

    /// Number of layers, `L`.
    pub fn depth(&self) -> usize {
        self.values.len()
    }

    /// Number of probe samples; `None` without values per sample.
    pub fn samples(&self) -> Option<usize> {
        self.per_sample.as_ref().map(Array2::ncols)
    }

    /// Checks that the profile has at least one layer, matching shapes and finite numbers.
    ///
    /// # Errors
    /// [`Error::NoLayers`], [`Error::ProfileShape`] or [`Error::ProfileNotFinite`].
    pub fn check(&self) -> Result<()> {
        if self.values.is_empty() {
            return Err(Error::NoLayers);
        }
        let not_finite = |layer_idx: usize, value: f64| {
            let estimator = self.estimator.to_string();
            Err(Error::ProfileNotFinite { estimator, layer: layer_idx + 1, value })
        };
        if let Some(layer_idx) = self.values.iter().position(|value| !value.is_finite()) {
            return not_finite(layer_idx, self.values[layer_idx]);
        }
        let Some(per_sample) = &self.per_sample else { return Ok(()) };
        let (rows, cols) = per_sample.dim();
        let is_weighted = self.weights.as_ref().is_none_or(|weights| weights.len() == cols);
        if rows != self.depth() || cols == 0 || !is_weighted {
            let (estimator, values) = (self.estimator.to_string(), self.depth());
            return Err(Error::ProfileShape { estimator, values, rows, cols });
        }
        match per_sample.indexed_iter().find(|(_, value)| !value.is_finite()) {
            Some(((layer_idx, _), &value)) => not_finite(layer_idx, value),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_means_over_samples() {
        let profile =
            Profile::from_samples(EstimatorSpec::RELATIVE, ndarray::array![[1.0, 3.0], [0.0, 0.5]]);
        assert_eq!(profile.values, [2.0, 0.25]);
        assert_eq!((profile.depth(), profile.samples()), (2, Some(2)));
        profile.check().unwrap();
    }

    #[test]
    fn error_names_the_layer_that_is_not_finite() {
        let mut profile = Profile::from_layers(EstimatorSpec::RELATIVE, [(1.0, 0), (f64::NAN, 0)]);
        assert!(matches!(profile.check(), Err(Error::ProfileNotFinite { layer: 2, .. })));
        profile.values[1] = 1.0;
        profile.per_sample = Some(ndarray::array![[1.0], [f64::INFINITY]]);
        assert!(matches!(profile.check(), Err(Error::ProfileNotFinite { layer: 2, .. })));
    }

    #[test]
    fn mismatched_shapes_are_rejected() {
        assert!(matches!(
            Profile::from_layers(EstimatorSpec::RELATIVE, []).check(),
            Err(Error::NoLayers)
        ));
        let mut profile = Profile::from_layers(EstimatorSpec::RELATIVE, [(1.0, 0)]);
        for shape in [(2, 3), (1, 0)] {
            profile.per_sample = Some(Array2::zeros(shape));
            assert!(matches!(profile.check(), Err(Error::ProfileShape { .. })));
        }
    }
}
