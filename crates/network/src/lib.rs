//! What a network is: its description, its random initialisation, its forward pass. No optimiser, no data.
//!
//! A network is [`NetworkSpec`] (data: a list of [`Layer`]s) plus where its parameters come from: drawn from a
//! [`Variances`] and a seed, or given. Drawn parameters are made again whenever a layer is asked for, so a network a
//! thousand layers deep takes no memory until one of them is used.

mod error;
mod network;

pub use error::{Error, Result};
pub use network::{DenseParameters, DeviceLayer, Network};
