//! Networks with parameters: random initialisation, forward pass, backward pass. No optimiser, no data.
//!
//! A [`Network`] is a [`NetworkSpec`](isobath_architecture::NetworkSpec) plus the source of its parameters: drawn from
//! an [`Initialisation`](isobath_architecture::Initialisation) and a seed, or given. They are drawn again at each use, so a network
//! of a thousand layers takes no memory until one of them is used.
//!
//! [`DeviceLayer`] is one layer of one or several networks on a device. It holds the only forward and the only backward
//! pass of the workspace; the cascade, the trainer and the predictors call it. [`Layout`] names how a matrix of
//! activations lies in memory.
//!
//! # Adding a layer kind
//! Write one file like `dense.rs` (draw, upload, forward, backward, parameters), add its variant to [`DeviceLayer`] and
//! [`LayerParameters`], its memory to [`Trace`] and [`Workspace`], and follow the compiler: every match over kinds is
//! exhaustive. Only dense layers run for several networks at once.

mod activations;
mod backend;
mod backward;
mod conv2d;
mod dense;
mod device_layer;
mod draw;
mod error;
mod layer_parameters;
mod layout;
mod network;
mod orthogonal;
mod parameter_array;
mod pool;
mod residual;
mod source;
mod trace;
mod workspace;

pub use backend::{BackwardBackend, ForwardBackend};
pub use backward::{
    BackwardPass, ConvolutionFactors, DenseFactors, Gradient, GradientVisitor, ParameterGradient,
};
pub use conv2d::{Conv2dParameters, DeviceConv2d};
pub use dense::{DenseParameters, DeviceDense};
pub use device_layer::DeviceLayer;
pub use error::{Error, Result};
pub use layer_parameters::LayerParameters;
pub use layout::{Batch, Layout};
pub use network::Network;
pub use parameter_array::{ParameterArray, ParameterKind, ParameterName};
pub use residual::DeviceResidual;
pub use trace::Trace;
pub use workspace::Workspace;
