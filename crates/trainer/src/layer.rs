use std::ops::Range;

use isobath_architecture::{DenseLayer, Layer};
use isobath_network::{DenseParameters, Network};
use isobath_tensor::{Backend, BatchedGemmConfig, DivergenceKind, GemmConfig, Optimizer};

use crate::{Result, TrainerBackend};

/// A dense layer of some networks in training: parameters and moments on the device.
#[derive(Debug)]
pub(crate) struct TrainedLayer<B: Backend> {
    /// Of each network's.
    pub(crate) shape: DenseLayer,
    /// How many networks there are.
    networks: usize,
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

/// An array of parameters with the moments its optimiser keeps, one network's after the other's.
#[derive(Debug)]
pub(crate) struct Parameters<B: Backend> {
    /// Numbers of a network in each buffer.
    each: usize,
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
    /// Whether a step is no more than a multiple of the gradient.
    is_plain: bool,
}

impl<B: TrainerBackend> Scratch<B> {
    pub(crate) fn new(
        backend: &B,
        (layers, networks): (&[Layer], usize),
        norms: bool,
        optimizer: &Optimizer,
    ) -> Result<Self> {
        let largest =
            |size: fn(&Layer) -> usize| networks * layers.iter().map(size).max().unwrap_or(0);
        let (weights, bias) =
            (largest(|layer| layer.inputs() * layer.outputs()), largest(Layer::outputs));
        let is_plain = matches!(optimizer, Optimizer::Sgd { momentum: 0.0, .. });
        let parameters = if is_plain { bias } else { weights.max(bias) };
        // Other parameters than those of layers are one for each layer of a network that is trained alone.
        let parameters = parameters.max(layers.len());
        let idle = |kept: bool| backend.zeros(if kept { 0 } else { parameters });
        let [first, second] = optimizer.moments();
        Ok(Self {
            gradient: backend.zeros(if norms { weights.max(bias) } else { parameters })?,
            bias_gradient: backend.zeros(bias)?,
            idle: [idle(first)?, idle(second)?],
            is_plain,
        })
    }
}

impl<B: TrainerBackend> TrainedLayer<B> {
    /// Layer `index`, counted from 0, of networks of the same shape at their initialisations.
    pub(crate) fn new(
        backend: &B,
        networks: &[&Network],
        index: usize,
        optimizer: &Optimizer,
    ) -> Result<Self> {
        let Layer::Dense(shape) = networks[0].spec().layers()[index];
        let count = networks.len();
        let (mut weights, mut bias) = (
            Parameters::new(backend, shape.inputs * shape.outputs, count, optimizer)?,
            Parameters::new(backend, shape.outputs, count, optimizer)?,
        );
        for (place, network) in networks.iter().enumerate() {
            let (w, b) = network.upload_layer(backend, index)?.into_parameters();
            for (parameters, initial) in [(&mut weights, w), (&mut bias, b)] {
                let Range { start, .. } = parameters.range(place);
                backend.copy(&initial, 0..parameters.each, &mut parameters.values, start)?;
            }
        }
        let input = if index == 0 { InputLayout::Samples } else { InputLayout::Units };
        Ok(Self { shape, networks: count, input, weights, bias })
    }

    /// Goes on with the networks of these places alone.
    pub(crate) fn keep(&mut self, backend: &B, places: &[usize]) -> Result<()> {
        self.networks = places.len();
        self.weights.keep(backend, places)?;
        self.bias.keep(backend, places)
    }

    /// `W x`, `[outputs, samples]`, of each network.
    pub(crate) const fn forward_product(&self, samples: usize) -> BatchedGemmConfig {
        let product = GemmConfig::new(self.shape.outputs, samples, self.shape.inputs);
        let product = match self.input {
            InputLayout::Samples => product.transpose_b(),
            InputLayout::Units => product,
        };
        BatchedGemmConfig::new(product, self.networks)
    }

    /// `W^T delta`, `[inputs, samples]`, of each network.
    pub(crate) const fn input_gradient_product(&self, samples: usize) -> BatchedGemmConfig {
        let product = GemmConfig::new(self.shape.inputs, samples, self.shape.outputs).transpose_a();
        BatchedGemmConfig::new(product, self.networks)
    }

    /// `delta x^T`, `[outputs, inputs]`, of each network.
    const fn gradient_product(&self, samples: usize) -> BatchedGemmConfig {
        let DenseLayer { outputs, inputs, .. } = self.shape;
        let product = GemmConfig::new(outputs, inputs, samples);
        let product = match self.input {
            InputLayout::Samples => product,
            InputLayout::Units => product.transpose_b(),
        };
        BatchedGemmConfig::new(product, self.networks)
    }

