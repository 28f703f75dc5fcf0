//! Training of single-layer decoders.

#[cfg(feature = "conformance")]
pub(super) mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod reference;

use std::ops::Range;

use crate::{
    Activation, Backend, Error, GemmConfig, Optimize, Optimizer, Pointwise, Precision, RandomFill,
    RandomStream, Result,
    backend::{expect_len, expect_positive},
};

/// Shape and training of one decoder `g(h) = phi(V h + c)` from a layer's output `h` to its input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecoderConfig {
    /// Number of samples.
    pub samples: usize,
    /// Width of the decoder's input, `w_l`.
    pub inputs: usize,
    /// Width of the reconstruction, `w_{l-1}`.
    pub outputs: usize,
    /// Samples per minibatch. The last one of an epoch takes the remaining samples.
    pub batch: usize,
    /// `phi` of the decoder.
    pub activation: Activation,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// Precision of the products' factors.
    pub precision: Precision,
}

impl DecoderConfig {
    /// Minibatches in one pass over the samples.
    pub const fn batches_per_epoch(&self) -> usize {
        self.samples.div_ceil(self.batch)
    }

    /// The samples of minibatch `index`, which counts on through the epochs.
    pub const fn batch_range(&self, index: usize) -> Range<usize> {
        let start = (index % self.batches_per_epoch()) * self.batch;
        let end = start + self.batch;
        start..if end < self.samples { end } else { self.samples }
    }
}

/// A decoder in training: parameters, moments, steps done.
#[derive(Debug)]
pub struct DecoderState<B: Backend> {
    /// `V`, `[outputs, inputs]`.
    pub weights: B::Buffer<f32>,
    /// `c`, `[outputs]`.
    pub bias: B::Buffer<f32>,
    /// First and second moment of the weights.
    pub weight_moments: [B::Buffer<f32>; 2],
    /// First and second moment of the bias.
    pub bias_moments: [B::Buffer<f32>; 2],
    /// Steps done so far.
    pub steps: u64,
}

impl<B: RandomFill> DecoderState<B> {
    /// PyTorch's default initialisation of a linear layer: weights and biases uniform on
    /// `(-1/sqrt(inputs), 1/sqrt(inputs))`, drawn from `stream` and `stream + 1`.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub fn init(
        backend: &B,
        inputs: usize,
        outputs: usize,
        seed: u64,
        stream: u64,
    ) -> Result<Self> {
        let bound = 1.0 / (inputs as f64).sqrt();
        let mut state = Self::zeros(backend, inputs, outputs)?;
        let weights = RandomStream::Uniform { seed, stream, bound };
        let bias = RandomStream::Uniform { seed, stream: stream + 1, bound };
        backend.random_fill(weights, outputs * inputs, &mut state.weights)?;
        backend.random_fill(bias, outputs, &mut state.bias)?;
        Ok(state)
    }
}

impl<B: Backend> DecoderState<B> {
    /// All zero, no step done.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub fn zeros(backend: &B, inputs: usize, outputs: usize) -> Result<Self> {
        let size = outputs * inputs;
        Ok(Self {
            weights: backend.zeros(size)?,
            bias: backend.zeros(outputs)?,
            weight_moments: [backend.zeros(size)?, backend.zeros(size)?],
            bias_moments: [backend.zeros(outputs)?, backend.zeros(outputs)?],
            steps: 0,
        })
    }

    /// The given parameters, no step done.
    ///
    /// # Errors
    /// [`Error::Shape`] when the lengths do not fit each other.
    pub fn from_host(backend: &B, inputs: usize, weights: &[f32], bias: &[f32]) -> Result<Self> {
        let outputs = bias.len();
        let (expected, actual) = (outputs * inputs, weights.len());
        if expected != actual {
            return Err(Error::Shape { op: "decoder", argument: "weights", expected, actual });
        }
        let mut state = Self::zeros(backend, inputs, outputs)?;
        backend.write(&mut state.weights, 0, weights)?;
        backend.write(&mut state.bias, 0, bias)?;
        Ok(state)
    }
}

