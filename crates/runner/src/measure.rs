//! Entropy profiles of a cell's reconstructions.

use crate::error::Result;
use isobath_entropy::{EstimatorSpec, Profile};
use isobath_tensor::{BackendTask, FullBackend};
use ndarray::{Array2, ArrayView2};

use crate::cell;
use isobath_cascade::Method;
use isobath_experiment::{EntropySection, Plan};

/// Maximum number of probe samples for which `gram` is measured unasked: its cost grows with their cube.
const GRAM_SAMPLES: usize = 256;

/// Estimators to measure: all with default settings, and those of [`further`].
fn estimators(section: &EntropySection, samples: usize) -> Vec<EstimatorSpec> {
    [unasked(samples), further(section, samples)].concat()
}

/// Estimators that `section` names and that are not measured unasked: those with other settings than the defaults, and
/// `gram` of many samples, which is expensive.
pub(crate) fn further(section: &EntropySection, samples: usize) -> Vec<EstimatorSpec> {
    let unasked = unasked(samples);
    section.estimators.iter().filter(|estimator| !unasked.contains(estimator)).copied().collect()
}

/// Estimators that are always measured.
fn unasked(samples: usize) -> Vec<EstimatorSpec> {
    let is_cheap = |estimator: &EstimatorSpec| {
        samples <= GRAM_SAMPLES || !matches!(estimator, EstimatorSpec::Gram(_))
    };
    EstimatorSpec::all().into_iter().filter(is_cheap).collect()
}

/// Bytes that a cell of `plan` takes in the store, pictures included.
pub fn stored_bytes_per_cell(plan: &Plan) -> u64 {
    let samples = plan.file.data.probe();
    let estimators = estimators(&plan.file.entropy, samples);
    let is_per_layer = |estimator: &&EstimatorSpec| estimator.is_of_whole_batches();
    let per_layer = estimators.iter().filter(is_per_layer).count();
    let per_sample = estimators.len() - per_layer;
    let budgets = if plan.cascade.params().method == Method::Ridge { 1 } else { 2 };
    budgets * isobath_store::profile_bytes(plan.layers, samples, per_sample, per_layer)
        + cell::picture_bytes(plan)
}

/// Profiles of `reconstructions` of `inputs`, first layer first, by all estimators of `section`.
///
/// # Errors
/// When the device fails or a number is not finite.
pub(super) fn profiles(
    section: &EntropySection,
    inputs: ArrayView2<'_, f32>,
    reconstructions: &[Array2<f32>],
) -> Result<Vec<Profile>> {
    if reconstructions.is_empty() {
        return Ok(Vec::new());
    }
    let layers: Vec<_> = reconstructions.iter().map(|array| array.view()).collect();
    let estimators = estimators(section, inputs.nrows());
    let measure = Measure { estimators: &estimators, inputs, layers: &layers };
    Ok(section.backend.dispatch(measure)??)
}

/// Backend task that measures the profiles.
struct Measure<'a> {
    estimators: &'a [EstimatorSpec],
    inputs: ArrayView2<'a, f32>,
    layers: &'a [ArrayView2<'a, f32>],
}

impl BackendTask for Measure<'_> {
    type Output = isobath_entropy::Result<Vec<Profile>>;

    fn run<B: FullBackend>(self, backend: B) -> Self::Output {
        isobath_entropy::profiles(&backend, self.estimators, self.inputs, self.layers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_entropy::Relative;

    #[test]
    fn all_estimators_are_measured_once() {
        let floored = EstimatorSpec::Relative(Relative::Floored { eps: 0.02 });
        let named = vec![EstimatorSpec::RELATIVE, floored];
        let section = EntropySection { estimators: named, ..EntropySection::default() };
        let measured = estimators(&section, 100);
        assert_eq!(measured.len(), EstimatorSpec::all().len() + 1);
        assert!(measured.contains(&floored));
        assert_eq!(estimators(&section, 1000).len(), measured.len() - 1);
    }

    #[test]
    fn named_estimators_are_measured_whatever_their_cost() {
        let gram = EstimatorSpec::Gram(isobath_entropy::Gram);
        let section = EntropySection { estimators: vec![gram], ..EntropySection::default() };
        assert_eq!((further(&section, 100), further(&section, 1000)), (Vec::new(), vec![gram]));
        assert!(estimators(&section, 1000).contains(&gram));
    }
}
