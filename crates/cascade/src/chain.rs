//! Chained reconstruction from every depth in one sweep.
//!
//! Starting at the deepest layer, the batch of unfinished reconstructions grows by the next shallower layer's activations
//! after every decoder: `L` large products instead of `L (L + 1) / 2` small ones, unless there are convolutions.

use isobath_architecture::Shape;
use isobath_network::ForwardBackend;
use isobath_tensor::Axes;
use ndarray::Array2;

use crate::{
    Result, columns::DecodingMemory, conv_transpose::reordered, decoders::Stack, error::Error,
    work::Work,
};

/// Reconstructs `samples` inputs from the activations of the last layers that there are decoders for
/// (`[samples, w_l]`, the shallowest first).
///
/// # Errors
/// When the device fails, decoders cannot be read back, or the observer cancels.
pub(crate) fn reconstruct<B: ForwardBackend>(
    backend: &B,
    decoders: &Stack<B>,
    activations: &[B::Buffer<f32>],
    samples: usize,
    work: &Work<'_>,
) -> Result<Vec<Array2<f32>>> {
    if !decoders.is_dense() {
        return reconstruct_images(backend, decoders, activations, samples, work);
    }
    let layers = activations.len();
    let first = decoders.len() - layers;
    let widest = (0..decoders.len()).flat_map(|index| decoders.shape(index)).max().unwrap_or(0);
    let mut batch = backend.zeros(layers * samples * widest)?;
    let mut next = backend.zeros(layers * samples * widest)?;
    let mut rows = 0;
    for index in (0..decoders.len()).rev() {
        if work.is_cancelled() {
            return Err(Error::Cancelled);
        }
        if let Some(activations) = index.checked_sub(first).map(|index| &activations[index]) {
            let [_, inputs] = decoders.shape(index);
            backend.copy(activations, 0..samples * inputs, &mut batch, rows * inputs)?;
            rows += samples;
        }
        decoders.apply(index, rows, &batch, &mut next)?;
        work.chained(index);
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

/// As [`reconstruct`], where some decoders convolve: each layer's samples are columns of their own.
fn reconstruct_images<B: ForwardBackend>(
    backend: &B,
    decoders: &Stack<B>,
    activations: &[B::Buffer<f32>],
    samples: usize,
    work: &Work<'_>,
) -> Result<Vec<Array2<f32>>> {
    let first = decoders.len() - activations.len();
    let mut memory = DecodingMemory::new(backend)?;
    // The deepest layer comes first.
    let mut batches = Vec::new();
    for index in (0..decoders.len()).rev() {
        if work.is_cancelled() {
            return Err(Error::Cancelled);
        }
        if let Some(activations) = index.checked_sub(first).map(|index| &activations[index]) {
            let [_, inputs] = decoders.shape(index);
            let mut batch = backend.zeros(samples * inputs)?;
            let axes = [Axes::SampleUnitPixel, Axes::UnitPixelSample];
            let columns = reordered(Shape::flat(inputs), samples, axes);
            backend.patches(&columns, activations, &mut batch)?;
            batches.push(batch);
        }
        decoders.apply_to_columns(index, samples, &mut batches, &mut memory)?;
        work.chained(index);
    }
    let [width, _] = decoders.shape(0);
    let one = |batch: &B::Buffer<f32>| {
        let numbers = backend.read(batch, 0..samples * width)?;
        Ok(Array2::from_shape_fn((samples, width), |(i, j)| numbers[j * samples + i]))
    };
    batches.iter().rev().map(one).collect()
}

/// Floating-point operations of [`reconstruct`], given each decoder's multiplications per sample, first layer first.
pub(crate) fn flops(products: impl DoubleEndedIterator<Item = u64>, samples: u64) -> u64 {
    products.rev().zip(1..).map(|(products, depths)| 2 * products * samples * depths).sum()
}
