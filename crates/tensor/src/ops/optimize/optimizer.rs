use serde::{Deserialize, Serialize};

/// A first-order optimiser with the state PyTorch gives it: at most two moments per parameter.
///
/// The first moment is a mean of gradients, the second a mean of their squares, wherever an optimiser has one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Optimizer {
    /// `w <- w - lr g`; with momentum `u <- momentum u + g`, `w <- w - lr u`.
    Sgd {
        /// Learning rate.
        lr: f32,
        /// Momentum, 0 for none.
        #[serde(default)]
        momentum: f32,
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
    },
}

fn default_lr() -> f32 {
    1e-3
}
fn default_rmsprop_lr() -> f32 {
    1e-2
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
        Self::Adam { lr, beta1: default_beta1(), beta2: default_beta2(), eps: default_eps() }
    }

    /// Plain stochastic gradient descent.
    pub const fn sgd(lr: f32) -> Self {
        Self::Sgd { lr, momentum: 0.0 }
    }

    /// `RMSProp` with PyTorch's defaults and the given learning rate.
    pub fn rmsprop(lr: f32) -> Self {
        Self::RmsProp { lr, alpha: default_alpha(), eps: default_eps() }
    }

    /// The learning rate.
    pub const fn lr(&self) -> f32 {
        match *self {
            Self::Sgd { lr, .. } | Self::RmsProp { lr, .. } | Self::Adam { lr, .. } => lr,
        }
    }

    /// This optimiser with another learning rate.
    #[must_use]
    pub const fn with_lr(self, lr: f32) -> Self {
        match self {
            Self::Sgd { momentum, .. } => Self::Sgd { lr, momentum },
            Self::RmsProp { alpha, eps, .. } => Self::RmsProp { lr, alpha, eps },
            Self::Adam { beta1, beta2, eps, .. } => Self::Adam { lr, beta1, beta2, eps },
        }
    }

    /// Use of a first and of a second moment.
    pub const fn moments(&self) -> [bool; 2] {
        match *self {
            Self::Sgd { momentum, .. } => [momentum != 0.0, false],
            Self::RmsProp { .. } => [false, true],
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
        let unit = |value: f32| (0.0..1.0).contains(&value);
        match *self {
            Self::Sgd { lr, momentum } => {
                range("lr", lr, lr.is_finite() && lr > 0.0, "positive and finite")?;
                range("momentum", momentum, unit(momentum), "in [0, 1)")
            }
            Self::RmsProp { lr, alpha, eps } => {
                range("lr", lr, lr.is_finite() && lr > 0.0, "positive and finite")?;
                range("alpha", alpha, unit(alpha), "in [0, 1)")?;
                range("eps", eps, eps.is_finite() && eps > 0.0, "positive and finite")
            }
            Self::Adam { lr, beta1, beta2, eps } => {
                range("lr", lr, lr.is_finite() && lr > 0.0, "positive and finite")?;
                range("beta1", beta1, unit(beta1), "in [0, 1)")?;
                range("beta2", beta2, unit(beta2), "in [0, 1)")?;
                range("eps", eps, eps.is_finite() && eps > 0.0, "positive and finite")
            }
        }
    }
}
