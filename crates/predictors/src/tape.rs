//! Backward pass with derivatives scaled so that they neither vanish nor overflow.

use isobath_network::{
    BackwardPass, Batch, Gradient, GradientVisitor, Layout, Network, ParameterGradient,
    ParameterKind,
};
use isobath_tensor::Backend;
use isobath_trainer::TrainerBackend;
use ndarray::{Array2, ArrayView2};

use crate::{Result, forward::Applied};

/// Traces of a batch in every layer. Matrices are [`Layout::UnitsMajor`].
#[derive(Debug)]
pub(crate) struct Tape<'a, B: Backend> {
    backend: &'a B,
    samples: usize,
    input: B::Buffer<f32>,
    layers: Vec<Applied<B>>,
}

/// A matrix of derivatives: `e^ln_scale` times what is stored, whose largest element is of order 1.
#[derive(Debug)]
pub(crate) struct Scaled<T> {
    pub(crate) stored: T,
    pub(crate) ln_scale: f64,
}

/// Consumer of weight gradients: the layer, counted from 0, and the natural logarithm of the gradient's Euclidean norm,
/// negative infinity for zero.
pub(crate) type WeightNorm<'a> = dyn FnMut(usize, f64) + 'a;

impl<'a, B: TrainerBackend> Tape<'a, B> {
    /// Forward pass of `samples` `[w_0, n]`, in standard order, through all layers.
    pub(crate) fn record(
        backend: &'a B,
        network: &Network,
        samples: ArrayView2<'_, f32>,
    ) -> Result<Self> {
        let n = samples.ncols();
        let input = backend.upload(samples.as_slice().expect("in standard order"))?;
        let mut layers: Vec<Applied<B>> = Vec::with_capacity(network.spec().depth());
        for index in 0..network.spec().depth() {
            let input = layers.last().map_or(&input, |layer| &layer.trace.output);
            layers.push(Applied::new(backend, network, index, n, input)?);
        }
        Ok(Self { backend, samples: n, input, layers })
    }

    /// Outputs of the network, `[K, n]`; `None` where they are not finite.
    pub(crate) fn outputs(&self) -> Result<Option<Array2<f32>>> {
        let last = self.layers.last().expect("a network has layers");
        let shape = (last.layer.outputs(), self.samples);
        let outputs = self.backend.read(&last.trace.output, 0..shape.0 * shape.1)?;
        let finite = outputs.iter().all(|output| output.is_finite());
        Ok(finite.then(|| Array2::from_shape_vec(shape, outputs).expect("as long as was read")))
    }

    /// Backward pass of `derivative` `[K, n]`, with respect to the outputs; returns the derivative with respect to the
    /// input, `[w_0, n]`. Hands the norms of the weight gradients to `weight_norm`, where given, last layer first.
    ///
    /// `None` where the derivative vanishes before the first layer, or is not finite.
    pub(crate) fn backward(
        &mut self,
        derivative: &Array2<f64>,
        mut weight_norm: Option<&mut WeightNorm<'_>>,
    ) -> Result<Option<Scaled<Array2<f32>>>> {
        let scale = largest(derivative.iter().copied()).filter(|&scale| scale > 0.0);
        let Some(scale) = scale else { return Ok(None) };
        let start: Vec<f32> = derivative.iter().map(|d| (d / scale) as f32).collect();
        let mut ln_scale = scale.ln();
        let mut delta = self.backend.upload(&start)?;
        for index in (0..self.layers.len()).rev() {
            let (next, pass) =
                self.backward_layer(index, delta, ln_scale, weight_norm.is_some())?;
            let Some(scale) = pass.scale else { return Ok(None) };
            if let (Some(weight_norm), Some(norm)) = (&mut weight_norm, pass.ln_weight_norm) {
                weight_norm(index, norm);
            }
            delta = next;
            ln_scale += scale.ln();
        }
        let shape = (self.layers[0].layer.inputs(), self.samples);
        let stored = self.backend.read(&delta, 0..shape.0 * shape.1)?;
        let left = scale_of(&stored).is_some();
        let stored = Array2::from_shape_vec(shape, stored).expect("as long as was read");
        Ok(left.then_some(Scaled { stored, ln_scale }))
    }

