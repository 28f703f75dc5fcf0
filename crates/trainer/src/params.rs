use isobath_tensor::{Loss, Optimizer};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, Schedule};

/// Settings of a training, as an experiment file has them. [`check`](Self::check) makes them usable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainParams {
    /// Most passes over the training samples.
    pub epochs: usize,
    /// Stops after so many minibatches, whatever the epochs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<usize>,
    /// Samples per minibatch. The last one of an epoch takes what is left.
    pub batch: usize,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// Schedule of its learning rate.
    pub schedule: Schedule,
    /// The loss.
    pub loss: Loss,
    /// Steps between evaluations on the test samples; once an epoch if not given. There is always one after the last
    /// step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluate_every: Option<usize>,
    /// Success, which ends the training; without it, all steps are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<Success>,
    /// Early stop of hopeless trainings; none by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hopeless: Option<Hopeless>,
    /// A minibatch's loss above this, or one that is not a number, is divergence.
    pub diverged_above: f64,
    /// Regularisation of the hidden layers' batch entropies; none if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_entropy: Option<BatchEntropyParams>,
    /// Adds the norm of every layer's weight gradient to evaluations.
    pub gradient_norms: bool,
}

/// Criterion of success.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Success {
    /// At an evaluation, the accuracy on the test samples is at least this, in `(0, 1]`.
    pub accuracy: f64,
}

/// Criterion of giving up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hopeless {
    /// From this evaluation on, counted from 1,
    pub after: usize,
    /// training is given up when no evaluation so far had a higher accuracy on the test samples than this, in `[0, 1]`.
    pub accuracy: f64,
}

/// Layer-wise batch-entropy regularisation (Peer et al., arXiv:2208.01134).
///
/// The loss `C` becomes `C (1 + mean_l beta (H_l - max(alpha_min, |alpha_l|))^2)` over the hidden layers, `H_l` the
/// [`batch entropy`](isobath_tensor::BatchEntropy::batch_entropy) of layer `l`, its target `alpha_l` trained along by the same
/// optimiser. The losses that a training records are `C` alone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchEntropyParams {
    /// Weight, positive.
    pub beta: f64,
    /// The target that every layer begins with, in nats.
    pub alpha: f64,
    /// The lowest target, positive.
    pub alpha_min: f64,
}

impl Default for BatchEntropyParams {
    /// As published: 0.1, 2.0 and 0.2.
    fn default() -> Self {
        Self { beta: 0.1, alpha: 2.0, alpha_min: 0.2 }
    }
}

impl Default for TrainParams {
    /// 30 epochs of gradient descent at 1e-3, batch 64, cross-entropy, no early end.
    fn default() -> Self {
        Self {
            epochs: 30,
            max_steps: None,
            batch: 64,
            optimizer: Optimizer::sgd(1e-3),
            schedule: Schedule::default(),
            loss: Loss::CrossEntropy,
            evaluate_every: None,
            success: None,
            hopeless: None,
            diverged_above: 1e6,
            batch_entropy: None,
            gradient_norms: false,
        }
    }
}

/// Maximum number of epochs.
pub const MAX_EPOCHS: usize = 1_000_000;

impl TrainParams {
    /// The settings, checked.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] or [`Error::Optimizer`] naming the setting, its value and its range.
    pub fn check(self) -> Result<TrainValidParams> {
        let range = |name, value: &dyn ToString, ok: bool, range| {
            if ok {
                Ok(())
            } else {
                Err(Error::OutOfRange { name, value: value.to_string(), range })
            }
        };
        let positive = |name, value: usize| range(name, &value, value > 0, "at least 1");
        let million = |name, value: usize, millions: usize, allowed| {
            range(name, &value, (1..=1_000_000 * millions).contains(&value), allowed)
        };
        range("epochs", &self.epochs, (1..=MAX_EPOCHS).contains(&self.epochs), "1 to 1,000,000")?;
        million("max_steps", self.max_steps.unwrap_or(1), 1000, "1 to 1,000,000,000")?;
        million("batch", self.batch, 10, "1 to 10,000,000")?;
        positive("evaluate_every", self.evaluate_every.unwrap_or(1))?;
        if let Some(Success { accuracy }) = self.success {
            let ok = accuracy > 0.0 && accuracy <= 1.0;
            range("success.accuracy", &accuracy, ok, "above 0 and at most 1")?;
        }
        if let Some(Hopeless { after, accuracy }) = self.hopeless {
            positive("hopeless.after", after)?;
            let ok = (0.0..=1.0).contains(&accuracy);
            range("hopeless.accuracy", &accuracy, ok, "between 0 and 1")?;
        }
        if let Some(BatchEntropyParams { beta, alpha, alpha_min }) = self.batch_entropy {
            let finite = |x: f64| x.is_finite() && x > 0.0;
            range("batch_entropy.beta", &beta, finite(beta), "positive and finite")?;
            range("batch_entropy.alpha", &alpha, alpha.is_finite(), "finite")?;
            range("batch_entropy.alpha_min", &alpha_min, finite(alpha_min), "positive and finite")?;
        }
        let limit = self.diverged_above;
        range("diverged_above", &limit, limit.is_finite() && limit > 0.0, "positive and finite")?;
        self.optimizer.check().map_err(Error::Optimizer)?;
        Ok(TrainValidParams(self))
    }
}

/// Checked settings of a training.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainValidParams(TrainParams);

impl TrainValidParams {
    /// The settings.
    pub const fn params(&self) -> &TrainParams {
        &self.0
    }

