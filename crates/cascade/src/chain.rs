//! Chained reconstruction from every depth in one sweep.
//!
//! Starting at the deepest layer, the batch of unfinished reconstructions grows by the next shallower layer's activations
//! after every decoder: `L` large products instead of `L (L + 1) / 2` small ones.

use isobath_architecture::Layer;
use isobath_tensor::Dense;
use ndarray::Array2;

use crate::{Observer, Result, decoders::Stack, error::Error};

/// Reconstructs `samples` inputs from the activations of the last layers that there are decoders for
/// (`[samples, w_l]`, the shallowest first).
///
/// # Errors
/// When the device fails, decoders cannot be read back, or the observer cancels.
pub(crate) fn reconstruct<B: Dense>(
    backend: &B,
    decoders: &Stack<B>,
    activations: &[B::Buffer<f32>],
    samples: usize,
    observer: &dyn Observer,
) -> Result<Vec<Array2<f32>>> {
    let layers = activations.len();
    let first = decoders.len() - layers;
    let widest = (0..decoders.len()).flat_map(|index| decoders.shape(index)).max().unwrap_or(0);
    let mut batch = backend.zeros(layers * samples * widest)?;
    let mut next = backend.zeros(layers * samples * widest)?;
    let mut rows = 0;
    for index in (0..decoders.len()).rev() {
        if observer.cancelled() {
            return Err(Error::Cancelled);
        }
        if let Some(activations) = index.checked_sub(first).map(|index| &activations[index]) {
            let [_, inputs] = decoders.shape(index);
            backend.copy(activations, 0..samples * inputs, &mut batch, rows * inputs)?;
            rows += samples;
        }
        decoders.apply(index, rows, &batch, &mut next)?;
        std::mem::swap(&mut batch, &mut next);
    }
    let [width, _] = decoders.shape(0);
    // The deepest layer's reconstructions come first.
    let one = |index: usize| {
        let first = (layers - 1 - index) * samples * width;
        let numbers = backend.read(&batch, first..first + samples * width)?;
        Ok(Array2::from_shape_fn((samples, width), |(i, j)| numbers[i * width + j]))
    };
    (0..layers).map(one).collect()
}

/// Floating-point operations of [`reconstruct`], given each decoder's number of weights, first layer first.
pub(crate) fn flops(weights: impl DoubleEndedIterator<Item = u64>, samples: u64) -> u64 {
    weights.rev().zip(1..).map(|(weights, depths)| 2 * weights * samples * depths).sum()
}

/// The number of weights of a layer, and of its decoder.
pub(crate) fn weights(layer: &Layer) -> u64 {
    layer.inputs() as u64 * layer.outputs() as u64
}