    /// Backward pass of layer `index` from `delta`, which is divided by its scale on the way.
    fn backward_layer(
        &mut self,
        index: usize,
        mut delta: B::Buffer<f32>,
        ln_scale: f64,
        measures: bool,
    ) -> Result<(B::Buffer<f32>, ScaledPass<'a, B>)> {
        let (backend, samples) = (self.backend, self.samples);
        let (before, from) = self.layers.split_at_mut(index);
        let Applied { layer, trace, workspace } = &mut from[0];
        let mut next = backend.zeros(layer.inputs() * samples)?;
        let mut visitor =
            ScaledPass { backend, ln_scale, measures, scale: None, ln_weight_norm: None };
        let pass = BackwardPass {
            batch: Batch::new(samples, Layout::UnitsMajor),
            input: before.last().map_or(&self.input, |applied| &applied.trace.output),
            trace,
            delta: &mut delta,
            input_delta: Some(&mut next),
            workspace,
        };
        layer.backward(backend, pass, &mut visitor)?;
        Ok((next, visitor))
    }
}

/// Visitor of one layer's backward pass: scales the derivative and measures the weight gradient.
struct ScaledPass<'a, B> {
    backend: &'a B,
    /// Logarithm of the factor by which the derivative was divided before this layer.
    ln_scale: f64,
    measures: bool,
    /// Scale of the derivative; `None` where it vanishes or is not finite.
    scale: Option<f64>,
    ln_weight_norm: Option<f64>,
}

impl<B: TrainerBackend> GradientVisitor<B> for ScaledPass<'_, B> {
    type Error = crate::Error;

    fn input_scale(&mut self, delta: &B::Buffer<f32>, numbers: usize) -> Result<f32> {
        self.scale = scale_of(&self.backend.read(delta, 0..numbers)?);
        Ok(self.scale.map_or(1.0, |scale| scale.recip() as f32))
    }

    fn visit(&mut self, parameter: ParameterGradient<'_, B>) -> Result<()> {
        if !self.measures || self.scale.is_none() || parameter.name.kind != ParameterKind::Weight {
            return Ok(());
        }
        let squares = match parameter.gradient {
            Gradient::Product { config, left, right } => {
                let numbers = config.count * config.product.m * config.product.n;
                let mut gradient = self.backend.zeros(numbers)?;
                self.backend.batched_gemm(config, left, right, &mut gradient)?;
                squared_norm(self.backend.read(&gradient, 0..numbers)?)
            }
            Gradient::Array(gradient) => {
                let numbers = self.backend.len(parameter.values);
                squared_norm(self.backend.read(gradient, 0..numbers)?)
            }
        };
        let ln_norm = 0.5 * squares.ln() + self.ln_scale;
        self.ln_weight_norm = Some(match self.ln_weight_norm {
            None => ln_norm,
            Some(other) => ln_of_both(ln_norm, other),
        });
        Ok(())
    }
}

/// Logarithm of the norm of two arrays together, given the logarithm of each array's.
fn ln_of_both(a: f64, b: f64) -> f64 {
    let (least, most) = if a < b { (a, b) } else { (b, a) };
    let is_zero = least.is_infinite() && least < 0.0;
    if is_zero { most } else { most + 0.5 * (2.0 * (least - most)).exp().ln_1p() }
}

fn squared_norm(numbers: Vec<f32>) -> f64 {
    numbers.into_iter().map(|x| f64::from(x) * f64::from(x)).sum()
}

/// Largest absolute value; `None` where one is not finite.
fn largest(numbers: impl IntoIterator<Item = f64>) -> Option<f64> {
    let larger = |largest: f64, x: f64| x.is_finite().then(|| largest.max(x.abs()));
    numbers.into_iter().try_fold(0.0, larger)
}

/// Largest absolute value of f32 numbers, as their divisor; `None` also where they vanish.
fn scale_of(stored: &[f32]) -> Option<f64> {
    // The reciprocal of a smaller number would overflow.
    let least = f64::from(f32::MIN_POSITIVE);
    largest(stored.iter().copied().map(f64::from)).filter(|&scale| scale >= least)
}
