//! Derivatives on their way back through a network, scaled so that they neither vanish nor overflow.

use isobath_architecture::DenseLayer;
use isobath_network::Network;
use isobath_tensor::{Backend, GemmConfig};
use isobath_trainer::TrainerBackend;
use ndarray::{Array2, ArrayView2};

use crate::{Result, forward::Applied};

/// What a batch left behind in every layer. Matrices are `[units, samples]`; see [`isobath_tensor::Backward`].
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

/// Derivatives with respect to one layer's pre-activations, and what they met.
#[derive(Debug)]
pub(crate) struct AtLayer<'a, B: Backend> {
    /// Counted from 0.
    pub(crate) index: usize,
    shape: DenseLayer,
    samples: usize,
    /// `[inputs, samples]`
    input: &'a B::Buffer<f32>,
    /// `[outputs, samples]`
    delta: &'a B::Buffer<f32>,
    ln_scale: f64,
}

impl<'a, B: TrainerBackend> Tape<'a, B> {
    /// Takes `samples` `[w_0, n]`, in standard order, through the network.
    pub(crate) fn record(
        backend: &'a B,
        network: &Network,
        samples: ArrayView2<'_, f32>,
    ) -> Result<Self> {
        let n = samples.ncols();
        let input = backend.upload(samples.as_slice().expect("in standard order"))?;
        let mut layers: Vec<Applied<B>> = Vec::with_capacity(network.spec().depth());
        for index in 0..network.spec().depth() {
            let input = layers.last().map_or(&input, |layer| &layer.h);
            layers.push(Applied::new(backend, network, index, n, input)?);
        }
        Ok(Self { backend, samples: n, input, layers })
    }

    /// What the network gave, `[K, n]`; `None` where that is not finite.
    pub(crate) fn outputs(&self) -> Result<Option<Array2<f32>>> {
        let last = self.last();
        let shape = (last.shape.outputs, self.samples);
        let outputs = self.backend.read(&last.h, 0..shape.0 * shape.1)?;
        let finite = outputs.iter().all(|output| output.is_finite());
        Ok(finite.then(|| Array2::from_shape_vec(shape, outputs).expect("as long as was read")))
    }

    /// Takes `derivative` `[K, n]`, of something by the outputs, back through the network, and shows `look` its way
    /// through each layer, the last one first. Returns the derivative by the input, `[w_0, n]`.
    ///
    /// `None` where nothing is left before the first layer, or what is left is not finite.
    pub(crate) fn back(
        &self,
        derivative: &Array2<f64>,
        mut look: impl FnMut(&AtLayer<'_, B>) -> Result<()>,
    ) -> Result<Option<Scaled<Array2<f32>>>> {
        let (backend, samples) = (self.backend, self.samples);
        let scale = largest(derivative.iter().copied()).filter(|&scale| scale > 0.0);
        let Some(scale) = scale else { return Ok(None) };
        let start: Vec<f32> = derivative.iter().map(|d| (d / scale) as f32).collect();
        let mut ln_scale = scale.ln();
        let mut delta = backend.upload(&start)?;
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let DenseLayer { inputs, outputs, activation } = layer.shape;
            let (mut sums, shape) = (backend.zeros(outputs)?, [outputs, samples]);
            backend.activation_gradient(
                activation,
                shape,
                [&layer.z, &layer.h],
                &mut delta,
                &mut sums,
            )?;
            let stored = backend.read(&delta, 0..outputs * samples)?;
            let Some(scale) = scale_of(&stored) else { return Ok(None) };
            let input = if index == 0 { &self.input } else { &self.layers[index - 1].h };
            let shape = layer.shape;
            look(&AtLayer { index, shape, samples, input, delta: &delta, ln_scale })?;
            let product = GemmConfig::new(inputs, samples, outputs).transpose_a();
            let product = GemmConfig { alpha: scale.recip() as f32, ..product };
            let mut next = backend.zeros(inputs * samples)?;
            backend.gemm(product, &layer.weights, &delta, &mut next)?;
            delta = next;
            ln_scale += scale.ln();
        }
        let shape = (self.layers[0].shape.inputs, samples);
        let stored = backend.read(&delta, 0..shape.0 * shape.1)?;
        let left = scale_of(&stored).is_some();
        let stored = Array2::from_shape_vec(shape, stored).expect("as long as was read");
        Ok(left.then_some(Scaled { stored, ln_scale }))
    }

    fn last(&self) -> &Applied<B> {
        self.layers.last().expect("a network has layers")
    }
}

impl<B: TrainerBackend> AtLayer<'_, B> {
    /// The natural logarithm of the Euclidean norm of the derivative by the layer's weights; negative infinity for
    /// zero.
    pub(crate) fn ln_weight_norm(&self, backend: &B) -> Result<f64> {
        let DenseLayer { inputs, outputs, .. } = self.shape;
        let mut gradient = backend.zeros(outputs * inputs)?;
        let product = GemmConfig::new(outputs, inputs, self.samples).transpose_b();
        backend.gemm(product, self.delta, self.input, &mut gradient)?;
        let gradient = backend.read(&gradient, 0..outputs * inputs)?;
        let squares: f64 = gradient.into_iter().map(|g| f64::from(g) * f64::from(g)).sum();
        Ok(0.5 * squares.ln() + self.ln_scale)
    }
}

/// The largest absolute value; `None` where one is not finite.
fn largest(numbers: impl IntoIterator<Item = f64>) -> Option<f64> {
    let larger = |largest: f64, x: f64| x.is_finite().then(|| largest.max(x.abs()));
    numbers.into_iter().try_fold(0.0, larger)
}

/// The same of f32 numbers, as what they are to be divided by; `None` also where nothing is left of them.
fn scale_of(stored: &[f32]) -> Option<f64> {
    // The reciprocal of a smaller number would overflow.
    let least = f64::from(f32::MIN_POSITIVE);
    largest(stored.iter().copied().map(f64::from)).filter(|&scale| scale >= least)
}
