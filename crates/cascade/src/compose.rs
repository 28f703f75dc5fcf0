//! Linear decoders composed into one: a product for each layer in place of a chain from each depth.

use isobath_architecture::Activation;
use isobath_architecture::Layer;
use isobath_tensor::{Backend, Dense, GemmConfig};
use ndarray::Array2;

use crate::{Result, chain::weights, decoder::DeviceDecoder};

/// The decoders of the first layers as one linear decoder to the input.
pub(crate) struct Composed<B: Backend> {
    whole: Option<DeviceDecoder<B>>,
}

impl<B: Dense> Composed<B> {
    /// No decoder yet.
    pub(crate) const fn new() -> Self {
        Self { whole: None }
    }

    /// Adds the next layer's linear decoder and reconstructs the input from that layer's activations, `[rows, w_l]`.
    ///
    /// # Errors
    /// When the device fails.
    pub(crate) fn push(
        &mut self,
        decoder: &DeviceDecoder<B>,
        activations: &B::Buffer<f32>,
        rows: usize,
    ) -> Result<Array2<f32>> {
        let backend = &decoder.backend;
        let whole = match self.whole.take() {
            None => {
                let DeviceDecoder { inputs, outputs, activation, weights, bias, .. } = decoder;
                let shape = [*outputs, *inputs];
                DeviceDecoder::copied(backend, shape, *activation, [weights, bias])?
            }
            Some(whole) => after(&whole, decoder)?,
        };
        let outputs = whole.outputs;
        let mut reconstruction = backend.zeros(rows * outputs)?;
        whole.apply(rows, activations, &mut reconstruction)?;
        self.whole = Some(whole);
        let numbers = backend.download(&reconstruction)?;
        Ok(Array2::from_shape_fn((rows, outputs), |(i, j)| numbers[i * outputs + j]))
    }
}

/// `last` after `first`, both linear: `A (V h + c) + a = (A V) h + (A c + a)`.
fn after<B: Dense>(last: &DeviceDecoder<B>, first: &DeviceDecoder<B>) -> Result<DeviceDecoder<B>> {
    let (backend, inputs, outputs) = (&first.backend, first.inputs, last.outputs);
    let (mut weights, mut bias) = (backend.zeros(outputs * inputs)?, backend.zeros(outputs)?);
    let product = GemmConfig::new(outputs, inputs, last.inputs);
    backend.gemm(product, &last.weights, &first.weights, &mut weights)?;
    last.apply(1, &first.bias, &mut bias)?;
    let (backend, activation) = (backend.clone(), Activation::Linear);
    Ok(DeviceDecoder { backend, inputs, outputs, weights, bias, activation })
}

/// Floating-point operations of composing the decoders of `layers` and reconstructing `samples` inputs from each.
pub(crate) fn flops(layers: &[Layer], samples: u64) -> u64 {
    let outputs = layers.first().map_or(0, |layer| layer.inputs() as u64);
    let composing = layers.iter().skip(1).map(|layer| 2 * outputs * weights(layer)).sum::<u64>();
    let applying = layers.iter().map(|layer| 2 * samples * outputs * layer.outputs() as u64);
    composing + applying.sum::<u64>()
}
