//! The estimators, one kind per file.

mod batch;
mod gram;
mod reconstruction_error;
mod sample_divergence;

pub(crate) use batch::{BatchEntropy, Differential};
pub(crate) use gram::Gram;
use ndarray::ArrayView2;
pub(crate) use reconstruction_error::ReconstructionError;
pub(crate) use sample_divergence::SampleDivergence;
use serde::{Deserialize, Serialize};

use crate::{Profile, Result};

/// Measures how much of the inputs the layers still hold.
pub trait EntropyEstimator: Send + Sync {
    /// The name that results carry, such as `relative-floored`.
    fn name(&self) -> &str;

    /// Whether values rise or fall as information is lost.
    fn direction(&self) -> Direction;

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

/// Which way an estimator's values go as information is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From 0, nothing lost, upwards.
    Rises,
    /// Downwards, as samples grow alike.
    Falls,
}
