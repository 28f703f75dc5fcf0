//! Activations of a network's layers for samples in host memory.

use isobath_architecture::Layer;
use isobath_tensor::Precision;
use ndarray::{Array2, ArrayView2, Axis, s};

use crate::{Error, ForwardBackend, Network, Result};

/// Numbers of a batch's widest layer, at most, unless one sample has more.
const CHUNK: usize = 1 << 22;

impl Network {
    /// Activations of layer `depth`, counted from 1, for `samples` `[n, w_0]`: `[n, w_depth]`, in f32.
    ///
    /// Samples pass in batches, so that memory beyond input and result does not grow with their number.
    ///
    /// # Errors
    /// [`Error::Depth`] if there is no such layer, [`Error::SampleWidth`] if the samples have another width than the
    /// network's input, and when the device fails.
    pub fn activations<B: ForwardBackend>(
        &self,
        backend: &B,
        depth: usize,
        samples: ArrayView2<'_, f32>,
    ) -> Result<Array2<f32>> {
        let Some(layers) = self.spec().layers().get(..depth).filter(|layers| !layers.is_empty())
        else {
            return Err(Error::Depth { depth, layers: self.spec().depth() });
        };
        let (inputs, outputs) = (layers[0].inputs(), layers[depth - 1].outputs());
        if samples.ncols() != inputs {
            return Err(Error::SampleWidth { expected: inputs, actual: samples.ncols() });
        }
        let widest = layers.iter().map(Layer::widest).max().unwrap_or(inputs);
        let rows = (CHUNK / widest).clamp(1, samples.nrows().max(1));
        let (mut x, mut y) = (backend.zeros(rows * widest)?, backend.zeros(rows * widest)?);
        let layers = (0..depth).map(|index| self.upload_layer(backend, index));
        let layers = layers.collect::<Result<Vec<_>>>()?;
        let mut activations = Array2::zeros((samples.nrows(), outputs));
        for (index, batch) in samples.axis_chunks_iter(Axis(0), rows).enumerate() {
            let count = batch.nrows();
            backend.write(&mut x, 0, &batch.iter().copied().collect::<Vec<f32>>())?;
            for layer in &layers {
                layer.forward(backend, Precision::F32, count, &x, &mut y)?;
                std::mem::swap(&mut x, &mut y);
            }
            let numbers = backend.read(&x, 0..count * outputs)?;
            let start = index * rows;
            let mut target = activations.slice_mut(s![start..start + count, ..]);
            target.iter_mut().zip(numbers).for_each(|(to, from)| *to = from);
        }
        Ok(activations)
    }
}

#[cfg(test)]
mod tests {
    use isobath_architecture::{Activation, DenseLayer, NetworkSpec};
    use isobath_tensor::Reference;
    use ndarray::array;

    use super::*;
    use crate::DenseParameters;

    fn network() -> Network {
        let layer =
            |inputs, outputs, activation| Layer::Dense(DenseLayer { inputs, outputs, activation });
        let spec =
            NetworkSpec::new(vec![layer(2, 3, Activation::Relu), layer(3, 1, Activation::Linear)]);
        let parameters = vec![
            DenseParameters {
                weights: array![[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]],
                bias: array![0.0, 0.0, 0.5],
            },
            DenseParameters { weights: array![[1.0, 2.0, 4.0]], bias: array![-1.0] },
        ];
        Network::with_parameters(spec.unwrap(), parameters).unwrap()
    }

    #[test]
    fn layers_are_applied_in_order() {
        let samples = array![[1.0, 2.0], [-3.0, 1.0]];
        let hidden = network().activations(&Reference, 1, samples.view()).unwrap();
        assert_eq!(hidden, array![[1.0, 2.0, 0.0], [0.0, 1.0, 2.5]]);
        let outputs = network().activations(&Reference, 2, samples.view()).unwrap();
        assert_eq!(outputs, array![[4.0], [11.0]]);
        let none = Array2::zeros((0, 2));
        assert_eq!(network().activations(&Reference, 2, none.view()).unwrap().dim(), (0, 1));
    }

    #[test]
    fn depth_and_width_must_be_those_of_the_network() {
        let samples = array![[1.0, 2.0, 3.0]];
        let error = |depth| network().activations(&Reference, depth, samples.view()).unwrap_err();
        assert!(matches!(error(0), Error::Depth { depth: 0, layers: 2 }));
        assert!(matches!(error(3), Error::Depth { depth: 3, layers: 2 }));
        assert!(error(1).to_string().contains("3 numbers each"), "{}", error(1));
    }
}
