use serde::{Deserialize, Serialize};

use super::FileError;

/// When a cascade may stop before it has done all its work. In TOML a table such as
/// `{ rule = "confident", layers = 2 }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case")]
pub enum Stop {
    /// When more work would not change the verdicts.
    Confident(Confident),
}

/// Budgets double, from scratch each time, until for every verdict that the file asks for the bootstrap interval is at
/// most `layers` wide and the depth has moved by at most as much since the budget before. The last budget is the one that
/// the file allows without this rule, and those before it together cost no more than it does.
///
/// Within each budget no deeper layer is decoded once all verdicts are settled: a `threshold` one layer below its
/// interval, `saturation` when the profile has been at rest for as long as it took to get there, `decay` after four of its
/// lengths. Verdicts without an interval never are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Confident {
    /// How sure is sure, in layers.
    pub layers: f64,
    /// The first budget, in minibatches for `gradient` and in samples for `ridge`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<usize>,
}

impl Default for Confident {
    fn default() -> Self {
        Self { layers: 2.0, first: None }
    }
}

impl Confident {
    /// The first budget of gradient decoders unless told otherwise, in minibatches.
    pub const FIRST_STEPS: usize = 50;
    /// The first budget of ridge decoders unless told otherwise, in samples.
    pub const FIRST_SAMPLES: usize = 500;
}

impl Stop {
    /// Checks the settings; `bootstrap` is the number of resamples behind each interval.
    ///
    /// # Errors
    /// [`FileError::Invalid`] with the setting that is out of range.
    pub fn check(&self, bootstrap: usize) -> Result<(), FileError> {
        let Self::Confident(Confident { layers, first }) = *self;
        let refuse = |message: String| Err(FileError::invalid("cascade", message));
        if !(layers.is_finite() && layers > 0.0) {
            return refuse(format!("stop: layers = {layers} must be positive"));
        }
        if first == Some(0) {
            return refuse("stop: first = 0 must be at least 1".to_owned());
        }
        if bootstrap == 0 {
            return refuse(
                "stop needs intervals; leave out bootstrap = 0 in [entropy], or stop in [cascade]"
                    .to_owned(),
            );
        }
        Ok(())
    }
}
