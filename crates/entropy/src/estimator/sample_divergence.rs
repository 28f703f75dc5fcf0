use isobath_tensor::DivergenceKind;
use ndarray::{Array2, ArrayView2};

use super::EntropyEstimator;
use crate::{
    EntropyBackend, EstimatorSpec, Profile, Result,
    staging::{self, Width},
};

/// Divergence of each input from its reconstruction, both as distributions over units: `relative` (arXiv:2406.12916) and
/// `jensen-shannon`. [`DivergenceKind`] has the formulas.
#[derive(Clone, Debug)]
pub(super) struct SampleDivergence<B> {
    pub(super) backend: B,
    pub(super) spec: EstimatorSpec,
    pub(super) kind: DivergenceKind,
}

impl<B: EntropyBackend> EntropyEstimator for SampleDivergence<B> {
    fn spec(&self) -> EstimatorSpec {
        self.spec
    }

    fn profile(
        &self,
        inputs: ArrayView2<'_, f32>,
        layers: &[ArrayView2<'_, f32>],
    ) -> Result<Profile> {
        self.spec.check()?;
        staging::check(inputs, layers, Width::AsInputs)?;
        let per_sample = divergences(&self.backend, self.kind, inputs, layers)?;
        Ok(Profile::from_samples(self.spec, per_sample))
    }
}

/// Divergences of checked layers, `[L, n]`.
pub(super) fn divergences<B: EntropyBackend>(
    backend: &B,
    kind: DivergenceKind,
    inputs: ArrayView2<'_, f32>,
    layers: &[ArrayView2<'_, f32>],
) -> Result<Array2<f64>> {
    let buffer = staging::upload(backend, inputs)?;
    let mut per_sample = Array2::zeros((layers.len(), inputs.nrows()));
    for (mut row, layer) in per_sample.outer_iter_mut().zip(layers) {
        let values = staging::row_divergences(backend, kind, &buffer, *layer)?;
        row.assign(&ndarray::aview1(&values));
    }
    Ok(per_sample)
}
