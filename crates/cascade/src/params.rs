use serde::{Deserialize, Serialize};
use tensor::{Activation, Optimizer, Precision};

use crate::{Error, Result};

/// How decoders are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Method {
    /// By gradient descent on minibatches, as published.
    #[default]
    Gradient,
}

/// Settings of a cascade, as an experiment file has them. [`check`](Self::check) makes them usable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CascadeParams {
    /// How decoders are found.
    pub method: Method,
    /// Passes over the training samples.
    pub epochs: usize,
    /// Samples per minibatch.
    pub batch: usize,
    /// Stops a decoder's training after so many minibatches, whatever the epochs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<usize>,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// Activation of the decoders' output.
    pub activation: Activation,
    /// Of the products decoders are trained by. The network, and reconstructing, are f32 always.
    pub precision: Precision,
}

impl Default for CascadeParams {
    /// The published settings: one epoch of Adam at 1e-3, batch 64, tanh.
    fn default() -> Self {
        Self {
            method: Method::Gradient,
            epochs: 1,
            batch: 64,
            max_steps: None,
            optimizer: Optimizer::adam(1e-3),
            activation: Activation::Tanh,
            precision: Precision::F32,
        }
    }
}

impl CascadeParams {
    /// The settings, checked.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] or [`Error::Optimizer`] naming the setting, its value and its range.
    pub fn check(self) -> Result<CascadeValidParams> {
        let positive = |name, value: usize| {
            if value > 0 {
                return Ok(());
            }
            Err(Error::OutOfRange { name, value: value.to_string(), range: "at least 1" })
        };
        positive("epochs", self.epochs)?;
        positive("batch", self.batch)?;
        positive("max_steps", self.max_steps.unwrap_or(1))?;
        self.optimizer.check().map_err(Error::Optimizer)?;
        Ok(CascadeValidParams(self))
    }
}

/// Checked settings of a cascade.
#[derive(Clone, Debug, PartialEq)]
pub struct CascadeValidParams(CascadeParams);

impl CascadeValidParams {
    /// The settings.
    pub const fn params(&self) -> &CascadeParams {
        &self.0
    }

    /// Minibatches each decoder is trained on, given so many samples.
    pub fn steps(&self, samples: usize) -> usize {
        let all = samples.div_ceil(self.0.batch) * self.0.epochs;
        self.0.max_steps.map_or(all, |most| most.min(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_epochs_of_minibatches_up_to_the_most() {
        let params = CascadeParams { epochs: 2, ..CascadeParams::default() };
        assert_eq!(params.clone().check().unwrap().steps(100), 4);
        assert_eq!(CascadeParams { max_steps: Some(3), ..params }.check().unwrap().steps(100), 3);
    }

    #[track_caller]
    fn check_refused(params: CascadeParams, message: &str) {
        let error = params.check().expect_err(message).to_string();
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn impossible_settings_are_refused() {
        let good = CascadeParams::default;
        check_refused(CascadeParams { epochs: 0, ..good() }, "epochs = 0");
        check_refused(CascadeParams { batch: 0, ..good() }, "batch = 0");
        check_refused(CascadeParams { max_steps: Some(0), ..good() }, "max_steps = 0");
        check_refused(CascadeParams { optimizer: Optimizer::adam(-1.0), ..good() }, "lr = -1");
        check_refused(
            CascadeParams { optimizer: Optimizer::Sgd { lr: 0.1, momentum: 1.0 }, ..good() },
            "momentum = 1",
        );
    }
}
