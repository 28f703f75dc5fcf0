use network::{DenseLayer, DenseParameters, Layer, Network};
use tensor::{Backend, DivergenceKind, GemmConfig, Optimizer};

use crate::{Error, Result, TrainerBackend};

/// A dense layer in training: parameters and moments on the device.
#[derive(Debug)]
pub(crate) struct TrainedLayer<B: Backend> {
    pub(crate) shape: DenseLayer,
    pub(crate) weights: Parameters<B>,
    pub(crate) bias: Parameters<B>,
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
    gradient: B::Buffer<f32>,
    /// In the place of moments that the optimiser does not keep.
    idle: [B::Buffer<f32>; 2],
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
        let idle = |kept: bool| backend.zeros(if kept { 0 } else { parameters });
        let [first, second] = optimizer.moments();
        Ok(Self {
            gradient: backend.zeros(if norms { weights.max(bias) } else { parameters })?,
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
            weights: Parameters::new(backend, weights, optimizer)?,
            bias: Parameters::new(backend, bias, optimizer)?,
        })
    }

    /// One step of the optimiser, given the layer's `input` `[rows, inputs]` and the derivative `delta`
    /// `[rows, outputs]` of the loss with respect to what goes into its activation.
    pub(crate) fn update(
        &mut self,
        backend: &B,
        (optimizer, step): (&Optimizer, u64),
        rows: usize,
        [input, delta]: [&B::Buffer<f32>; 2],
        scratch: &mut Scratch<B>,
    ) -> Result<()> {
        let product = self.gradient_product(rows);
        if is_plain(optimizer) {
            // The gradient is never written to memory.
            let product = GemmConfig { alpha: -optimizer.lr(), beta: 1.0, ..product };
            backend.gemm(product, delta, input, &mut self.weights.values)?;
        } else {
            backend.gemm(product, delta, input, &mut scratch.gradient)?;
            self.weights.step(backend, optimizer, step, scratch)?;
        }
        backend.column_sums([rows, self.shape.outputs], delta, &mut scratch.gradient)?;
        self.bias.step(backend, optimizer, step, scratch)
    }

    /// The Euclidean norm of the weight gradient; arguments as of [`update`](Self::update).
    pub(crate) fn gradient_norm(
        &self,
        backend: &B,
        rows: usize,
        [input, delta]: [&B::Buffer<f32>; 2],
        scratch: &mut Scratch<B>,
    ) -> Result<f64> {
        let DenseLayer { inputs, outputs, .. } = self.shape;
        backend.gemm(self.gradient_product(rows), delta, input, &mut scratch.gradient)?;
        let (nothing, mut squares) = (backend.zeros(outputs * inputs)?, backend.zeros(outputs)?);
        let kind = DivergenceKind::SquaredError;
        let shape = [outputs, inputs];
        backend.row_divergence(kind, shape, &scratch.gradient, &nothing, &mut squares)?;
        Ok(backend.download(&squares)?.iter().sum::<f64>().sqrt())
    }

    /// `delta^T input`
    const fn gradient_product(&self, rows: usize) -> GemmConfig {
        GemmConfig::new(self.shape.outputs, self.shape.inputs, rows).transpose_a()
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
    fn new(backend: &B, values: B::Buffer<f32>, optimizer: &Optimizer) -> Result<Self> {
        let len = backend.len(&values);
        let moment = |kept: bool| kept.then(|| backend.zeros(len)).transpose();
        let [first, second] = optimizer.moments();
        Ok(Self { moments: [moment(first)?, moment(second)?], values })
    }

    /// One step along the gradient in the scratch memory.
    fn step(
        &mut self,
        backend: &B,
        optimizer: &Optimizer,
        step: u64,
        scratch: &mut Scratch<B>,
    ) -> Result<()> {
        let Scratch { gradient, idle: [first_idle, second_idle] } = scratch;
        let [first, second] = &mut self.moments;
        let first = first.as_mut().unwrap_or(first_idle);
        let second = second.as_mut().unwrap_or(second_idle);
        Ok(backend.optimizer_step(optimizer, step, &mut self.values, gradient, first, second)?)
    }
}
