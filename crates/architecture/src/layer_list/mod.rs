//! Networks written as a list of layers, in the vocabulary of common frameworks.

mod build;
mod entry;

pub use build::Problem;
pub use entry::{DenseWidth, LayerEntry, Padding, PoolSize};

use crate::{Activation, Error, NetworkSpec, Result, Shape};

/// A network as a list of entries, as an experiment file has it.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerList {
    /// The entries, the first layer first.
    pub entries: Vec<LayerEntry>,
    /// Activation of the layers that name none, except for the readout, which is then linear.
    pub activation: Option<Activation>,
}

impl LayerList {
    /// Most layers of a list, with repetitions.
    pub const MOST: usize = 1_000_000;

    /// The network for images of shape `input`.
    ///
    /// # Errors
    /// One that names the entry, counted from 0 as in `layers[0]`, and the setting.
    pub fn spec(&self, input: Shape, classes: usize) -> Result<NetworkSpec> {
        let mut builder = build::Builder::new(input, classes, self.activation);
        builder.network(&self.entries)?;
        let layers = builder.into_layers();
        let outputs = layers.last().map_or(0, crate::Layer::outputs);
        if outputs != classes {
            return Err(Error::Classes { outputs, classes });
        }
        NetworkSpec::new(layers)
    }
}

#[cfg(test)]
mod tests;
