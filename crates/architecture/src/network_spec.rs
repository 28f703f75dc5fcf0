use crate::{Error, Layer, Result};

/// A network as a list of layers that fit each other.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkSpec {
    layers: Vec<Layer>,
}

impl NetworkSpec {
    /// A network of the given layers.
    ///
    /// # Errors
    /// [`Error::Chain`] when a layer does not fit the one before, [`Error::OutOfRange`] when there is none.
    pub fn new(layers: Vec<Layer>) -> Result<Self> {
        if layers.is_empty() {
            return Err(Error::OutOfRange {
                name: "depth",
                value: "0".to_owned(),
                range: "at least 1",
            });
        }
        for (index, pair) in layers.windows(2).enumerate() {
            let (outputs, inputs) = (pair[0].outputs(), pair[1].inputs());
            if outputs != inputs {
                return Err(Error::Chain { layer: index + 2, inputs, outputs });
            }
        }
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

    /// Weight layers, the readout included.
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// `w_0, w_1, ..., w_L`
    pub fn widths(&self) -> Vec<usize> {
        let first = self.layers.first().map(Layer::inputs);
        first.into_iter().chain(self.layers.iter().map(Layer::outputs)).collect()
    }

    /// Weights and biases of all layers.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(Layer::parameters).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, DenseLayer};

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