    /// Takes `step`, given the layer's input and the derivative `delta` `[outputs, samples]` of the loss with respect to
    /// what goes into its activation, each network's after the other's, of which the bias gradient is in the scratch
    /// memory.
    pub(crate) fn update(
        &mut self,
        backend: &B,
        step: &B::Step,
        samples: usize,
        [input, delta]: [&B::Buffer<f32>; 2],
        scratch: &mut Scratch<B>,
    ) -> isobath_tensor::Result<()> {
        let Scratch { gradient, bias_gradient, idle, is_plain } = scratch;
        let product = self.gradient_product(samples);
        if *is_plain {
            // The gradient is never written to memory.
            backend.descend(step, product, delta, input, &mut self.weights.values)?;
        } else {
            backend.batched_gemm(product, delta, input, gradient)?;
            self.weights.step(backend, step, gradient, idle)?;
        }
        self.bias.step(backend, step, bias_gradient, idle)
    }

    /// The Euclidean norm of each network's weight gradient; arguments as of [`update`](Self::update).
    pub(crate) fn gradient_norms(
        &self,
        backend: &B,
        samples: usize,
        [input, delta]: [&B::Buffer<f32>; 2],
        scratch: &mut Scratch<B>,
    ) -> isobath_tensor::Result<Vec<f64>> {
        let DenseLayer { outputs, inputs, .. } = self.shape;
        let shape @ [rows, _] = [self.networks * outputs, inputs];
        let product = self.gradient_product(samples);
        backend.batched_gemm(product, delta, input, &mut scratch.gradient)?;
        let (nothing, mut squares) = (backend.zeros(rows * inputs)?, backend.zeros(rows)?);
        let kind = DivergenceKind::SquaredError;
        backend.row_divergence(kind, shape, &scratch.gradient, &nothing, &mut squares)?;
        let squares = backend.download(&squares)?;
        Ok(squares.chunks_exact(outputs).map(|rows| rows.iter().sum::<f64>().sqrt()).collect())
    }

    /// A network's parameters in host memory.
    pub(crate) fn download(&self, backend: &B, place: usize) -> Result<DenseParameters> {
        let DenseLayer { inputs, outputs, .. } = self.shape;
        let weights = backend.read(&self.weights.values, self.weights.range(place))?;
        let bias = backend.read(&self.bias.values, self.bias.range(place))?;
        Ok(DenseParameters {
            weights: ndarray::Array2::from_shape_fn((outputs, inputs), |(i, j)| {
                weights[i * inputs + j]
            }),
            bias: bias.into(),
        })
    }
}

impl<B: TrainerBackend> Parameters<B> {
    /// Zeros, `each` of them for each network.
    pub(crate) fn new(
        backend: &B,
        each: usize,
        networks: usize,
        optimizer: &Optimizer,
    ) -> Result<Self> {
        let len = each * networks;
        let moment = |kept: bool| kept.then(|| backend.zeros(len)).transpose();
        let [first, second] = optimizer.moments();
        Ok(Self { each, values: backend.zeros(len)?, moments: [moment(first)?, moment(second)?] })
    }

    /// Where a network's are in each buffer.
    pub(crate) const fn range(&self, place: usize) -> Range<usize> {
        place * self.each..(place + 1) * self.each
    }

    /// Goes on with the networks of these places alone.
    fn keep(&mut self, backend: &B, places: &[usize]) -> Result<()> {
        let ranges: Vec<Range<usize>> = places.iter().map(|&place| self.range(place)).collect();
        let moments = self.moments.iter_mut().flatten();
        for buffer in std::iter::once(&mut self.values).chain(moments) {
            let mut kept = backend.zeros(places.len() * self.each)?;
            for (place, range) in ranges.iter().enumerate() {
                backend.copy(buffer, range.clone(), &mut kept, place * self.each)?;
            }
            *buffer = kept;
        }
        Ok(())
    }

    /// Takes `step` along `gradient`. The `idle` memory stands in for moments that are not kept.
    pub(crate) fn step(
        &mut self,
        backend: &B,
        step: &B::Step,
        gradient: &B::Buffer<f32>,
        [first_idle, second_idle]: &mut [B::Buffer<f32>; 2],
    ) -> isobath_tensor::Result<()> {
        let [first, second] = &mut self.moments;
        let first = first.as_mut().unwrap_or(first_idle);
        let second = second.as_mut().unwrap_or(second_idle);
        backend.optimizer_step(step, &mut self.values, gradient, first, second)
    }
}
