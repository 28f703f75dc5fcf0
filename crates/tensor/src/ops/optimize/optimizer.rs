use serde::{Deserialize, Serialize};

/// A first-order optimiser with the state PyTorch gives it: at most two moments per parameter.
///
/// The first moment is a mean of gradients, the second a mean or sum of their squares, wherever an optimiser has one.
///
/// Every optimiser has a `weight_decay`, 0 for none: the gradient `g` of each parameter `w`, weight or bias, becomes
/// `g + weight_decay w` before anything else happens. This is the gradient of the penalty `weight_decay / 2 |w|^2`, and
/// PyTorch's argument of the same name. A setting of 0 is not written to files.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Optimizer {
    /// `w <- w - lr g`; with momentum `u <- momentum u + g`, `w <- w - lr u`.
    Sgd {
        /// Learning rate.
        lr: f32,
        /// Momentum, 0 for none.
        #[serde(default)]
        momentum: f32,
        /// Coupled weight decay.
        #[serde(default, skip_serializing_if = "is_zero")]
        weight_decay: f32,
    },
    /// `RMSProp` (Tieleman and Hinton 2012, "Neural networks for machine learning", lecture 6.5), not centred, without
    /// momentum: `v <- alpha v + (1 - alpha) g^2`, `w <- w - lr g / (sqrt(v) + eps)`.
    #[serde(rename = "rmsprop")]
    RmsProp {
        /// Learning rate.
        #[serde(default = "default_rmsprop_lr")]
        lr: f32,
        /// Decay of the second moment.
        #[serde(default = "default_alpha")]
        alpha: f32,
        /// Added to the root of the second moment.
        #[serde(default = "default_eps")]
        eps: f32,
        /// Coupled weight decay.
        #[serde(default, skip_serializing_if = "is_zero")]
        weight_decay: f32,
    },
    /// Adagrad (Duchi, Hazan and Singer 2011, JMLR 12, 2121, in its diagonal form): `v <- v + g^2`,
    /// `w <- w - lr_t g / (sqrt(v) + eps)` with `lr_t = lr / (1 + (t - 1) lr_decay)` at step `t`, counted from 1. The sum
    /// `v` starts at 0.
    Adagrad {
        /// Learning rate.
        #[serde(default = "default_adagrad_lr")]
        lr: f32,
        /// Decay of the learning rate, 0 for none.
        #[serde(default, skip_serializing_if = "is_zero")]
        lr_decay: f32,
        /// Added to the root of the sum of squares.
        #[serde(default = "default_adagrad_eps")]
        eps: f32,
        /// Coupled weight decay.
        #[serde(default, skip_serializing_if = "is_zero")]
        weight_decay: f32,
    },
    /// Adam (Kingma and Ba, arXiv:1412.6980, algorithm 1):
    /// `m <- beta1 m + (1 - beta1) g`, `v <- beta2 v + (1 - beta2) g^2`,
    /// `w <- w - lr m_hat / (sqrt(v_hat) + eps)` with the bias-corrected `m_hat = m / (1 - beta1^t)`, `v_hat` alike.
    Adam {
        /// Learning rate.
        #[serde(default = "default_lr")]
        lr: f32,
        /// Decay of the first moment.
        #[serde(default = "default_beta1")]
        beta1: f32,
        /// Decay of the second moment.
        #[serde(default = "default_beta2")]
        beta2: f32,
        /// Added to the root of the second moment.
        #[serde(default = "default_eps")]
        eps: f32,
        /// Coupled weight decay; decoupled decay (`AdamW`) is not offered.
        #[serde(default, skip_serializing_if = "is_zero")]
        weight_decay: f32,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(x: &f32) -> bool {
    matches!(x, 0.0)
}

fn default_lr() -> f32 {
    1e-3
}
fn default_rmsprop_lr() -> f32 {
    1e-2
}
fn default_adagrad_lr() -> f32 {
    1e-2
}
fn default_adagrad_eps() -> f32 {
    1e-10
}
fn default_alpha() -> f32 {
    0.99
}
fn default_beta1() -> f32 {
    0.9
}
fn default_beta2() -> f32 {
    0.999
}
fn default_eps() -> f32 {
    1e-8
}

/// A setting of an optimiser is out of range.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("optimizer {setting} = {value} must be {range}")]
pub struct OptimizerError {
    /// The setting.
    pub setting: &'static str,
    /// Its value.
    pub value: f32,
    /// Its range.
    pub range: &'static str,
}

impl Optimizer {
    /// Adam with PyTorch's defaults and the given learning rate.
    pub fn adam(lr: f32) -> Self {
        let (beta1, beta2, eps) = (default_beta1(), default_beta2(), default_eps());
        Self::Adam { lr, beta1, beta2, eps, weight_decay: 0.0 }
    }

    /// Plain stochastic gradient descent.
    pub const fn sgd(lr: f32) -> Self {
        Self::momentum(lr, 0.0)
    }

    /// Stochastic gradient descent with momentum.
    pub const fn momentum(lr: f32, momentum: f32) -> Self {
        Self::Sgd { lr, momentum, weight_decay: 0.0 }
    }

    /// `RMSProp` with PyTorch's defaults and the given learning rate.
    pub fn rmsprop(lr: f32) -> Self {
        Self::RmsProp { lr, alpha: default_alpha(), eps: default_eps(), weight_decay: 0.0 }
    }

    /// Adagrad with PyTorch's defaults and the given learning rate.
    pub fn adagrad(lr: f32) -> Self {
        Self::Adagrad { lr, lr_decay: 0.0, eps: default_adagrad_eps(), weight_decay: 0.0 }
    }

    /// The learning rate.
    pub const fn lr(&self) -> f32 {
        match *self {
            Self::Sgd { lr, .. }
            | Self::RmsProp { lr, .. }
            | Self::Adagrad { lr, .. }
            | Self::Adam { lr, .. } => lr,
        }
    }

    /// This optimiser with another learning rate.
    #[must_use]
    pub const fn with_lr(mut self, rate: f32) -> Self {
        match &mut self {
            Self::Sgd { lr, .. }
            | Self::RmsProp { lr, .. }
            | Self::Adagrad { lr, .. }
            | Self::Adam { lr, .. } => *lr = rate,
        }
        self
    }

    /// The coupled weight decay, 0 for none.
    pub const fn weight_decay(&self) -> f32 {
        match *self {
            Self::Sgd { weight_decay, .. }
            | Self::RmsProp { weight_decay, .. }
            | Self::Adagrad { weight_decay, .. }
            | Self::Adam { weight_decay, .. } => weight_decay,
        }
    }

    /// True with a weight decay other than 0.
    pub const fn decays_weights(&self) -> bool {
        !matches!(self.weight_decay(), 0.0)
    }

    /// This optimiser with another weight decay.
    #[must_use]
    pub const fn with_weight_decay(mut self, decay: f32) -> Self {
        match &mut self {
            Self::Sgd { weight_decay, .. }
            | Self::RmsProp { weight_decay, .. }
            | Self::Adagrad { weight_decay, .. }
            | Self::Adam { weight_decay, .. } => *weight_decay = decay,
        }
        self
    }

    /// Use of a first and of a second moment.
    pub const fn moments(&self) -> [bool; 2] {
        match *self {
            Self::Sgd { momentum, .. } => [momentum != 0.0, false],
            Self::RmsProp { .. } | Self::Adagrad { .. } => [false, true],
            Self::Adam { .. } => [true, true],
        }
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`OptimizerError`] for the first setting out of range.
    pub fn check(&self) -> Result<(), OptimizerError> {
        let range = |setting, value: f32, ok: bool, range| {
            if ok { Ok(()) } else { Err(OptimizerError { setting, value, range }) }
        };
        let positive = |setting, value: f32| {
            range(setting, value, value.is_finite() && value > 0.0, "positive and finite")
        };
        let not_negative = |setting, value: f32| {
            range(setting, value, value.is_finite() && value >= 0.0, "finite and at least 0")
        };
        let unit =
            |setting, value: f32| range(setting, value, (0.0..1.0).contains(&value), "in [0, 1)");
        positive("lr", self.lr())?;
        not_negative("weight_decay", self.weight_decay())?;
        match *self {
            Self::Sgd { momentum, .. } => unit("momentum", momentum),
            Self::RmsProp { alpha, eps, .. } => {
                unit("alpha", alpha)?;
                positive("eps", eps)
            }
            Self::Adagrad { lr_decay, eps, .. } => {
                not_negative("lr_decay", lr_decay)?;
                positive("eps", eps)
            }
            Self::Adam { beta1, beta2, eps, .. } => {
                unit("beta1", beta1)?;
                unit("beta2", beta2)?;
                positive("eps", eps)
            }
        }
    }
}

/// Adagrad's learning rate at step `number`, counted from 1.
pub(crate) fn adagrad_rate(lr: f32, lr_decay: f32, number: u64) -> f64 {
    f64::from(lr) / (1.0 + number.saturating_sub(1) as f64 * f64::from(lr_decay))
}
