//! Backward pass with derivatives scaled so that they neither vanish nor overflow.

use isobath_network::{
    BackwardPass, Batch, ConvolutionFactors, Gradient, GradientVisitor, Layout, Network,
    ParameterGradient, ParameterKind,
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

/// Consumer of the gradients of a backward pass.
pub(crate) trait ConsumeGradient<B: Backend> {
    /// Takes the gradient of one array of parameters of layer `layer`, counted from 0: `e^ln_scale` times what is stored.
    fn take(
        &mut self,
        layer: usize,
        parameter: &ParameterGradient<'_, B>,
        ln_scale: f64,
    ) -> Result<()>;

    /// Offers the factors of the gradients of a convolution in layer `layer`: `e^ln_scale` times what they give. Returns true
    /// if they were taken in place of the gradients.
    fn take_convolution(
        &mut self,
        _layer: usize,
        _factors: &ConvolutionFactors<'_, B>,
        _ln_scale: f64,
    ) -> Result<bool> {
        Ok(false)
    }
}

impl<'a, B: TrainerBackend> Tape<'a, B> {
    /// Forward pass of `samples` `[w_0, n]` through all layers.
    pub(crate) fn record(
        backend: &'a B,
        network: &Network,
        samples: ArrayView2<'_, f32>,
    ) -> Result<Self> {
        let n = samples.ncols();
        let samples = samples.as_standard_layout();
        let input = backend.upload(samples.as_slice().expect("in standard order"))?;
        let mut layers: Vec<Applied<B>> = Vec::with_capacity(network.spec().depth());
        for index in 0..network.spec().depth() {
            let input = layers.last().map_or(&input, |layer| &layer.trace.output);
            layers.push(Applied::new(backend, network, index, n, input)?);
        }
        Ok(Self { backend, samples: n, input, layers })
    }

    /// Number of samples of a pass.
    pub(crate) const fn samples(&self) -> usize {
        self.samples
    }

    /// Repeats the forward pass for as many other samples.
    pub(crate) fn replay(&mut self, samples: ArrayView2<'_, f32>) -> Result<()> {
        debug_assert_eq!(samples.ncols(), self.samples, "the tape's memory is for so many samples");
        let samples = samples.as_standard_layout();
        self.input = self.backend.upload(samples.as_slice().expect("in standard order"))?;
        for index in 0..self.layers.len() {
            let (before, from) = self.layers.split_at_mut(index);
            let input = before.last().map_or(&self.input, |applied| &applied.trace.output);
            let Applied { layer, trace, workspace } = &mut from[0];
            let batch = Batch::new(self.samples, Layout::UnitsMajor);
            layer.forward_traced(self.backend, batch, input, trace, workspace)?;
        }
        Ok(())
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
    /// input, `[w_0, n]`. Hands the gradients of the parameters to `consumer`, where given, last layer first.
    ///
    /// `None` where the derivative vanishes before the first layer, or is not finite.
    pub(crate) fn backward(
        &mut self,
        derivative: &Array2<f64>,
        mut consumer: Option<&mut dyn ConsumeGradient<B>>,
    ) -> Result<Option<Scaled<Array2<f32>>>> {
        let scale = largest(derivative.iter().copied()).filter(|&scale| scale > 0.0);
        let Some(scale) = scale else { return Ok(None) };
        let start: Vec<f32> = derivative.iter().map(|d| (d / scale) as f32).collect();
        let mut ln_scale = scale.ln();
        let mut delta = self.backend.upload(&start)?;
        for index in (0..self.layers.len()).rev() {
            let consumer: Option<&mut dyn ConsumeGradient<B>> = match &mut consumer {
                Some(consumer) => Some(&mut **consumer),
                None => None,
            };
            let (next, scale) = self.backward_layer(index, delta, ln_scale, consumer)?;
            let Some(scale) = scale else { return Ok(None) };
            delta = next;
            ln_scale += scale.ln();
        }
        let shape = (self.layers[0].layer.inputs(), self.samples);
        let stored = self.backend.read(&delta, 0..shape.0 * shape.1)?;
        let left = scale_of(&stored).is_some();
        let stored = Array2::from_shape_vec(shape, stored).expect("as long as was read");
        Ok(left.then_some(Scaled { stored, ln_scale }))
    }

    /// Backward pass of layer `index` from `delta`, which is divided by its scale on the way; the scale is `None` where the
    /// derivative vanishes or is not finite.
    fn backward_layer(
        &mut self,
        index: usize,
        mut delta: B::Buffer<f32>,
        ln_scale: f64,
        consumer: Option<&mut dyn ConsumeGradient<B>>,
    ) -> Result<(B::Buffer<f32>, Option<f64>)> {
        let (backend, samples) = (self.backend, self.samples);
        let (before, from) = self.layers.split_at_mut(index);
        let Applied { layer, trace, workspace } = &mut from[0];
        let mut next = backend.zeros(layer.inputs() * samples)?;
        let mut visitor = ScaledPass { backend, index, ln_scale, scale: None, consumer };
        let pass = BackwardPass {
            batch: Batch::new(samples, Layout::UnitsMajor),
            input: before.last().map_or(&self.input, |applied| &applied.trace.output),
            trace,
            delta: &mut delta,
            input_delta: Some(&mut next),
            workspace,
        };
        layer.backward(backend, pass, &mut visitor)?;
        Ok((next, visitor.scale))
    }
}

/// Visitor of one layer's backward pass: scales the derivative and hands the gradients on.
struct ScaledPass<'a, 'c, B: Backend> {
    backend: &'a B,
    /// The layer.
    index: usize,
    /// Logarithm of the factor by which the derivative was divided before this layer.
    ln_scale: f64,
    /// Scale of the derivative; `None` where it vanishes or is not finite.
    scale: Option<f64>,
    consumer: Option<&'c mut (dyn ConsumeGradient<B> + 'c)>,
}

impl<B: TrainerBackend> GradientVisitor<B> for ScaledPass<'_, '_, B> {
    type Error = crate::Error;

    fn input_scale(&mut self, delta: &B::Buffer<f32>, numbers: usize) -> Result<f32> {
        self.scale = scale_of(&self.backend.read(delta, 0..numbers)?);
        Ok(self.scale.map_or(1.0, |scale| scale.recip() as f32))
    }

    fn visit_convolution(&mut self, factors: ConvolutionFactors<'_, B>) -> Result<bool> {
        match (&mut self.consumer, self.scale) {
            (Some(consumer), Some(_)) => {
                consumer.take_convolution(self.index, &factors, self.ln_scale)
            }
            // Nobody wants the gradients.
            _ => Ok(true),
        }
    }

    fn visit(&mut self, parameter: ParameterGradient<'_, B>) -> Result<()> {
        match (&mut self.consumer, self.scale) {
            (Some(consumer), Some(_)) => consumer.take(self.index, &parameter, self.ln_scale),
            _ => Ok(()),
        }
    }
}

/// Logarithms of the Euclidean norms of each layer's weight gradients, negative infinity for zero.
#[derive(Debug)]
pub(crate) struct WeightNorms<'a, B> {
    pub(crate) backend: &'a B,
    /// First layer first.
    pub(crate) ln_norms: Vec<f64>,
}

impl<'a, B> WeightNorms<'a, B> {
    /// For a network of so many layers.
    pub(crate) fn new(backend: &'a B, layers: usize) -> Self {
        Self { backend, ln_norms: vec![f64::NEG_INFINITY; layers] }
    }
}

impl<B: TrainerBackend> ConsumeGradient<B> for WeightNorms<'_, B> {
    fn take(
        &mut self,
        layer: usize,
        parameter: &ParameterGradient<'_, B>,
        ln_scale: f64,
    ) -> Result<()> {
        if parameter.name.kind != ParameterKind::Weight {
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
        let norm = &mut self.ln_norms[layer];
        *norm = ln_of_both(*norm, 0.5 * squares.ln() + ln_scale);
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
