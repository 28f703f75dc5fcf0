use serde::{Deserialize, Serialize};

/// A first-order optimiser with the state PyTorch gives it: at most two moments per parameter.
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
fn default_beta1() -> f32 {
    0.9
}
fn default_beta2() -> f32 {
    0.999
}
fn default_eps() -> f32 {
    1e-8
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

    /// What is wrong with the settings, in words for the one who wrote them.
    ///
    /// # Errors
    /// A sentence naming the setting, its value and its range.
    pub fn check(&self) -> Result<(), String> {
        let range = |name: &str, value: f32, ok: bool, range: &str| {
            if ok { Ok(()) } else { Err(format!("optimizer {name} = {value} must be {range}")) }
        };
        let unit = |value: f32| (0.0..1.0).contains(&value);
        match *self {
            Self::Sgd { lr, momentum } => {
                range("lr", lr, lr.is_finite() && lr > 0.0, "positive and finite")?;
                range("momentum", momentum, unit(momentum), "in [0, 1)")
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
