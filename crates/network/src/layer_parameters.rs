use isobath_architecture::{Initialisation, Layer};

use crate::{DenseParameters, Result};

/// Parameters of one layer in host memory.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerParameters {
    /// Parameters of a dense layer.
    Dense(DenseParameters),
}

impl From<DenseParameters> for LayerParameters {
    fn from(parameters: DenseParameters) -> Self {
        Self::Dense(parameters)
    }
}

impl LayerParameters {
    /// Random parameters of layer `index`, counted from 0.
    pub(crate) fn draw(
        layer: &Layer,
        initialisation: &Initialisation,
        seed: u64,
        index: usize,
    ) -> Self {
        let law = initialisation.layer(layer, index);
        match layer {
            Layer::Dense(layer) => DenseParameters::draw(layer, law, seed, index).into(),
        }
    }

    /// Checks the shapes against layer `index`, counted from 0.
    ///
    /// # Errors
    /// [`Error::ParameterShape`](crate::Error::ParameterShape) when they differ.
    pub(crate) fn check(&self, layer: &Layer, index: usize) -> Result<()> {
        match (layer, self) {
            (Layer::Dense(layer), Self::Dense(parameters)) => parameters.check(layer, index),
        }
    }
}
