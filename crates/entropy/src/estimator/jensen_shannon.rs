use isobath_tensor::DivergenceKind;

use super::{
    Descriptor, Direction, EntropyEstimator, EstimatorKind, sample_divergence::SampleDivergence,
};
use crate::{EntropyBackend, EstimatorSpec};

/// Jensen-Shannon divergence between the distributions of `relative`, in `[0, ln 2]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JensenShannon;

impl EstimatorKind for JensenShannon {
    const KIND: &'static str = "jensen-shannon";
    const RULES: &'static [(&'static str, Self)] = &[];

    fn descriptor(self) -> Descriptor {
        Descriptor {
            id: "jensen-shannon".into(),
            label: "Jensen-Shannon divergence",
            unit: "nats",
            direction: Direction::Rises,
            source: "Lin, IEEE Transactions on Information Theory 37 (1991)",
        }
    }

    fn build<B: EntropyBackend>(self, backend: B) -> Box<dyn EntropyEstimator> {
        let (spec, kind) = (EstimatorSpec::JensenShannon(self), DivergenceKind::JensenShannon);
        Box::new(SampleDivergence { backend, spec, kind })
    }
}
