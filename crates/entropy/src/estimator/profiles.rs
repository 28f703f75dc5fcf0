//! Profiles of all layers by any number of estimators.

use ndarray::{Array2, ArrayView2};

use super::{EntropyEstimator, Estimate, EstimatorSpec};
use crate::{
    EntropyBackend, Error, Profile, Result, Source,
    staging::{Scratch, Staged, Width},
};

/// Profiles of `layers` by each of `estimators`, in their order. Each layer is checked and uploaded once, and no more than
/// one at a time is on the backend.
///
/// The arrays are those of [`EntropyEstimator::profile`].
///
/// # Errors
/// As [`EntropyEstimator::profile`].
pub fn profiles<B: EntropyBackend>(
    backend: &B,
    estimators: &[EstimatorSpec],
    inputs: ArrayView2<'_, f32>,
    layers: &[ArrayView2<'_, f32>],
) -> Result<Vec<Profile>> {
    for estimator in estimators {
        estimator.check()?;
    }
    let room = backend.zeros(inputs.len())?;
    let inputs = Staged::new(backend, Source::Inputs, inputs, room)?;
    if layers.is_empty() {
        return Err(Error::NoLayers);
    }
    let as_inputs = estimators.iter().any(|estimator| estimator.width() == Width::AsInputs);
    let width = if as_inputs { Width::AsInputs } else { Width::Any };
    let mut values: Vec<_> = estimators.iter().map(|_| Values::default()).collect();
    let kinds: Vec<_> = estimators.iter().filter_map(EstimatorSpec::divergence).collect();
    let largest = layers.iter().map(ArrayView2::len).max().unwrap_or(0);
    let (mut room, mut scratch) = (backend.zeros(largest)?, Scratch::new(backend, largest)?);
    for (number, layer) in (1..).zip(layers) {
        let layer = Staged::layer(&inputs, number, *layer, width, room)?;
        let [x, y] = [&inputs.buffer, &layer.buffer];
        let divergences = if kinds.is_empty() {
            Vec::new()
        } else {
            backend.row_divergences(&kinds, inputs.shape(), x, y)?
        };
        let mut divergences = divergences.into_iter();
        for (estimator, values) in estimators.iter().zip(&mut values) {
            let of_estimator = estimator.divergence().and_then(|_| divergences.next());
            let of_estimator = of_estimator.unwrap_or_default();
            values.push(estimator.estimate(&inputs, &layer, &of_estimator, &mut scratch)?);
        }
        room = layer.buffer;
    }
    let samples = inputs.samples.nrows();
    let profile = |(estimator, values): (&EstimatorSpec, Values)| {
        let profile = values.profile(*estimator, samples)?;
        Ok(profile.with_weights(estimator.weights(&inputs)?))
    };
    estimators.iter().zip(values).map(profile).collect()
}

/// Estimates at the layers so far.
#[derive(Default)]
struct Values {
    per_sample: Vec<f64>,
    whole: Vec<(f64, usize)>,
}

impl Values {
    fn push(&mut self, estimate: Estimate) {
        match estimate {
            Estimate::PerSample(values) => self.per_sample.extend(values),
            Estimate::Whole { value, floored } => self.whole.push((value, floored)),
        }
    }

    fn profile(self, estimator: EstimatorSpec, samples: usize) -> Result<Profile> {
        let Self { per_sample, whole } = self;
        if per_sample.is_empty() {
            return Ok(Profile::from_layers(estimator, whole));
        }
        let (rows, cols) = (per_sample.len() / samples, samples);
        let shape =
            |_| Error::ProfileShape { estimator: estimator.to_string(), values: rows, rows, cols };
        let per_sample = Array2::from_shape_vec((rows, cols), per_sample).map_err(shape)?;
        Ok(Profile::from_samples(estimator, per_sample))
    }
}

/// One estimator on a backend.
#[derive(Clone, Debug)]
pub(super) struct OnBackend<B> {
    pub(super) backend: B,
    pub(super) estimator: EstimatorSpec,
}

impl<B: EntropyBackend> EntropyEstimator for OnBackend<B> {
    fn spec(&self) -> EstimatorSpec {
        self.estimator
    }

    fn profile(
        &self,
        inputs: ArrayView2<'_, f32>,
        layers: &[ArrayView2<'_, f32>],
    ) -> Result<Profile> {
        let mut found = profiles(&self.backend, &[self.estimator], inputs, layers)?;
        found.pop().ok_or(Error::NoLayers)
    }
}
