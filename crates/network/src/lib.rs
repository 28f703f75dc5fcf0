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
//! [`LayerParameters`], and follow the compiler: every match over kinds is exhaustive.

mod backend;
mod backward;
mod dense;
mod device_layer;
mod draw;
mod error;
mod layer_parameters;
mod layout;
mod network;
mod orthogonal;
mod parameter_array;
mod trace;

pub use backend::{BackwardBackend, ForwardBackend};
pub use backward::{BackwardPass, Gradient, GradientVisitor, ParameterGradient};
pub use dense::{DenseParameters, DeviceDense};
pub use device_layer::DeviceLayer;
pub use error::{Error, Result};
pub use layer_parameters::LayerParameters;
pub use layout::{Batch, Layout};
pub use network::Network;
pub use parameter_array::{ParameterArray, ParameterName};
pub use trace::Trace;
