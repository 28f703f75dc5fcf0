use isobath_architecture::Activation;
use isobath_network::ForwardBackend;
use ndarray::{Array2, ArrayView2};

use crate::{
    DecoderKind, DecoderLayer, Error, Result, decoder_layer::DecoderLayerSpec,
    device_decoder::DeviceDecoder,
};

/// The decoder of one layer of the network in host memory: its own layers, in the order in which they are applied. There
/// is one, but for residual blocks in the [published form](crate::DecoderForm::Published).
#[derive(Clone, Debug, PartialEq)]
pub struct Decoder {
    /// The layers; at least one.
    pub layers: Vec<DecoderLayer>,
}

impl Decoder {
    /// A dense decoder `g(h) = phi(V h + c)` with weights `V` `[outputs, inputs]`, row-major, and bias `c` `[outputs]`.
    pub fn dense(weights: Vec<f32>, bias: Vec<f32>, activation: Activation) -> Self {
        let outputs = bias.len();
        let kind = DecoderKind::Dense { inputs: weights.len() / outputs.max(1), outputs };
        Self { layers: vec![DecoderLayer { kind, activation, weights, bias }] }
    }

    /// Numbers of what is decoded, per sample.
    pub fn inputs(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.kind.inputs())
    }

    /// Numbers of what comes out, per sample.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.kind.outputs())
    }

    /// All weights and biases, layer by layer.
    pub fn parameters(&self) -> impl Iterator<Item = f32> {
        self.layers.iter().flat_map(|layer| layer.weights.iter().chain(&layer.bias)).copied()
    }

    /// Decodes the rows of `h`, `[n, inputs]`, on `backend`: the network's input to the layer, `[n, outputs]`.
    ///
    /// # Errors
    /// [`Error::DecoderInput`] when the rows have another length, and when the device fails.
    ///
    /// # Panics
    /// When there is no layer, or weights do not have the shape of their layer.
    pub fn apply<B: ForwardBackend>(
        &self,
        backend: &B,
        h: ArrayView2<'_, f32>,
    ) -> Result<Array2<f32>> {
        let (samples, actual) = h.dim();
        let (expected, outputs) = (self.inputs(), self.outputs());
        if actual != expected {
            return Err(Error::DecoderInput { expected, actual });
        }
        if samples == 0 {
            return Ok(Array2::zeros((0, outputs)));
        }
        let x = backend.upload(&h.iter().copied().collect::<Vec<f32>>())?;
        let mut y = backend.zeros(samples * outputs)?;
        DeviceDecoder::upload(backend, self)?.apply(samples, &x, &mut y)?;
        let numbers = backend.download(&y)?;
        Ok(Array2::from_shape_fn((samples, outputs), |(i, j)| numbers[i * outputs + j]))
    }

    /// The layers without their parameters.
    pub(crate) fn specs(&self) -> Vec<DecoderLayerSpec> {
        let spec = |layer: &DecoderLayer| DecoderLayerSpec {
            kind: layer.kind,
            activation: layer.activation,
        };
        self.layers.iter().map(spec).collect()
    }

    /// Checks that the decoder is possible and leads from `inputs` numbers to `outputs`. `layer` is the network's layer,
    /// counted from 1.
    ///
    /// # Errors
    /// [`Error::InitialDecoder`] naming what does not fit.
    pub(crate) fn check(&self, layer: usize, [inputs, outputs]: [usize; 2]) -> Result<()> {
        let check = |what, expected, actual| {
            if expected == actual {
                Ok(())
            } else {
                Err(Error::InitialDecoder { layer, what, expected, actual })
            }
        };
        if self.layers.is_empty() {
            check("the list of layers", 1, 0)?;
        }
        let mut numbers = inputs;
        for DecoderLayer { kind, weights, bias, .. } in &self.layers {
            if !kind.is_possible() {
                check("a shape, kernel or stride", 1, 0)?;
            }
            let [units, columns] = kind.matrix();
            check("bias", units, bias.len())?;
            check("weights", units * columns, weights.len())?;
            check("input", numbers, kind.inputs())?;
            numbers = kind.outputs();
            if let DecoderKind::ConvTranspose2d(conv) = kind
                && !conv.closes()
            {
                let (stride, size) = (conv.stride, conv.output.size());
                return Err(Error::CircularStride { layer, stride, size });
            }
        }
        check("output", outputs, numbers)
    }
}
