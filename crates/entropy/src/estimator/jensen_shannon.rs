use isobath_tensor::DivergenceKind;

use super::{Descriptor, Direction, Estimate, EstimatorKind};
use crate::{
    EntropyBackend, Result,
    staging::{Scratch, Staged, Width},
};

/// Jensen-Shannon divergence between the distributions of `relative`, in `[0, ln 2]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JensenShannon;

impl EstimatorKind for JensenShannon {
    const KIND: &'static str = "jensen-shannon";
    const RULES: &'static [(&'static str, Self)] = &[];
    const WIDTH: Width = Width::AsInputs;

    fn descriptor(self) -> Descriptor {
        Descriptor {
            id: "jensen-shannon".into(),
            label: "Jensen-Shannon divergence",
            unit: "nats",
            direction: Direction::Rises,
            source: "Lin, IEEE Transactions on Information Theory 37 (1991)",
        }
    }

    fn divergence(self) -> Option<DivergenceKind> {
        Some(DivergenceKind::JensenShannon)
    }

    fn estimate<B: EntropyBackend>(
        self,
        _inputs: &Staged<'_, B>,
        _layer: &Staged<'_, B>,
        divergences: &[f64],
        _scratch: &mut Scratch<B>,
    ) -> Result<Estimate> {
        Ok(Estimate::PerSample(divergences.to_vec()))
    }
}
