//! Neural networks as data: layers, activations, widths and the variances of their random initialisation.
//!
//! A [`NetworkSpec`] is a list of [`Layer`]s that fit each other; [`MlpParams`] describes one in a few settings, as an
//! experiment file has them. Nothing here computes: simulation and theory share this description and nothing else, so
//! that their agreement means something.

mod activation;
mod conv2d;
mod error;
mod initialisation;
mod layer;
mod mlp;
mod network_spec;
mod pool;
mod residual;
mod shape;
mod variances;
mod window;

pub use activation::{Activation, ParseActivationError};
pub use conv2d::{Boundary, Conv2dLayer};
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
pub use pool::{PoolKind, PoolLayer};
pub use residual::ResidualLayer;
pub use shape::Shape;
pub use variances::Variances;
pub use window::Window;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
