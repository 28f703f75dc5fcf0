use crate::{Error, Layer, PoolKind, Result, Shape};

/// A network as a list of layers that fit each other.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkSpec {
    layers: Vec<Layer>,
}

impl NetworkSpec {
    /// A network of the given layers.
    ///
    /// # Errors
    /// [`Error::Layer`] when a layer is not possible, [`Error::Chain`] when it does not fit the one before,
    /// [`Error::OutOfRange`] when there is none.
    pub fn new(layers: Vec<Layer>) -> Result<Self> {
        if layers.is_empty() {
            return Err(Error::OutOfRange {
                name: "depth",
                value: "0".to_owned(),
                range: "at least 1",
            });
        }
        check_chain(&layers)?;
        Ok(Self { layers })
    }

    /// A network of layers that fit by construction.
    pub(crate) fn from_chained(layers: Vec<Layer>) -> Self {
        Self { layers }
    }

    /// The layers, the first one first.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Layers of the list, the readout included: a residual block and a pooling layer count as one.
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// Layers that belong to the readout: the last one, and average pooling over the whole image before it.
    pub fn readout_layers(&self) -> usize {
        let is_global = |layer: &Layer| match layer {
            Layer::Pool(pool) => pool.kind == PoolKind::Average && pool.output().is_flat(),
            Layer::Dense(_) | Layer::Conv2d(_) | Layer::Residual(_) => false,
        };
        match &self.layers[..] {
            [.., before, _] if is_global(before) => 2,
            _ => 1,
        }
    }

    /// Stages as the depth of an experiment counts them: every layer of the list, where the layers of the readout are one.
    pub fn stages(&self) -> usize {
        self.depth() + 1 - self.readout_layers()
    }

    /// Layers with weights, those of residual branches included.
    pub fn weight_layers(&self) -> usize {
        self.layers.iter().map(Layer::weight_layers).sum()
    }

    /// True if every layer is dense.
    pub fn is_dense(&self) -> bool {
        self.layers.iter().all(|layer| matches!(layer, Layer::Dense(_)))
    }

    /// Shape of the input, and of the output of each layer.
    pub fn shapes(&self) -> Vec<Shape> {
        let first = self.layers.first().map(Layer::input_shape);
        first.into_iter().chain(self.layers.iter().map(Layer::output_shape)).collect()
    }

    /// `w_0, w_1, ..., w_L`
    pub fn widths(&self) -> Vec<usize> {
        let first = self.layers.first().map(Layer::inputs);
        first.into_iter().chain(self.layers.iter().map(Layer::outputs)).collect()
    }

    /// Weights and biases of all layers; the largest number for impossibly many.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(Layer::parameters).fold(0, usize::saturating_add)
    }
}

/// Checks each layer, and that each fits the one before: in shape, or in size where one of them is flat.
pub(crate) fn check_chain(layers: &[Layer]) -> Result<()> {
    for (index, layer) in layers.iter().enumerate() {
        layer
            .check()
            .map_err(|source| Error::Layer { layer: index + 1, source: Box::new(source) })?;
    }
    for (index, pair) in layers.windows(2).enumerate() {
        let (outputs, inputs) = (pair[0].output_shape(), pair[1].input_shape());
        let flattened =
            (outputs.is_flat() || inputs.is_flat()) && outputs.numbers() == inputs.numbers();
        if outputs != inputs && !flattened {
            return Err(Error::Chain { layer: index + 2, inputs, outputs });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Conv2dLayer, DenseLayer, Window};

    #[test]
    fn images_are_flattened_before_dense_layers_only() {
        let conv = |shape| {
            let window = Window::square(3, 1, 1);
            Layer::Conv2d(Conv2dLayer::new(shape, 2, window, Activation::Tanh))
        };
        let dense =
            Layer::Dense(DenseLayer { inputs: 32, outputs: 5, activation: Activation::Tanh });
        let first = conv(Shape::new(1, 4, 4));
        let spec = NetworkSpec::new(vec![first.clone(), dense]).unwrap();
        assert_eq!(spec.shapes(), [Shape::new(1, 4, 4), Shape::new(2, 4, 4), Shape::flat(5)]);
        assert!(!spec.is_dense());
        let error = NetworkSpec::new(vec![first, conv(Shape::new(2, 8, 2))]).unwrap_err();
        assert!(error.to_string().contains("takes 2x8x2"), "{error}");
    }

    #[test]
    fn layers_must_chain() {
        let dense = |inputs, outputs| {
            Layer::Dense(DenseLayer { inputs, outputs, activation: Activation::Tanh })
        };
        assert!(NetworkSpec::new(vec![dense(3, 4), dense(4, 2)]).is_ok());
        let error = NetworkSpec::new(vec![dense(3, 4), dense(5, 2)]).expect_err("4 is not 5");
        assert!(error.to_string().contains("layer 2 takes 5"), "{error}");
        assert!(NetworkSpec::new(Vec::new()).is_err());
    }
}