    /// Minibatches in one pass over so many samples.
    pub const fn steps_per_epoch(&self, samples: usize) -> usize {
        samples.div_ceil(self.0.batch)
    }

    /// Most minibatches that a training on so many samples takes.
    pub fn steps(&self, samples: usize) -> usize {
        let all = self.steps_per_epoch(samples).saturating_mul(self.0.epochs);
        self.0.max_steps.map_or(all, |most| most.min(all))
    }

    /// Steps between evaluations, given so many samples.
    pub fn evaluate_every(&self, samples: usize) -> usize {
        self.0.evaluate_every.unwrap_or_else(|| self.steps_per_epoch(samples))
    }

    /// The optimiser at `step` of `steps`, counted from 0.
    pub fn optimizer(&self, step: usize, steps: usize) -> Optimizer {
        let optimizer = self.0.optimizer;
        let factor = self.0.schedule.factor(step, steps);
        optimizer.with_lr((f64::from(optimizer.lr()) * factor) as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> TrainParams {
        TrainParams::default()
    }

    #[test]
    fn steps_are_epochs_of_minibatches_up_to_max_steps() {
        let params = TrainParams { epochs: 2, ..good() };
        assert_eq!(params.clone().check().unwrap().steps(100), 4);
        assert_eq!(TrainParams { max_steps: Some(3), ..params }.check().unwrap().steps(100), 3);
        let endless = TrainParams { epochs: usize::MAX, ..good() };
        assert!(endless.check().is_err());
    }

    #[test]
    fn the_schedule_scales_the_learning_rate_alone() {
        let schedule = Schedule { warmup: 4, ..Schedule::default() };
        let optimizer = Optimizer::momentum(0.5, 0.9);
        let params = TrainParams { optimizer, schedule, ..good() }.check().unwrap();
        assert_eq!(params.optimizer(0, 9), Optimizer::momentum(0.125, 0.9));
        assert_eq!(params.optimizer(7, 9), optimizer);
    }

    #[test]
    fn settings_read_as_they_are_written() {
        let text = r#"{
            "epochs": 3,
            "optimizer": { "kind": "rmsprop", "lr": 0.5 },
            "schedule": { "decay": "cosine", "warmup": 10 },
            "loss": "double-softmax",
            "success": { "accuracy": 0.8 },
            "hopeless": { "after": 5, "accuracy": 0.15 },
            "batch_entropy": {}
        }"#;
        let params: TrainParams = serde_json::from_str(text).unwrap();
        let expected = TrainParams {
            epochs: 3,
            optimizer: Optimizer::rmsprop(0.5),
            schedule: Schedule { decay: crate::Decay::Cosine, warmup: 10 },
            loss: Loss::DoubleSoftmax,
            success: Some(Success { accuracy: 0.8 }),
            hopeless: Some(Hopeless { after: 5, accuracy: 0.15 }),
            batch_entropy: Some(BatchEntropyParams::default()),
            ..good()
        };
        assert_eq!(params, expected);
        let again = serde_json::to_string(&params).unwrap();
        assert_eq!(serde_json::from_str::<TrainParams>(&again).unwrap(), expected);
        assert!(serde_json::from_str::<TrainParams>(r#"{ "epoch": 3 }"#).is_err());
    }

    #[test]
    fn optimizers_at_their_defaults_are_written_as_before() {
        let text = |optimizer| serde_json::to_string(&optimizer).unwrap();
        assert_eq!(text(Optimizer::sgd(0.5)), r#"{"kind":"sgd","lr":0.5,"momentum":0.0}"#);
        assert_eq!(text(Optimizer::adagrad(0.5)), r#"{"kind":"adagrad","lr":0.5,"eps":1e-10}"#);
        let decaying = Optimizer::sgd(0.5).with_weight_decay(0.25);
        let expected = r#"{"kind":"sgd","lr":0.5,"momentum":0.0,"weight_decay":0.25}"#;
        assert_eq!(text(decaying), expected);
        assert_eq!(serde_json::from_str::<Optimizer>(expected).unwrap(), decaying);
    }

    #[track_caller]
    fn check_refused(params: TrainParams, message: &str) {
        let error = params.check().expect_err(message).to_string();
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn impossible_settings_are_refused() {
        check_refused(TrainParams { epochs: 0, ..good() }, "epochs = 0");
        check_refused(TrainParams { batch: 0, ..good() }, "batch = 0");
        check_refused(TrainParams { max_steps: Some(0), ..good() }, "max_steps = 0");
        check_refused(TrainParams { evaluate_every: Some(0), ..good() }, "evaluate_every = 0");
        check_refused(TrainParams { diverged_above: f64::NAN, ..good() }, "diverged_above = NaN");
        check_refused(TrainParams { optimizer: Optimizer::sgd(0.0), ..good() }, "lr = 0");
        let success = Some(Success { accuracy: 80.0 });
        check_refused(TrainParams { success, ..good() }, "success.accuracy = 80");
        let batch_entropy = Some(BatchEntropyParams { beta: -1.0, ..Default::default() });
        check_refused(TrainParams { batch_entropy, ..good() }, "batch_entropy.beta = -1");
        let hopeless = |after, accuracy| Some(Hopeless { after, accuracy });
        check_refused(TrainParams { hopeless: hopeless(0, 0.1), ..good() }, "hopeless.after = 0");
        check_refused(TrainParams { hopeless: hopeless(1, -0.1), ..good() }, "accuracy = -0.1");
    }
}
