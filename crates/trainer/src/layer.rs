use network::{DenseLayer, DenseParameters, Layer, Network};
use tensor::{Backend, DivergenceKind, GemmConfig, Optimizer};

use crate::{Error, Result, TrainerBackend};

/// A dense layer in training: parameters and moments on the device.
#[derive(Debug)]
pub(crate) struct TrainedLayer<B: Backend> {
    pub(crate) shape: DenseLayer,
    input: InputLayout,
    pub(crate) weights: Parameters<B>,
    pub(crate) bias: Parameters<B>,
}

/// How a layer's input lies in memory.
#[derive(Clone, Copy, Debug)]
enum InputLayout {
    /// `[samples, units]`: a minibatch.
    Samples,
    /// `[units, samples]`: what another layer gave.
    Units,
}

/// An array of parameters with the moments its optimiser keeps.
#[derive(Debug)]
pub(crate) struct Parameters<B: Backend> {
    pub(crate) values: B::Buffer<f32>,
    pub(crate) moments: [Option<B::Buffer<f32>>; 2],
}

/// Memory that all layers use in turn.
#[derive(Debug)]
pub(crate) struct Scratch<B: Backend> {
    /// Of the weights.
    gradient: B::Buffer<f32>,
    /// Of the biases.
    pub(crate) bias_gradient: B::Buffer<f32>,
    /// In the place of moments that the optimiser does not keep.
    pub(crate) idle: [B::Buffer<f32>; 2],
}

impl<B: TrainerBackend> Scratch<B> {
    pub(crate) fn new(
        backend: &B,
        layers: &[Layer],
        norms: bool,
        optimizer: &Optimizer,
    ) -> Result<Self> {
        let largest = |size: fn(&Layer) -> usize| layers.iter().map(size).max().unwrap_or(0);
        let (weights, bias) =
            (largest(|layer| layer.inputs() * layer.outputs()), largest(Layer::outputs));
        let parameters = if is_plain(optimizer) { bias } else { weights.max(bias) };
        // Other parameters than those of layers are one for each layer.
        let parameters = parameters.max(layers.len());
        let idle = |kept: bool| backend.zeros(if kept { 0 } else { parameters });
        let [first, second] = optimizer.moments();
        Ok(Self {
            gradient: backend.zeros(if norms { weights.max(bias) } else { parameters })?,
            bias_gradient: backend.zeros(bias)?,
            idle: [idle(first)?, idle(second)?],
        })
    }
}

/// Whether a step is no more than a multiple of the gradient.
fn is_plain(optimizer: &Optimizer) -> bool {
    matches!(optimizer, Optimizer::Sgd { momentum: 0.0, .. })
}

impl<B: TrainerBackend> TrainedLayer<B> {
    pub(crate) fn new(
        backend: &B,
        network: &Network,
        index: usize,
        optimizer: &Optimizer,
    ) -> Result<Self> {
        let Layer::Dense(shape) = network.spec().layers()[index] else {
            return Err(Error::NotDense { layer: index + 1 });
        };
        let (weights, bias) = network.upload_layer(backend, index)?.into_parameters();
        Ok(Self {
            shape,
            input: if index == 0 { InputLayout::Samples } else { InputLayout::Units },
            weights: Parameters::new(backend, weights, optimizer)?,
            bias: Parameters::new(backend, bias, optimizer)?,
        })
    }

    /// `W x`, `[outputs, samples]`
    pub(crate) const fn forward_product(&self, samples: usize) -> GemmConfig {
        let product = GemmConfig::new(self.shape.outputs, samples, self.shape.inputs);
        match self.input {
            InputLayout::Samples => product.transpose_b(),
            InputLayout::Units => product,
        }
    }

    /// `W^T delta`, `[inputs, samples]`
    pub(crate) const fn input_gradient_product(&self, samples: usize) -> GemmConfig {
        GemmConfig::new(self.shape.inputs, samples, self.shape.outputs).transpose_a()
    }

