//! Neural networks as data: layers, activations, widths and the variances of their random initialisation.
//!
//! A [`NetworkSpec`] is a list of [`Layer`]s that fit each other; [`MlpParams`] describes one in a few settings, as an
//! experiment file has them. Nothing here computes: simulation and theory share this description and nothing else, so
//! that their agreement means something.

mod activation;
mod error;
mod initialisation;
mod layer;
mod mlp;
mod network_spec;
mod variances;

pub use activation::{Activation, ParseActivationError};
pub use error::{Error, Result};
pub use initialisation::{
    ArrayLaw, Bias, Fan, Initialisation, Law, LayerLaw, LayerVariances, NamedScheme, PlainScheme,
    Scheme, SchemeName, VariancesByLayer,
};
pub use layer::{DenseLayer, Layer};
pub use mlp::{
    MlpParams, MlpValidParams, NamedWidth, Preset, Readout, Shrink, ShrinkLaw, WidthRule,
};
pub use network_spec::NetworkSpec;
pub use variances::Variances;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
