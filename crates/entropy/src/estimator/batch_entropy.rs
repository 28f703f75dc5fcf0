use std::f64::consts::{E, PI};

use ndarray::ArrayView2;

use super::{Descriptor, Direction, EntropyEstimator, EstimatorKind};
use crate::{
    EntropyBackend, EstimatorSpec, Profile, Result,
    staging::{self, Width},
};

/// Batch entropy of Peer et al., arXiv:2208.01134, at least 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchEntropy;

impl EstimatorKind for BatchEntropy {
    const KIND: &'static str = "batch-entropy";
    const RULES: &'static [(&'static str, Self)] = &[];

    fn descriptor(self) -> Descriptor {
        Descriptor {
            id: "batch-entropy".into(),
            label: "batch entropy",
            unit: "nats",
            direction: Direction::Falls,
            source: "Peer et al., arXiv:2208.01134",
        }
    }

    fn build<B: EntropyBackend>(self, backend: B) -> Box<dyn EntropyEstimator> {
        Box::new(BatchEntropyEstimator { backend })
    }
}

/// Mean over units of `0.5 ln(pi e s^2 + 1)`, at least 0 (Peer et al., arXiv:2208.01134).
///
/// `s` is the unbiased standard deviation over the samples. The paper uses activations; this estimator accepts any arrays.
#[derive(Clone, Debug)]
struct BatchEntropyEstimator<B> {
    backend: B,
}

impl<B: EntropyBackend> EntropyEstimator for BatchEntropyEstimator<B> {
    fn spec(&self) -> EstimatorSpec {
        EstimatorSpec::BatchEntropy(BatchEntropy)
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
        Ok(Profile::from_layers(self.spec(), values.collect::<Result<Vec<_>>>()?))
    }
}
