use serde::{Deserialize, Serialize};

use super::FileError;

/// Early-stopping rule of a cascade. In TOML a table such as `{ rule = "confident", layers = 2 }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case")]
pub enum Stop {
    /// Stops when a larger budget does not change the cut-offs.
    Confident(Confident),
}

/// Early stopping by stable cut-offs.
///
/// Each attempt starts from scratch with twice the budget of the one before. The attempts end when the bootstrap interval of
/// every cut-off is at most `layers` wide and no cut-off moved by more than `layers` since the attempt before. The last
/// possible budget is the budget without this rule; the earlier ones together cost no more than it.
///
/// Within an attempt, decoding stops at the layer where all cut-offs are settled: a `threshold` one layer below its interval,
/// `saturation` when the plateau is as long as the way to it, `decay` after four decay lengths. A cut-off without an interval
/// is never settled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Confident {
    /// Tolerance of interval width and cut-off change, in layers.
    pub layers: f64,
    /// First budget, in minibatches for `gradient` and in samples for `ridge`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<usize>,
}

impl Default for Confident {
    fn default() -> Self {
        Self { layers: 2.0, first: None }
    }
}

impl Confident {
    /// Default first budget of gradient decoders, in minibatches.
    pub const FIRST_STEPS: usize = 50;
    /// Default first budget of ridge decoders, in samples.
    pub const FIRST_SAMPLES: usize = 500;
}

impl Stop {
    /// Checks the settings. `bootstrap` is the number of resamples per interval.
    ///
    /// # Errors
    /// [`FileError::Invalid`] if a setting is out of range or `bootstrap` is 0.
    pub fn check(&self, bootstrap: usize) -> Result<(), FileError> {
        let Self::Confident(Confident { layers, first }) = *self;
        let reject = |message: String| Err(FileError::invalid("cascade", message));
        if !(layers.is_finite() && layers > 0.0) {
            return reject(format!("stop: layers = {layers} must be positive"));
        }
        if first == Some(0) {
            return reject("stop: first = 0 must be at least 1".to_owned());
        }
        if bootstrap == 0 {
            return reject(
                "stop needs intervals; remove bootstrap = 0 from [entropy], or stop from [cascade]"
                    .to_owned(),
            );
        }
        Ok(())
    }
}
