use std::f64::consts::{E, PI};

use super::{Descriptor, Direction, Estimate, EstimatorKind};
use crate::{
    EntropyBackend, Result,
    staging::{Scratch, Staged, Width},
};

/// Batch entropy: mean over units of `0.5 ln(pi e s^2 + 1)`, at least 0 (Peer et al., arXiv:2208.01134).
///
/// `s` is the unbiased standard deviation over the samples. The paper uses activations; this estimator accepts any arrays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchEntropy;

impl EstimatorKind for BatchEntropy {
    const KIND: &'static str = "batch-entropy";
    const RULES: &'static [(&'static str, Self)] = &[];
    const WIDTH: Width = Width::Any;

    fn descriptor(self) -> Descriptor {
        Descriptor {
            id: "batch-entropy".into(),
            label: "batch entropy",
            unit: "nats",
            direction: Direction::Falls,
            source: "Peer et al., arXiv:2208.01134",
        }
    }

    fn estimate<B: EntropyBackend>(
        self,
        _inputs: &Staged<'_, B>,
        layer: &Staged<'_, B>,
        _divergences: &[f64],
        _scratch: &mut Scratch<B>,
    ) -> Result<Estimate> {
        let variance = &layer.moments()?.variance;
        let sum: f64 = variance.iter().map(|variance| 0.5 * (PI * E * variance).ln_1p()).sum();
        Ok(Estimate::Whole { value: sum / variance.len() as f64, floored: 0 })
    }
}
