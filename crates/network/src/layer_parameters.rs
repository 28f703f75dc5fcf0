use isobath_architecture::Layer;
use ndarray::ArrayViewD;

use crate::{Conv2dParameters, DenseParameters, Error, ParameterName, Result, source::DrawnLayer};

/// Parameters of one layer in host memory.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerParameters {
    /// Parameters of a dense layer.
    Dense(DenseParameters),
    /// Parameters of a convolution.
    Conv2d(Conv2dParameters),
    /// A pooling layer has none.
    Pool,
    /// Parameters of the layers of a residual block's branch.
    Residual(Vec<LayerParameters>),
}

impl From<DenseParameters> for LayerParameters {
    fn from(parameters: DenseParameters) -> Self {
        Self::Dense(parameters)
    }
}

impl From<Conv2dParameters> for LayerParameters {
    fn from(parameters: Conv2dParameters) -> Self {
        Self::Conv2d(parameters)
    }
}

impl LayerParameters {
    /// Random parameters of `layer`.
    pub(crate) fn draw(layer: &Layer, source: DrawnLayer<'_>) -> Self {
        match layer {
            Layer::Dense(shape) => DenseParameters::draw(shape, source.draws(layer)).into(),
            Layer::Conv2d(shape) => Conv2dParameters::draw(shape, source.draws(layer)).into(),
            Layer::Pool(_) => Self::Pool,
            Layer::Residual(block) => {
                let layers = block.branch.iter().enumerate();
                let drawn = layers.map(|(index, layer)| Self::draw(layer, source.branch(index)));
                Self::Residual(drawn.collect())
            }
        }
    }

    /// Checks kinds and shapes against layer `index`, counted from 0.
    ///
    /// # Errors
    /// [`Error::ParameterShape`] or [`Error::ParameterKind`] when they differ.
    pub(crate) fn check(&self, layer: &Layer, index: usize) -> Result<()> {
        match (layer, self) {
            (Layer::Dense(layer), Self::Dense(parameters)) => parameters.check(layer, index),
            (Layer::Conv2d(layer), Self::Conv2d(parameters)) => parameters.check(layer, index),
            (Layer::Pool(_), Self::Pool) => Ok(()),
            (Layer::Residual(block), Self::Residual(branch)) => {
                let (expected, given) = (block.branch.len(), branch.len());
                if expected != given {
                    return Err(Error::LayerCount { expected, given });
                }
                let mut layers = branch.iter().zip(&block.branch);
                layers.try_for_each(|(parameters, layer)| parameters.check(layer, index))
            }
            (
                Layer::Dense(_) | Layer::Conv2d(_) | Layer::Pool(_) | Layer::Residual(_),
                Self::Dense(_) | Self::Conv2d(_) | Self::Pool | Self::Residual(_),
            ) => Err(Error::ParameterKind { layer: index + 1 }),
        }
    }

    /// Arrays of parameters by name, in the order of [`DeviceLayer::arrays`](crate::DeviceLayer::arrays).
    pub fn arrays(&self) -> Vec<(ParameterName, ArrayViewD<'_, f32>)> {
        match self {
            Self::Dense(DenseParameters { weights, bias }) => vec![
                (ParameterName::WEIGHT, weights.view().into_dyn()),
                (ParameterName::BIAS, bias.view().into_dyn()),
            ],
            Self::Conv2d(Conv2dParameters { weights, bias }) => {
                let weights = (ParameterName::WEIGHT, weights.view().into_dyn());
                let bias = bias.as_ref().map(|bias| (ParameterName::BIAS, bias.view().into_dyn()));
                [weights].into_iter().chain(bias).collect()
            }
            Self::Pool => Vec::new(),
            Self::Residual(branch) => {
                let layers = branch.iter().enumerate();
                let arrays = layers.flat_map(|(index, layer)| {
                    let arrays = layer.arrays().into_iter();
                    arrays.map(move |(name, array)| (name.in_branch(index), array))
                });
                arrays.collect()
            }
        }
    }
}

/// Checks the shape of an array of layer `index`, counted from 0.
///
/// # Errors
/// [`Error::ParameterShape`] when it differs.
pub(crate) fn check_shape(
    index: usize,
    what: &'static str,
    actual: &[usize],
    expected: &[usize],
) -> Result<()> {
    if actual == expected {
        return Ok(());
    }
    let (expected, actual) = (expected.to_vec(), actual.to_vec());
    Err(Error::ParameterShape { layer: index + 1, what, expected, actual })
}
