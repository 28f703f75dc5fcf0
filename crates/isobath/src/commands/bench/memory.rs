//! Memory of the benchmarks, compared with the machine's before anything is allocated.

use anyhow::{Result, bail};
use isobath_architecture::{Activation, DenseLayer, Layer};
use isobath_cascade::{CascadeParams, Extent};
use isobath_runner::{CascadeSize, Memory, TrainingSize};
use isobath_tensor::BackendSpec;

use super::{Size, means::Means, train::Shape};

/// Checks that `at_once` networks fit into the memory that the system has available.
///
/// # Errors
/// With both sizes, and the `options` to reduce.
pub(super) fn check(memory: Memory, at_once: usize, options: &str) -> Result<()> {
    if let Some([needed, available]) = memory.shortage(at_once) {
        bail!(
            "the benchmark needs about {needed} of memory, {available} are available; reduce {options}"
        );
    }
    Ok(())
}

/// Memory of one epoch of all decoders of a network.
pub(super) fn cascade(depth: usize, Size { width, images, .. }: Size, means: Means) -> Memory {
    let dense = DenseLayer { inputs: width, outputs: width, activation: Activation::Tanh };
    let layers = vec![Layer::Dense(dense); depth];
    let params = CascadeParams {
        batch: 64,
        forward_precision: means.forward_precision,
        ..CascadeParams::default()
    };
    let cascade = CascadeSize {
        cascade: &params.check().expect("valid settings"),
        extent: Extent { layers: &layers, train: images, probe: 1 },
        is_saved: false,
        backend: means.backend,
    };
    let samples = (size_of::<f32>() * images * width) as u64;
    Memory { shared: samples, ..cascade.memory() }
}

/// Memory of the training of a network by gradient descent.
///
/// # Errors
/// If there is no network of this shape and depth.
pub(super) fn training(
    (shape, backend): (Shape, BackendSpec),
    depth: usize,
    [images, batch]: [usize; 2],
) -> Result<Memory> {
    let spec = shape.spec(depth)?;
    let layers = spec.layers();
    let (test, moments) = (1, 0);
    let samples = images + test;
    Ok(TrainingSize { samples, test, batch, layers, moments, backend }.memory())
}
