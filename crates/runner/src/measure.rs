//! Entropy profiles of a cell's reconstructions.

use crate::error::Result;
use isobath_entropy::{EntropyEstimator, EstimatorSpec, Profile};
use isobath_tensor::{BackendTask, FullBackend};
use ndarray::{Array2, ArrayView2};

use isobath_experiment::{EntropySection, Plan};

/// Maximum number of probe samples for which `gram` is measured unasked: its cost grows with their cube.
const GRAM_SAMPLES: usize = 256;

/// Estimators to measure: all with default settings, and those that `section` names with others. `gram` of many samples is
/// expensive and measured only if named.
pub(crate) fn estimators(section: &EntropySection, samples: usize) -> Vec<EstimatorSpec> {
    let is_cheap = |estimator: &EstimatorSpec| {
        samples <= GRAM_SAMPLES || !matches!(estimator, EstimatorSpec::Gram(_))
    };
    let mut estimators: Vec<_> = EstimatorSpec::all().into_iter().filter(is_cheap).collect();
    let further = section.estimators.iter().filter(|estimator| !estimators.contains(estimator));
    estimators.extend(further.copied().collect::<Vec<_>>());
    estimators
}

/// Bytes that a cell of `plan` takes in the store, pictures included.
pub fn stored_bytes_per_cell(plan: &Plan) -> u64 {
    let samples = plan.file.data.probe;
    let estimators = estimators(&plan.file.entropy, samples);
    let is_per_layer = |estimator: &&EstimatorSpec| estimator.is_of_whole_batches();
    let per_layer = estimators.iter().filter(is_per_layer).count();
    let pictures = 8 * plan.shape.len() as u64 * 4 * 10;
    isobath_store::stored_bytes(plan.layers, samples, estimators.len() - per_layer, per_layer)
        + pictures
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
    let built = section.backend.dispatch(BuildEstimators(&estimators))?;
    built.iter().map(|estimator| Ok(estimator.profile(inputs, &layers)?)).collect()
}

/// Backend task that builds the estimators.
struct BuildEstimators<'a>(&'a [EstimatorSpec]);

impl BackendTask for BuildEstimators<'_> {
    type Output = Vec<Box<dyn EntropyEstimator>>;

    fn run<B: FullBackend>(self, backend: B) -> Self::Output {
        self.0.iter().map(|spec| spec.build(backend.clone())).collect()
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
}
