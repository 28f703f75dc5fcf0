use crate::{CnnParams, LayerList, MlpParams, NetworkSpec, ResnetParams, Result, Shape};

/// Settings of a network of any kind.
///
/// Exhaustive on purpose, as [`Layer`](crate::Layer) is.
#[derive(Clone, Debug, PartialEq)]
pub enum NetworkParams {
    /// A multilayer perceptron.
    Mlp(MlpParams),
    /// A convolutional network.
    Cnn(CnnParams),
    /// A residual network.
    Resnet(ResnetParams),
    /// A list of layers.
    Layers(LayerList),
}

impl NetworkParams {
    /// The network for samples of shape `input`; a multilayer perceptron reads them flattened.
    ///
    /// # Errors
    /// One that names the setting or the layer.
    pub fn spec(&self, input: Shape, classes: usize) -> Result<NetworkSpec> {
        match self {
            Self::Mlp(params) => Ok(params.check(input.numbers(), classes)?.spec()),
            Self::Cnn(params) => params.spec(input, classes),
            Self::Resnet(params) => params.spec(input, classes),
            Self::Layers(list) => list.spec(input, classes),
        }
    }
}
