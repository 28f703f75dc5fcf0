//! Statistics of a batch in every layer: mean square, effective rank, dead and saturated units, gradient norms.

use isobath_architecture::{Activation, Layer};
use isobath_network::Network;
use isobath_tensor::Loss;
use isobath_trainer::TrainerBackend;
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use serde::Serialize;

use crate::{
    Result,
    effective_rank::effective_rank,
    forward::Applied,
    tape::{Tape, WeightNorms},
};

/// Activations of one layer on a batch of samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LayerState {
    /// Mean square of the activations.
    pub mean_square: f64,
    /// Mean cosine between the activations of two samples; NaN if all vanish.
    pub cosine: f64,
    /// Logarithm of the mean of one minus that cosine, which keeps the digits that a cosine near one loses.
    pub ln_distance: f64,
    /// Effective rank of the activations (Roy and Vetterli, EUSIPCO 2007), from 1 to the number of samples; NaN if all
    /// vanish.
    pub rank: f64,
    /// Units, or channels of an image, whose activation is the same for all samples.
    pub dead: usize,
    /// Units, or channels.
    pub units: usize,
    /// Share of activations within a hundredth of the ends of a bounded activation function's range; 0 for others.
    pub saturated: f64,
    /// Number of parameters; 0 for pooling, which has no gradient.
    pub parameters: usize,
    /// Logarithm of the Euclidean norm of the loss's gradient by the layer's weights; negative infinity for zero or where
    /// the backward pass ended before.
    pub ln_gradient: f64,
}

/// States of all layers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerProfile {
    /// The input, as `mean_square`.
    pub input_mean_square: f64,
    /// First layer first, the readout last; down to the first layer with activations that are not finite.
    pub layers: Vec<LayerState>,
    /// The first layer, counted from 1, whose activations are not finite in f32.
    pub overflow: Option<usize>,
    /// Loss at the initialisation; NaN after an overflow.
    pub loss: f64,
}

impl LayerProfile {
    /// Measures the layers of `network` on `samples` `[w_0, n]` with their classes.
    ///
    /// # Errors
    /// When the device fails.
    ///
    /// # Panics
    /// If there is not one label for each sample, or one is beyond the outputs.
    pub fn measure<B: TrainerBackend>(
        backend: &B,
        network: &Network,
        samples: ArrayView2<'_, f32>,
        labels: &[u8],
        loss: Loss,
    ) -> Result<Self> {
        let samples = samples.as_standard_layout();
        let n = samples.ncols();
        let input = backend.upload(samples.as_slice().expect("in standard order"))?;
        let input_mean_square = mean_square(samples.iter().copied());
        let mut states = Vec::with_capacity(network.spec().depth());
        let mut overflow = None;
        let mut applied: Option<Applied<B>> = None;
        for (index, layer) in network.spec().layers().iter().enumerate() {
            let before = applied.as_ref().map_or(&input, |applied| &applied.trace.output);
            let next = Applied::new(backend, network, index, n, before)?;
            let h = backend.read(&next.trace.output, 0..layer.outputs() * n)?;
            if h.iter().any(|h| !h.is_finite()) {
                overflow = Some(index + 1);
                break;
            }
            let h = ArrayView2::from_shape((layer.outputs(), n), &h).expect("as long as was read");
            states.push(state(layer, h));
            applied = Some(next);
        }
        let mut profile = Self { input_mean_square, layers: states, overflow, loss: f64::NAN };
        if overflow.is_none() {
            profile.measure_gradients(backend, network, samples.view(), labels, loss)?;
        }
        Ok(profile)
    }

