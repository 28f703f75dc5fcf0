//! Entropy estimators, one per file. [`EstimatorSpec`] lists them.

mod batch_entropy;
mod differential;
mod gram;
mod jensen_shannon;
mod profiles;
mod reconstruction_error;
mod relative;
mod spec;

use std::borrow::Cow;

use isobath_tensor::DivergenceKind;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

pub use batch_entropy::BatchEntropy;
pub use differential::Differential;
pub use gram::Gram;
pub use jensen_shannon::JensenShannon;
pub use profiles::profiles;
pub use reconstruction_error::ReconstructionError;
pub use relative::{DEFAULT_EPS, Relative};
pub use spec::EstimatorSpec;

use crate::{
    EntropyBackend, Profile, Result,
    staging::{Scratch, Staged, Width},
};

/// Estimates the amount of input information in each layer.
pub trait EntropyEstimator: Send + Sync {
    /// The estimator and its settings.
    fn spec(&self) -> EstimatorSpec;

    /// Estimates the value at each layer. `layers[l - 1]` is layer `l`.
    ///
    /// `inputs` are the probe samples, `[n, D]`. Each layer has their reconstructions from that depth, `[n, D]`, in the same
    /// order. Estimators of single layers (`differential`, `gram`, `batch-entropy`) accept any width and so also activations.
    ///
    /// # Errors
    /// When an array is empty, has the wrong shape or has a number that is not finite, when a setting is out of range, or when
    /// the backend fails.
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
    /// Rises from 0, the value without loss.
    Rises,
    /// Falls as samples become more similar.
    Falls,
}

/// Description of an estimator for reports, comparisons and predictors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Id in results, such as `relative-floored`. It includes settings other than the defaults, so that ids are unique.
    pub id: Cow<'static, str>,
    /// Name in text.
    pub label: &'static str,
    /// Unit; empty for a dimensionless number.
    pub unit: &'static str,
    /// Direction of the values as information is lost.
    pub direction: Direction,
    /// Publication or formula that defines the estimator.
    pub source: &'static str,
}

impl Descriptor {
    /// True if values rise as information is lost.
    pub fn rises_with_loss(&self) -> bool {
        self.direction == Direction::Rises
    }

    /// Axis label: the label with its unit in parentheses.
    pub fn axis_label(&self) -> String {
        if self.unit.is_empty() {
            self.label.to_owned()
        } else {
            format!("{} ({})", self.label, self.unit)
        }
    }

    /// Appends the unit to a formatted `value`.
    pub fn with_unit(&self, value: &str) -> String {
        if self.unit.is_empty() { value.to_owned() } else { format!("{value} {}", self.unit) }
    }
}

/// Estimate at one layer.
pub(crate) enum Estimate {
    /// One value for each sample.
    PerSample(Vec<f64>),
    /// One value for all samples together.
    Whole {
        value: f64,
        /// Number of units (or samples) without variance that a floor replaces.
        floored: usize,
    },
}

/// A kind of estimator: its settings, its description and its formula.
pub(crate) trait EstimatorKind: Copy + Default + PartialEq + 'static {
    /// Value of `kind` in experiment files. Alone, it selects the default settings.
    const KIND: &'static str;
    /// Values of `rule` in experiment files, the default first; empty if the kind has no rule.
    const RULES: &'static [(&'static str, Self)];

    /// Returns the settings with another `eps`; `None` without this setting.
    fn with_eps(self, _eps: f64) -> Option<Self> {
        None
    }

    /// The setting `eps`, if there is one.
    fn eps(self) -> Option<f64> {
        None
    }

    /// Checks that the settings are in range.
    fn check(self) -> Result<()> {
        Ok(())
    }

    /// Id, label, unit, direction and source.
    fn descriptor(self) -> Descriptor;

    /// Required width of a layer.
    const WIDTH: Width;

    /// The divergence between rows of inputs and of a layer that the estimator needs.
    fn divergence(self) -> Option<DivergenceKind> {
        None
    }

    /// Weights of the samples in a mean over resampled ones, see [`Profile::weights`].
    fn weights<B: EntropyBackend>(self, _inputs: &Staged<'_, B>) -> Result<Option<Vec<f64>>> {
        Ok(None)
    }

    /// Estimates the value at one layer. `divergences` are those of [`divergence`](Self::divergence), one per sample.
    fn estimate<B: EntropyBackend>(
        self,
        inputs: &Staged<'_, B>,
        layer: &Staged<'_, B>,
        divergences: &[f64],
        scratch: &mut Scratch<B>,
    ) -> Result<Estimate>;
}
