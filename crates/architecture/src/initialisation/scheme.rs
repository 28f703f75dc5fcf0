use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ArrayLaw, Bias, Law, LayerLaw, NamedScheme, SchemeName, scheme_toml::SchemeToml};

/// Initialisation in an experiment file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "SchemeToml", into = "SchemeToml")]
pub enum Scheme {
    /// A law; the variances are those of the grid.
    Law(Law),
    /// A framework's scheme.
    Named(NamedScheme),
    /// Plain mean and standard deviation, whatever the fan-in.
    Plain(PlainScheme),
    /// Variances of each layer.
    ByLayer(VariancesByLayer),
}

/// Numbers of one law in all layers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlainScheme {
    /// Law of the weights.
    pub weights: ArrayLaw,
    /// Biases.
    pub bias: Bias,
}

/// Variances of each layer; the last ones hold for all further layers.
#[derive(Clone, Debug, PartialEq)]
pub struct VariancesByLayer {
    /// Law of the weights.
    pub law: Law,
    /// Variance of the weights times the fan-in, layer by layer, not empty.
    pub sigma_w2: Vec<f64>,
    /// Variance of the biases, layer by layer, not empty.
    pub sigma_b2: Vec<f64>,
}

impl Default for Scheme {
    fn default() -> Self {
        Self::Law(Law::Normal)
    }
}

impl Scheme {
    /// True if the grid's variances apply: the scheme is only a law.
    pub const fn uses_grid(&self) -> bool {
        matches!(self, Self::Law(_))
    }

    /// True if weights have a mean other than zero, which mean-field theory does not cover.
    pub fn has_mean(&self) -> bool {
        matches!(self, Self::Plain(plain) if plain.weights.mean.abs() > 0.0)
    }

    /// Laws of the parameters of a layer with fans `[fan_in, fan_out]`, layer `index` from 0. A mere law has variance
    /// `1 / fan_in`.
    pub(super) fn layer(&self, fans: [usize; 2], index: usize) -> LayerLaw {
        let fan_in = fans[0].max(1) as f64;
        let by_variances = |law, sigma_w2: f64, sigma_b2: f64| LayerLaw {
            weights: ArrayLaw::new(law, (sigma_w2 / fan_in).sqrt()),
            bias: ArrayLaw::new(Law::Normal, sigma_b2.sqrt()),
        };
        match self {
            Self::Law(law) => by_variances(*law, 1.0, 0.0),
            Self::Named(named) => named.layer(fans, index),
            Self::Plain(plain) => LayerLaw { weights: plain.weights, bias: plain.bias.law(fan_in) },
            Self::ByLayer(VariancesByLayer { law, sigma_w2, sigma_b2 }) => {
                let at = |list: &[f64]| list[index.min(list.len() - 1)];
                by_variances(*law, at(sigma_w2), at(sigma_b2))
            }
        }
    }
}

impl From<SchemeName> for Scheme {
    fn from(name: SchemeName) -> Self {
        Self::Named(NamedScheme::new(name))
    }
}

/// Rounds to six significant digits, for names.
pub(super) fn rounded(number: f64) -> f64 {
    format!("{number:.5e}").parse().unwrap_or(number)
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Law(law) => f.write_str(law.name()),
            Self::Named(named) => named.fmt(f),
            Self::Plain(PlainScheme { weights, .. }) if weights.mean.abs() > 0.0 => {
                let half = 3.0_f64.sqrt() * weights.std;
                let [low, high] = [weights.mean - half, weights.mean + half].map(rounded);
                write!(f, "{} {low} to {high}", weights.law.name())
            }
            Self::Plain(PlainScheme { weights, .. }) => {
                write!(f, "{} std {}", weights.law.name(), rounded(weights.std))
            }
            Self::ByLayer(by_layer) => {
                let numbers: Vec<String> =
                    by_layer.sigma_w2.iter().map(ToString::to_string).collect();
                write!(f, "{} sigma_w2 {}", by_layer.law.name(), numbers.join(" "))
            }
        }
    }
}