    fn measure_gradients<B: TrainerBackend>(
        &mut self,
        backend: &B,
        network: &Network,
        samples: ArrayView2<'_, f32>,
        labels: &[u8],
        loss: Loss,
    ) -> Result<()> {
        let mut tape = Tape::record(backend, network, samples)?;
        let Some(outputs) = tape.outputs()? else { return Ok(()) };
        let outputs: Array2<f64> = outputs.mapv(f64::from).reversed_axes();
        let evaluated = loss.evaluate(outputs.view(), labels);
        self.loss = evaluated.loss;
        let mut norms = WeightNorms::new(backend, self.layers.len());
        tape.backward(&evaluated.gradient.reversed_axes(), Some(&mut norms))?;
        for (state, ln_norm) in self.layers.iter_mut().zip(norms.ln_norms) {
            state.ln_gradient = ln_norm;
        }
        Ok(())
    }

    /// Layers before the readout.
    pub fn hidden(&self) -> &[LayerState] {
        &self.layers[..self.layers.len().saturating_sub(usize::from(self.overflow.is_none()))]
    }
}

impl LayerState {
    /// State of activations `[units, n]` of so many channels, or units, without saturation and gradients, which depend on
    /// the layer.
    pub fn of(h: ArrayView2<'_, f32>, channels: usize) -> Self {
        let n = h.ncols();
        let channels = channels.clamp(1, h.nrows().max(1));
        let pixels = h.nrows() / channels;
        let rows_of = |channel: usize| channel * pixels..(channel + 1) * pixels;
        let is_dead = |channel: &usize| rows_of(*channel).all(|row| is_constant(h.row(row)));
        let columns = h.mapv(f64::from);
        let gram = columns.t().dot(&columns);
        let ln_distance = ln_distance(&gram, columns);
        Self {
            mean_square: mean_square(h.iter().copied()),
            cosine: 1.0 - ln_distance.exp(),
            ln_distance,
            rank: effective_rank(&gram),
            dead: if n < 2 { 0 } else { (0..channels).filter(is_dead).count() },
            units: channels,
            parameters: 0,
            saturated: 0.0,
            ln_gradient: f64::NEG_INFINITY,
        }
    }
}

fn state(layer: &Layer, h: ArrayView2<'_, f32>) -> LayerState {
    LayerState {
        saturated: saturated(layer, h),
        parameters: layer.parameters(),
        ..LayerState::of(h, layer.output_shape().channels)
    }
}

fn is_constant(row: ArrayView1<'_, f32>) -> bool {
    row.iter().all(|h| h.to_bits() == row[0].to_bits())
}

/// Logarithm of the mean over pairs of `1 - cosine`.
fn ln_distance(gram: &Array2<f64>, mut columns: Array2<f64>) -> f64 {
    let n = columns.ncols() as f64;
    for (mut column, square) in columns.columns_mut().into_iter().zip(gram.diag()) {
        column /= square.sqrt();
    }
    let mean = columns.sum_axis(Axis(1)) / n;
    // The mean over pairs of half the squared distance is n / (n - 1) times the variance of the unit vectors.
    let squares = columns.columns().into_iter().map(|u| (&u - &mean).mapv(|d| d * d).sum());
    (squares.sum::<f64>() / (n - 1.0)).ln()
}

fn mean_square(numbers: impl ExactSizeIterator<Item = f32>) -> f64 {
    let count = numbers.len() as f64;
    numbers.map(|x| f64::from(x) * f64::from(x)).sum::<f64>() / count
}

/// Share of activations near the ends of the range of their function.
fn saturated(layer: &Layer, h: ArrayView2<'_, f32>) -> f64 {
    let activation = match layer {
        Layer::Dense(layer) => Some(layer.activation),
        Layer::Conv2d(layer) => Some(layer.activation),
        Layer::Residual(block) => block.after,
        Layer::Pool(_) => None,
    };
    let (low, high) = match activation {
        Some(Activation::Tanh | Activation::Erf | Activation::HardTanh) => (-0.99, 0.99),
        Some(Activation::Sigmoid) => (0.01, 0.99),
        _ => return 0.0,
    };
    h.iter().filter(|&&h| h < low || h > high).count() as f64 / h.len() as f64
}
