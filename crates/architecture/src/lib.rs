//! Neural networks as data: layers, activations, widths and the variances of their random initialisation.
//!
//! A [`NetworkSpec`] is a list of [`Layer`]s that fit each other; [`NetworkParams`] describes one in a few settings, as an
//! experiment file has them. Nothing here computes: simulation and theory share this description and nothing else, so
//! that their agreement means something.

mod activation;
mod cnn;
mod conv2d;
mod conv_params;
mod error;
mod initialisation;
mod layer;
mod layer_list;
mod mlp;
mod network_params;
mod network_spec;
mod pool;
mod preset;
mod residual;
mod resnet;
mod shape;
mod variances;
mod window;

pub use activation::{Activation, ParseActivationError};
pub use cnn::CnnParams;
pub use conv_params::{ConvParams, Head};
pub use conv2d::{Boundary, Conv2dLayer};
pub use error::{Error, Result};
pub use initialisation::{
    ArrayLaw, Bias, Fan, Initialisation, Law, LayerLaw, LayerVariances, NamedScheme, PlainScheme,
    Scheme, SchemeName, VariancesByLayer,
};
pub use layer::{DenseLayer, Layer};
pub use layer_list::{DenseWidth, LayerEntry, LayerList, Padding, PoolSize, Problem};
pub use mlp::{MlpParams, MlpValidParams, NamedWidth, Readout, Shrink, ShrinkLaw, WidthRule};
pub use network_params::NetworkParams;
pub use network_spec::NetworkSpec;
pub use pool::{PoolKind, PoolLayer};
pub use preset::Preset;
pub use residual::ResidualLayer;
pub use resnet::{Block, ResnetParams, Stream};
pub use shape::Shape;
pub use variances::Variances;
pub use window::Window;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