/// Training of decoders.
///
/// The default composes the other operations minibatch by minibatch, and is what a specialised kernel is tested against.
/// A kernel has more freedom: unit `i` of a decoder sees only its own residual, so its weights and moments can stay in
/// the nearest memory for the whole epoch while the samples stream past.
pub trait TrainDecoder: Pointwise + Optimize + RandomFill {
    /// Trains `state` on the minibatches `batches` (numbered through the epochs, each the next `batch` samples in stored
    /// order) of `h` `[samples, inputs]` and `target` `[samples, outputs]`, by the mean squared error over minibatch and
    /// units. Returns the loss of each minibatch before its step.
    ///
    /// # Errors
    /// [`Error::Shape`] when a buffer is too short, [`Error::Empty`] when a size is zero, [`Error::Precision`] when this
    /// device does not have it.
    fn train_decoder(
        &self,
        config: &DecoderConfig,
        batches: Range<usize>,
        h: &Self::Buffer<f32>,
        target: &Self::Buffer<f32>,
        state: &mut DecoderState<Self>,
    ) -> Result<Vec<f64>> {
        train_by_parts(self, config, batches, h, target, state)
    }
}

pub(crate) fn check_decoder<B: Backend>(
    backend: &B,
    config: &DecoderConfig,
    h: &B::Buffer<f32>,
    target: &B::Buffer<f32>,
    state: &DecoderState<B>,
) -> Result<()> {
    const OP: &str = "train_decoder";
    let DecoderConfig { samples, inputs, outputs, batch, .. } = *config;
    for (argument, size) in
        [("samples", samples), ("inputs", inputs), ("outputs", outputs), ("batch", batch)]
    {
        expect_positive(OP, argument, size)?;
    }
    expect_len(OP, "h", samples * inputs, backend.len(h))?;
    expect_len(OP, "target", samples * outputs, backend.len(target))?;
    expect_len(OP, "bias", outputs, backend.len(&state.bias))?;
    for weights in [&state.weights, &state.weight_moments[0], &state.weight_moments[1]] {
        expect_len(OP, "weights", outputs * inputs, backend.len(weights))?;
    }
    Ok(())
}

/// [`TrainDecoder`] minibatch by minibatch.
pub(crate) fn train_by_parts<B: Pointwise + Optimize>(
    backend: &B,
    config: &DecoderConfig,
    batches: Range<usize>,
    h: &B::Buffer<f32>,
    target: &B::Buffer<f32>,
    state: &mut DecoderState<B>,
) -> Result<Vec<f64>> {
    check_decoder(backend, config, h, target, state)?;
    let DecoderConfig { inputs, outputs, batch, activation, optimizer, precision, .. } = *config;
    let mut batch_h = backend.zeros(batch * inputs)?;
    let mut batch_target = backend.zeros(batch * outputs)?;
    let mut delta = backend.zeros(batch * outputs)?;
    let mut weight_gradient = backend.zeros(outputs * inputs)?;
    let mut bias_gradient = backend.zeros(outputs)?;
    let mut losses = Vec::with_capacity(batches.len());
    for index in batches {
        let Range { start, end } = config.batch_range(index);
        let rows = end - start;
        backend.copy(h, start * inputs..end * inputs, &mut batch_h, 0)?;
        backend.copy(target, start * outputs..end * outputs, &mut batch_target, 0)?;
        backend.gemm(
            GemmConfig::new(rows, outputs, inputs).transpose_b().precision(precision),
            &batch_h,
            &state.weights,
            &mut delta,
        )?;
        let shape = [rows, outputs];
        losses.push(backend.squared_error_gradient(
            shape,
            activation,
            &state.bias,
            &batch_target,
            &mut delta,
        )?);
        backend.gemm(
            GemmConfig::new(outputs, inputs, rows).transpose_a().precision(precision),
            &delta,
            &batch_h,
            &mut weight_gradient,
        )?;
        backend.column_sums(shape, &delta, &mut bias_gradient)?;
        state.steps += 1;
        let [first, second] = &mut state.weight_moments;
        let step = backend.new_step(&optimizer, state.steps)?;
        backend.optimizer_step(&step, &mut state.weights, &weight_gradient, first, second)?;
        let [first, second] = &mut state.bias_moments;
        backend.optimizer_step(&step, &mut state.bias, &bias_gradient, first, second)?;
    }
    Ok(losses)
}
