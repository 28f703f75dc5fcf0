use isobath_architecture::Layer;
use isobath_network::{DenseFactors, Gradient, GradientVisitor, ParameterGradient, ParameterKind};
use isobath_tensor::{Backend, BatchedGemmConfig, DivergenceKind, Optimizer};

use crate::{Result, TrainerBackend, moments::Moments};

/// Memory that the updates of all layers use in turn.
#[derive(Debug)]
pub(crate) struct Scratch<B: Backend> {
    /// Gradient of the largest array.
    gradient: B::Buffer<f32>,
    /// Replaces the moments that the optimiser does not keep.
    pub(crate) idle: [B::Buffer<f32>; 2],
    /// The optimiser is plain gradient descent, so an update is a multiple of the gradient.
    is_plain: bool,
}

impl<B: TrainerBackend> Scratch<B> {
    pub(crate) fn new(
        backend: &B,
        (layers, networks): (&[Layer], usize),
        norms: bool,
        optimizer: &Optimizer,
    ) -> Result<Self> {
        let (weights, bias) =
            (networks * largest(layers, &weights), networks * largest(layers, &biases));
        let is_plain = matches!(optimizer, Optimizer::Sgd { momentum: 0.0, weight_decay: 0.0, .. });
        // Plain descent fuses products with the update, but not the gradients of kernels.
        let kernels = largest(layers, &kernels);
        let parameters = if is_plain { bias.max(kernels) } else { weights.max(bias) };
        // The regulariser's targets are one for each layer of a network that is trained alone.
        let parameters = parameters.max(layers.len());
        let idle = |kept: bool| backend.zeros(if kept { 0 } else { parameters });
        let [first, second] = optimizer.moments();
        Ok(Self {
            gradient: backend.zeros(if norms { weights.max(bias) } else { parameters })?,
            idle: [idle(first)?, idle(second)?],
            is_plain,
        })
    }
}

/// Largest size of one array, of those in residual branches too.
fn largest(layers: &[Layer], size: &dyn Fn(&Layer) -> usize) -> usize {
    let in_layer = |layer: &Layer| match layer {
        Layer::Residual(block) => largest(&block.branch, size),
        Layer::Dense(_) | Layer::Conv2d(_) | Layer::Pool(_) => size(layer),
    };
    layers.iter().map(in_layer).max().unwrap_or(0)
}

/// Weights of a layer of its own.
const fn weights(layer: &Layer) -> usize {
    match layer {
        Layer::Dense(_) | Layer::Conv2d(_) => layer.fan_in() * biases(layer),
        Layer::Pool(_) | Layer::Residual(_) => 0,
    }
}

/// Weights of a convolution.
const fn kernels(layer: &Layer) -> usize {
    match layer {
        Layer::Conv2d(_) => weights(layer),
        Layer::Dense(_) | Layer::Pool(_) | Layer::Residual(_) => 0,
    }
}

/// Outputs of a layer's products for one patch, and so its biases, if it has any.
const fn biases(layer: &Layer) -> usize {
    match layer {
        Layer::Dense(layer) => layer.outputs,
        Layer::Conv2d(layer) => layer.out_channels,
        Layer::Pool(_) | Layer::Residual(_) => 0,
    }
}

/// Optimiser step of one layer during the backward pass.
pub(crate) struct Update<'a, B: TrainerBackend> {
    pub(crate) backend: &'a B,
    pub(crate) step: &'a B::Step,
    /// Optimiser state, in the order of the layer's arrays.
    pub(crate) moments: &'a mut [Moments<B>],
    pub(crate) scratch: &'a mut Scratch<B>,
    /// Receives the Euclidean norm of each network's weight gradients, where they are measured; empty before the first.
    pub(crate) norms: Option<&'a mut Vec<f64>>,
}

impl<B: TrainerBackend> GradientVisitor<B> for Update<'_, B> {
    type Error = isobath_tensor::Error;

    fn visit_dense(&mut self, factors: DenseFactors<'_, B>) -> isobath_tensor::Result<bool> {
        if !self.scratch.is_plain || self.norms.is_some() {
            return Ok(false);
        }
        let DenseFactors { config, scale, delta, input, weights, input_delta, .. } = factors;
        let (factors, results) = ([delta, input], [weights, input_delta]);
        self.backend.propagate_and_descend(self.step, config, scale, factors, results)?;
        Ok(true)
    }

    fn visit(&mut self, parameter: ParameterGradient<'_, B>) -> isobath_tensor::Result<()> {
        let ParameterGradient { index, name, values, gradient } = parameter;
        let Self { backend, step, moments, scratch, norms } = self;
        let moments = &mut moments[index];
        match gradient {
            Gradient::Product { config, left, right } => {
                if let Some(norms) = norms {
                    backend.batched_gemm(config, left, right, &mut scratch.gradient)?;
                    add_norms(norms, &row_norms(*backend, &config, &scratch.gradient)?);
                }
                if scratch.is_plain {
                    // The gradient is never written to memory.
                    return backend.descend(step, config, left, right, values);
                }
                let Scratch { gradient, idle, .. } = &mut **scratch;
                backend.batched_gemm(config, left, right, gradient)?;
                moments.step(backend, step, values, gradient, idle)
            }
            Gradient::Array(gradient) => {
                if let (Some(norms), ParameterKind::Weight) = (norms, name.kind) {
                    let shape = [1, backend.len(values)];
                    add_norms(norms, &norms_of(*backend, shape, gradient)?);
                }
                moments.step(backend, step, values, gradient, &mut scratch.idle)
            }
        }
    }
}

/// Adds the norms of one more array of the same layer to the layer's.
fn add_norms(norms: &mut Vec<f64>, of_array: &[f64]) {
    norms.resize(of_array.len(), 0.0);
    norms.iter_mut().zip(of_array).for_each(|(norm, other)| *norm = norm.hypot(*other));
}

/// Euclidean norm of each network's matrix.
fn row_norms<B: TrainerBackend>(
    backend: &B,
    config: &BatchedGemmConfig,
    gradient: &B::Buffer<f32>,
) -> isobath_tensor::Result<Vec<f64>> {
    let (outputs, inputs) = (config.product.m, config.product.n);
    let squares = row_squares(backend, [config.count * outputs, inputs], gradient)?;
    Ok(squares.chunks_exact(outputs).map(|rows| rows.iter().sum::<f64>().sqrt()).collect())
}

/// Euclidean norm of each row of `[rows, columns]` numbers.
fn norms_of<B: TrainerBackend>(
    backend: &B,
    shape: [usize; 2],
    numbers: &B::Buffer<f32>,
) -> isobath_tensor::Result<Vec<f64>> {
    Ok(row_squares(backend, shape, numbers)?.into_iter().map(f64::sqrt).collect())
}

/// Sum of squares of each row of `[rows, columns]` numbers.
fn row_squares<B: TrainerBackend>(
    backend: &B,
    shape @ [rows, columns]: [usize; 2],
    numbers: &B::Buffer<f32>,
) -> isobath_tensor::Result<Vec<f64>> {
    let (zeros, mut squares) = (backend.zeros(rows * columns)?, backend.zeros(rows)?);
    backend.row_divergence(DivergenceKind::SquaredError, shape, numbers, &zeros, &mut squares)?;
    backend.download(&squares)
}