    /// `delta x^T`, `[outputs, inputs]`
    const fn gradient_product(&self, samples: usize) -> GemmConfig {
        let product = GemmConfig::new(self.shape.outputs, self.shape.inputs, samples);
        match self.input {
            InputLayout::Samples => product,
            InputLayout::Units => product.transpose_b(),
        }
    }

    /// One step of the optimiser, given the layer's input and the derivative `delta` `[outputs, samples]` of the loss
    /// with respect to what goes into its activation, of which the bias gradient is in the scratch memory.
    pub(crate) fn update(
        &mut self,
        backend: &B,
        (optimizer, step): (&Optimizer, u64),
        samples: usize,
        [input, delta]: [&B::Buffer<f32>; 2],
        scratch: &mut Scratch<B>,
    ) -> tensor::Result<()> {
        let product = self.gradient_product(samples);
        let Scratch { gradient, bias_gradient, idle } = scratch;
        if is_plain(optimizer) {
            // The gradient is never written to memory.
            let product = GemmConfig { alpha: -optimizer.lr(), beta: 1.0, ..product };
            backend.gemm(product, delta, input, &mut self.weights.values)?;
        } else {
            backend.gemm(product, delta, input, gradient)?;
            self.weights.step(backend, optimizer, step, gradient, idle)?;
        }
        self.bias.step(backend, optimizer, step, bias_gradient, idle)
    }

    /// The Euclidean norm of the weight gradient; arguments as of [`update`](Self::update).
    pub(crate) fn gradient_norm(
        &self,
        backend: &B,
        samples: usize,
        [input, delta]: [&B::Buffer<f32>; 2],
        scratch: &mut Scratch<B>,
    ) -> tensor::Result<f64> {
        let shape @ [outputs, inputs] = [self.shape.outputs, self.shape.inputs];
        backend.gemm(self.gradient_product(samples), delta, input, &mut scratch.gradient)?;
        let (nothing, mut squares) = (backend.zeros(outputs * inputs)?, backend.zeros(outputs)?);
        let kind = DivergenceKind::SquaredError;
        backend.row_divergence(kind, shape, &scratch.gradient, &nothing, &mut squares)?;
        Ok(backend.download(&squares)?.iter().sum::<f64>().sqrt())
    }

    /// The parameters in host memory.
    pub(crate) fn download(&self, backend: &B) -> Result<DenseParameters> {
        let DenseLayer { inputs, outputs, .. } = self.shape;
        let weights = backend.read(&self.weights.values, 0..outputs * inputs)?;
        let bias = backend.read(&self.bias.values, 0..outputs)?;
        Ok(DenseParameters {
            weights: ndarray::Array2::from_shape_fn((outputs, inputs), |(i, j)| {
                weights[i * inputs + j]
            }),
            bias: bias.into(),
        })
    }
}

impl<B: TrainerBackend> Parameters<B> {
    pub(crate) fn new(backend: &B, values: B::Buffer<f32>, optimizer: &Optimizer) -> Result<Self> {
        let len = backend.len(&values);
        let moment = |kept: bool| kept.then(|| backend.zeros(len)).transpose();
        let [first, second] = optimizer.moments();
        Ok(Self { moments: [moment(first)?, moment(second)?], values })
    }

    /// One step along `gradient`. The `idle` memory stands in for moments that are not kept.
    pub(crate) fn step(
        &mut self,
        backend: &B,
        optimizer: &Optimizer,
        step: u64,
        gradient: &B::Buffer<f32>,
        [first_idle, second_idle]: &mut [B::Buffer<f32>; 2],
    ) -> tensor::Result<()> {
        let [first, second] = &mut self.moments;
        let first = first.as_mut().unwrap_or(first_idle);
        let second = second.as_mut().unwrap_or(second_idle);
        backend.optimizer_step(optimizer, step, &mut self.values, gradient, first, second)
    }
}
