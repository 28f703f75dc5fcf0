use isobath_tensor::DivergenceKind;

use super::{Descriptor, Direction, Estimate, EstimatorKind};
use crate::{
    EntropyBackend, Error, Result,
    staging::{Scratch, Staged, Width},
};

/// Default share of the uniform distribution in `relative-floored`.
pub const DEFAULT_EPS: f64 = 1e-3;

/// Relative entropy of each reconstruction from its input, in nats.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Relative {
    /// Converts each sample to a distribution: subtracts the minimum, adds 1e-12, divides by the sum (arXiv:2406.12916). The
    /// unit at a reconstruction's minimum can add tenths of a nat of noise.
    #[default]
    Published,
    /// Mixes the published distributions with a share `eps` of the uniform distribution, which removes that noise.
    Floored {
        /// Share of the uniform distribution, above 0 and below 1.
        eps: f64,
    },
}

impl EstimatorKind for Relative {
    const KIND: &'static str = "relative";
    const RULES: &'static [(&'static str, Self)] =
        &[("published", Self::Published), ("floored", Self::Floored { eps: DEFAULT_EPS })];
    const WIDTH: Width = Width::AsInputs;

    fn with_eps(self, eps: f64) -> Option<Self> {
        matches!(self, Self::Floored { .. }).then_some(Self::Floored { eps })
    }

    fn eps(self) -> Option<f64> {
        match self {
            Self::Published => None,
            Self::Floored { eps } => Some(eps),
        }
    }

    fn check(self) -> Result<()> {
        match self {
            Self::Floored { eps } if !(eps > 0.0 && eps < 1.0) => {
                Err(Error::Setting { setting: "eps", value: eps, range: "above 0 and below 1" })
            }
            _ => Ok(()),
        }
    }

    fn descriptor(self) -> Descriptor {
        let (id, label) = match self {
            Self::Published => ("relative".into(), "relative entropy"),
            Self::Floored { eps } if eps.total_cmp(&DEFAULT_EPS).is_eq() => {
                ("relative-floored".into(), "floored relative entropy")
            }
            Self::Floored { eps } => {
                (format!("relative-floored-{eps}").into(), "floored relative entropy")
            }
        };
        Descriptor {
            id,
            label,
            unit: "nats",
            direction: Direction::Rises,
            source: "Thurn, Jefferson and Erdmenger, arXiv:2406.12916",
        }
    }

    fn divergence(self) -> Option<DivergenceKind> {
        Some(DivergenceKind::Relative { floor: self.eps().unwrap_or(0.0) })
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
