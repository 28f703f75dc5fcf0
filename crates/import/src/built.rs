//! Layers with their parameters, until they are a network.

use isobath_architecture::{
    Activation, Conv2dLayer, DenseLayer, Layer, NetworkSpec, PoolLayer, ResidualLayer,
};
use isobath_network::{LayerParameters, Network};

use crate::{Result, weighted::Weighted};

/// A layer with its parameters.
pub(crate) enum Built {
    Dense(DenseLayer, Weighted),
    /// Its description has biases if the parameters do.
    Conv2d(Conv2dLayer, Weighted),
    Pool(PoolLayer),
    Residual {
        before: Option<Activation>,
        branch: Vec<Built>,
        after: Option<Activation>,
    },
}

impl Built {
    fn finish(self) -> (Layer, LayerParameters) {
        match self {
            Self::Dense(layer, arrays) => (Layer::Dense(layer), arrays.dense(&layer).into()),
            Self::Conv2d(layer, arrays) => {
                let layer = Conv2dLayer { bias: arrays.bias.is_some(), ..layer };
                (Layer::Conv2d(layer), arrays.conv2d(&layer).into())
            }
            Self::Pool(layer) => (Layer::Pool(layer), LayerParameters::Pool),
            Self::Residual { before, branch, after } => {
                let (branch, parameters) = branch.into_iter().map(Self::finish).unzip();
                let layer = Layer::Residual(ResidualLayer { before, branch, after });
                (layer, LayerParameters::Residual(parameters))
            }
        }
    }
}

/// The network of these layers, the first one first.
///
/// # Errors
/// When they do not fit each other.
pub(crate) fn network(layers: Vec<Built>) -> Result<Network> {
    let (layers, parameters): (Vec<_>, Vec<_>) = layers.into_iter().map(Built::finish).unzip();
    Ok(Network::with_parameters(NetworkSpec::new(layers)?, parameters)?)
}
