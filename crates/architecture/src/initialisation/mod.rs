//! Random initialisation: laws and scales of weights and biases, and the schemes of common frameworks.
//!
//! An [`Initialisation`] gives each layer a [`LayerLaw`]. Theory needs only the variances that follow from it:
//! `sigma_w2 = fan_in Var(w)` and `sigma_b2 = Var(b)`, which differ between layers where their fan-ins do.

mod law;
mod named;
mod scheme;
mod scheme_toml;

pub use law::{ArrayLaw, Fan, Law, LayerLaw};
pub use named::{Bias, NamedScheme, SchemeName};
pub use scheme::{PlainScheme, Scheme, VariancesByLayer};

use serde::{Deserialize, Serialize};

use crate::{Layer, Variances};

/// Random initialisation of a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Initialisation {
    /// One law and one pair of variances for all layers: `Var(w) = sigma_w2 / fan_in`, `Var(b) = sigma_b2`.
    Variances {
        /// Law of the weights. Biases are normal.
        law: Law,
        /// The variances.
        variances: Variances,
    },
    /// A scheme with scales of its own.
    Scheme(Scheme),
}

impl From<Variances> for Initialisation {
    fn from(variances: Variances) -> Self {
        Self::Variances { law: Law::Normal, variances }
    }
}

impl Initialisation {
    /// Laws of the parameters of `layer`, which is layer `index` of its network, counted from 0.
    pub fn layer(&self, layer: &Layer, index: usize) -> LayerLaw {
        let fans = [layer.fan_in(), layer.fan_out()];
        match self {
            Self::Variances { law, variances } => LayerLaw {
                weights: ArrayLaw::new(*law, (variances.sigma_w2() / fans[0] as f64).sqrt()),
                bias: ArrayLaw::new(Law::Normal, variances.sigma_b2().sqrt()),
            },
            Self::Scheme(scheme) => scheme.layer(fans, index),
        }
    }

    /// Variances of `layer`: those of mean-field theory.
    pub fn variances(&self, layer: &Layer, index: usize) -> LayerVariances {
        match self {
            Self::Variances { variances, .. } => {
                LayerVariances { sigma_w2: variances.sigma_w2(), sigma_b2: variances.sigma_b2() }
            }
            Self::Scheme(_) => {
                let LayerLaw { weights, bias } = self.layer(layer, index);
                let sigma_w2 = layer.fan_in() as f64 * weights.std * weights.std;
                LayerVariances { sigma_w2, sigma_b2: bias.std * bias.std }
            }
        }
    }
}

/// Variances of one layer's initialisation, as theory has them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LayerVariances {
    /// Variance of the weights times the fan-in.
    pub sigma_w2: f64,
    /// Variance of the biases.
    pub sigma_b2: f64,
}

#[cfg(test)]
mod tests;
