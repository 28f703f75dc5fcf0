use isobath_architecture::Activation;
use isobath_tensor::{Backend, Dense, DenseConfig, Precision};

use crate::Result;

/// A decoder `g(h) = phi(V h + c)` in host memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoder {
    /// `V`, `[outputs, inputs]`, row-major.
    pub weights: Vec<f32>,
    /// `c`, `[outputs]`.
    pub bias: Vec<f32>,
    /// `phi`
    pub activation: Activation,
}

impl Decoder {
    /// Width of what is decoded.
    pub const fn inputs(&self) -> usize {
        self.weights.len() / self.bias.len()
    }

    /// Width of what comes out.
    pub const fn outputs(&self) -> usize {
        self.bias.len()
    }
}

/// A decoder in the memory of its backend.
#[derive(Debug)]
pub(crate) struct DeviceDecoder<B: Backend> {
    /// Backend of the buffers.
    pub(crate) backend: B,
    /// Width of what is decoded.
    pub(crate) inputs: usize,
    /// Width of what comes out.
    pub(crate) outputs: usize,
    /// `V`, `[outputs, inputs]`, row-major.
    pub(crate) weights: B::Buffer<f32>,
    /// `c`, `[outputs]`.
    pub(crate) bias: B::Buffer<f32>,
    /// `phi`
    pub(crate) activation: Activation,
}

impl<B: Backend> DeviceDecoder<B> {
    /// A copy of `decoder`.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub(crate) fn upload(backend: &B, decoder: &Decoder) -> Result<Self> {
        Ok(Self {
            backend: backend.clone(),
            inputs: decoder.inputs(),
            outputs: decoder.outputs(),
            weights: backend.upload(&decoder.weights)?,
            bias: backend.upload(&decoder.bias)?,
            activation: decoder.activation,
        })
    }

    /// A decoder of `[outputs, inputs]` with copies of `[weights, bias]`.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub(crate) fn copied(
        backend: &B,
        [outputs, inputs]: [usize; 2],
        activation: Activation,
        parameters: [&B::Buffer<f32>; 2],
    ) -> Result<Self> {
        let copy = |source, size| {
            let mut copy = backend.zeros(size)?;
            backend.copy(source, 0..size, &mut copy, 0)?;
            Ok::<_, crate::Error>(copy)
        };
        let weights = copy(parameters[0], outputs * inputs)?;
        let bias = copy(parameters[1], outputs)?;
        Ok(Self { backend: backend.clone(), inputs, outputs, weights, bias, activation })
    }

    /// A copy in host memory.
    ///
    /// # Errors
    /// When the device fails.
    pub(crate) fn download(&self) -> Result<Decoder> {
        let Self { backend, activation, .. } = self;
        let (weights, bias) = (backend.download(&self.weights)?, backend.download(&self.bias)?);
        Ok(Decoder { weights, bias, activation: *activation })
    }

    /// Bytes of its numbers.
    pub(crate) const fn bytes(&self) -> usize {
        (self.inputs + 1) * self.outputs * size_of::<f32>()
    }
}

impl<B: Dense> DeviceDecoder<B> {
    /// `y = g(x)` for `rows` samples: `x` `[rows, inputs]`, `y` `[rows, outputs]`.
    ///
    /// # Errors
    /// When the device fails.
    pub(crate) fn apply(
        &self,
        rows: usize,
        x: &B::Buffer<f32>,
        y: &mut B::Buffer<f32>,
    ) -> Result<()> {
        let &Self { inputs, outputs, activation, .. } = self;
        let precision = Precision::F32;
        let config = DenseConfig { rows, inputs, outputs, activation, precision };
        Ok(self.backend.dense(config, x, &self.weights, &self.bias, y)?)
    }
}
