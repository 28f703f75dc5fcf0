//! Linear decoders composed into one: a product for each layer in place of a chain from each depth.

use ndarray::Array2;
use network::Layer;
use tensor::{Activation, Backend, Dense, DenseConfig, GemmConfig};

use crate::{Decoder, Result, chain::weights};

/// The decoders of the first layers as one linear map to the input.
pub(crate) struct Composed<B: Backend> {
    map: Option<Map<B>>,
}

/// `h -> A h + a`
struct Map<B: Backend> {
    inputs: usize,
    outputs: usize,
    /// `A`, `[outputs, inputs]`
    weights: B::Buffer<f32>,
    /// `a`, `[outputs]`
    bias: B::Buffer<f32>,
}

impl<B: Dense> Composed<B> {
    /// No decoder yet.
    pub(crate) const fn new() -> Self {
        Self { map: None }
    }

    /// Adds the next layer's linear decoder and reconstructs the input from that layer's activations, `[rows, w_l]`.
    ///
    /// # Errors
    /// When the device fails.
    pub(crate) fn push(
        &mut self,
        backend: &B,
        decoder: &Decoder,
        activations: &B::Buffer<f32>,
        rows: usize,
    ) -> Result<Array2<f32>> {
        let map = match self.map.take() {
            None => Map::of(backend, decoder)?,
            Some(map) => map.after(backend, &Map::of(backend, decoder)?)?,
        };
        let outputs = map.outputs;
        let mut reconstruction = backend.zeros(rows * outputs)?;
        map.apply(backend, activations, rows, &mut reconstruction)?;
        self.map = Some(map);
        let numbers = backend.download(&reconstruction)?;
        Ok(Array2::from_shape_fn((rows, outputs), |(i, j)| numbers[i * outputs + j]))
    }
}

impl<B: Dense> Map<B> {
    fn of(backend: &B, decoder: &Decoder) -> Result<Self> {
        let (weights, bias) = (backend.upload(&decoder.weights)?, backend.upload(&decoder.bias)?);
        Ok(Self { inputs: decoder.inputs(), outputs: decoder.outputs(), weights, bias })
    }

    /// This map after `first`: `A (V h + c) + a = (A V) h + (A c + a)`.
    fn after(&self, backend: &B, first: &Self) -> Result<Self> {
        let (inputs, outputs) = (first.inputs, self.outputs);
        let (mut weights, mut bias) = (backend.zeros(outputs * inputs)?, backend.zeros(outputs)?);
        let product = GemmConfig::new(outputs, inputs, self.inputs);
        backend.gemm(product, &self.weights, &first.weights, &mut weights)?;
        self.apply(backend, &first.bias, 1, &mut bias)?;
        Ok(Self { inputs, outputs, weights, bias })
    }

    fn apply(
        &self,
        backend: &B,
        x: &B::Buffer<f32>,
        rows: usize,
        y: &mut B::Buffer<f32>,
    ) -> Result<()> {
        let &Self { inputs, outputs, .. } = self;
        let config = DenseConfig { rows, inputs, outputs, activation: Activation::Linear };
        Ok(backend.dense(config, x, &self.weights, &self.bias, y)?)
    }
}

/// Floating-point operations of composing the decoders of `layers` and reconstructing `samples` inputs from each.
pub(crate) fn flops(layers: &[Layer], samples: u64) -> u64 {
    let outputs = layers.first().map_or(0, |layer| layer.inputs() as u64);
    let composing = layers.iter().skip(1).map(|layer| 2 * outputs * weights(layer)).sum::<u64>();
    let applying = layers.iter().map(|layer| 2 * samples * outputs * layer.outputs() as u64);
    composing + applying.sum::<u64>()
}
