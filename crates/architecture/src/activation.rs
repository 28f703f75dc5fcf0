//! The pointwise nonlinearities every part of Isobath knows.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A pointwise nonlinearity `phi`.
///
/// A closed enum on purpose: each backend and the mean-field theory match on it without a wildcard, so a new one does
/// not compile until all of them know it. In text (experiment files, the command line) each is its kebab-case name;
/// `leaky-relu` takes an optional slope, `leaky-relu:0.2`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Activation {
    /// `tanh(x)`
    Tanh,
    /// `erf(x)`
    Erf,
    /// `max(x, 0)`
    Relu,
    /// `x` for `x > 0`, `slope * x` below
    LeakyRelu {
        /// The slope below zero, finite.
        slope: f64,
    },
    /// `x` for `x > 0`, `exp(x) - 1` below
    Elu,
    /// `1.0507009873554805 * x` for `x > 0`, `1.0507009873554805 * 1.6732632423543772 * (exp(x) - 1)` below
    /// (Klambauer et al. arXiv:1706.02515)
    Selu,
    /// `ln(1 + exp(x))`
    Softplus,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// `x` clamped to `[-1, 1]`
    HardTanh,
    /// `x * Phi(x)` with the Gaussian distribution function, not the tanh approximation
    Gelu,
    /// `x / (1 + exp(-x))`
    Silu,
    /// `sin(x)`
    Sine,
    /// `x`
    Linear,
}

impl Activation {
    /// One of each, in the order of the declaration; leaky ReLU with its default slope.
    pub const ALL: [Self; 13] = [
        Self::Tanh,
        Self::Erf,
        Self::Relu,
        Self::LeakyRelu { slope: Self::DEFAULT_SLOPE },
        Self::Elu,
        Self::Selu,
        Self::Softplus,
        Self::Sigmoid,
        Self::HardTanh,
        Self::Gelu,
        Self::Silu,
        Self::Sine,
        Self::Linear,
    ];

    /// The slope `leaky-relu` has when none is given.
    pub const DEFAULT_SLOPE: f64 = 0.01;

    /// The kebab-case name, without a slope.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tanh => "tanh",
            Self::Erf => "erf",
            Self::Relu => "relu",
            Self::LeakyRelu { .. } => "leaky-relu",
            Self::Elu => "elu",
            Self::Selu => "selu",
            Self::Softplus => "softplus",
            Self::Sigmoid => "sigmoid",
            Self::HardTanh => "hard-tanh",
            Self::Gelu => "gelu",
            Self::Silu => "silu",
            Self::Sine => "sine",
            Self::Linear => "linear",
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeakyRelu { slope } => write!(f, "leaky-relu:{slope}"),
            other => f.write_str(other.name()),
        }
    }
}

/// The text did not name an activation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown activation `{text}`; use one of {}", names())]
pub struct ParseActivationError {
    text: String,
}

fn names() -> String {
    Activation::ALL.map(Activation::name).join(", ")
}

impl FromStr for Activation {
    type Err = ParseActivationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || ParseActivationError { text: text.to_owned() };
        if let Some(slope) = text.strip_prefix("leaky-relu:") {
            let slope: f64 = slope.parse().map_err(|_| unknown())?;
            return if slope.is_finite() { Ok(Self::LeakyRelu { slope }) } else { Err(unknown()) };
        }
        Self::ALL.into_iter().find(|a| a.name() == text).ok_or_else(unknown)
    }
}

impl TryFrom<String> for Activation {
    type Error = ParseActivationError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Activation> for String {
    fn from(activation: Activation) -> Self {
        activation.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for activation in Activation::ALL {
            assert_eq!(activation.to_string().parse(), Ok(activation));
        }
        assert_eq!("leaky-relu:0.25".parse(), Ok(Activation::LeakyRelu { slope: 0.25 }));
    }

    #[test]
    fn unknown_names_are_listed() {
        for text in ["tahn", "", "leaky-relu:", "leaky-relu:inf", "relu:1"] {
            let error = text.parse::<Activation>().expect_err(text).to_string();
            assert!(error.contains("hard-tanh"), "{error}");
        }
    }
}
