//! The estimators, one per file. [`EstimatorSpec`] lists them.

mod batch_entropy;
mod differential;
mod gram;
mod jensen_shannon;
mod reconstruction_error;
mod relative;
mod sample_divergence;
mod spec;

use std::borrow::Cow;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

pub use batch_entropy::BatchEntropy;
pub use differential::Differential;
pub use gram::Gram;
pub use jensen_shannon::JensenShannon;
pub use reconstruction_error::ReconstructionError;
pub use relative::{DEFAULT_EPS, Relative};
pub use spec::EstimatorSpec;

use crate::{EntropyBackend, Profile, Result};

/// Measures how much of the inputs the layers still hold.
pub trait EntropyEstimator: Send + Sync {
    /// The estimator and its settings.
    fn spec(&self) -> EstimatorSpec;

    /// The value at each layer, `layers[l - 1]` being layer `l`.
    ///
    /// `inputs` are the probe samples, `[n, D]`; each layer holds their reconstructions from that depth, `[n, D]`, in the
    /// same order. Estimators that look at a layer alone (`differential`, `gram`, `batch-entropy`) accept any width, so
    /// that they can be given activations as well.
    ///
    /// # Errors
    /// When an array is empty, has the wrong shape or holds a number that is not finite, with the layer and the sample;
    /// when the spec is out of range; when the backend fails.
    fn profile(
        &self,
        inputs: ArrayView2<'_, f32>,
        layers: &[ArrayView2<'_, f32>],
    ) -> Result<Profile>;
}

/// Direction of an estimator's values as information is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From 0, nothing lost, upwards.
    Rises,
    /// Downwards, as samples grow alike.
    Falls,
}

/// Identity of an estimator: everything that a report, a comparison or a predictor needs to know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The id that results carry, such as `relative-floored`. Settings other than the defaults are part of it, so that
    /// no two estimators share one.
    pub id: Cow<'static, str>,
    /// The name in a sentence.
    pub label: &'static str,
    /// The unit; empty for a plain number.
    pub unit: &'static str,
    /// Direction of the values as information is lost.
    pub direction: Direction,
    /// The publication that defines it, or its formula.
    pub source: &'static str,
}

impl Descriptor {
    /// True if values rise as information is lost.
    pub fn rises_with_loss(&self) -> bool {
        self.direction == Direction::Rises
    }

    /// The label with its unit in brackets, for an axis.
    pub fn axis_label(&self) -> String {
        if self.unit.is_empty() {
            self.label.to_owned()
        } else {
            format!("{} ({})", self.label, self.unit)
        }
    }

    /// `value`, already written out, with the unit.
    pub fn with_unit(&self, value: &str) -> String {
        if self.unit.is_empty() { value.to_owned() } else { format!("{value} {}", self.unit) }
    }
}

/// One kind of estimator: the settings it takes, its identity, and its computation on a backend.
pub(crate) trait EstimatorKind: Copy + Default + PartialEq + 'static {
    /// The `kind` in experiment files; on its own it means the default settings.
    const KIND: &'static str;
    /// Values of `rule` in experiment files, the default one first; empty if the kind takes no rule.
    const RULES: &'static [(&'static str, Self)];

    /// The settings with another `eps`; `None` if they have no such setting.
    fn with_eps(self, _eps: f64) -> Option<Self> {
        None
    }

    /// The setting `eps`, where there is one.
    fn eps(self) -> Option<f64> {
        None
    }

    /// Checks that the settings are in their ranges.
    fn check(self) -> Result<()> {
        Ok(())
    }

    /// Id, label, unit, direction and source.
    fn descriptor(self) -> Descriptor;

    /// The estimator on `backend`.
    fn build<B: EntropyBackend>(self, backend: B) -> Box<dyn EntropyEstimator>;
}
