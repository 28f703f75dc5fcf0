//! Decoders and reconstructions as safetensors files.

use std::{borrow::Cow, path::Path};

use ndarray::Array2;
use safetensors::{Dtype, View};

use crate::{Cascade, DecoderLayer, Decoders, Error, Result, SaveError};

/// Writes `decoder.<layer>.weight` and `decoder.<layer>.bias`, layers counted from 1. Weights are `[outputs, inputs]`, or
/// `[channels read, channels written, kernel rows, kernel columns]` of a transposed convolution, as in `PyTorch`. A
/// decoder of several layers has `decoder.<layer>.<n>.weight` and so on, with `n` from 1 in the order of application.
///
/// # Errors
/// [`Error::Save`] when the file cannot be written, [`Error::Spill`] when decoders cannot be read back.
pub fn save_decoders(path: &Path, decoders: &Decoders) -> Result<()> {
    let mut tensors = Vec::new();
    for index in 0..decoders.len() {
        let layers = decoders.get(index)?.layers;
        let is_single = layers.len() == 1;
        for (number, DecoderLayer { kind, weights, bias, .. }) in (1..).zip(layers) {
            let name = if is_single {
                format!("decoder.{}", index + 1)
            } else {
                format!("decoder.{}.{number}", index + 1)
            };
            let shape = vec![bias.len()];
            tensors.push((format!("{name}.bias"), Tensor { shape, numbers: bias }));
            let shape = kind.weight_shape();
            tensors.push((format!("{name}.weight"), Tensor { shape, numbers: weights }));
        }
    }
    save(path, tensors)
}

/// Writes `reconstruction.<depth>` `[n, w_0]`, depths counted from 1.
///
/// # Errors
/// [`Error::Save`] when the file cannot be written.
pub fn save_reconstructions(path: &Path, cascade: &Cascade) -> Result<()> {
    let tensor = |(depth, array): (usize, &Array2<f32>)| {
        let numbers = array.iter().copied().collect();
        (format!("reconstruction.{depth}"), Tensor { shape: array.shape().to_vec(), numbers })
    };
    save(path, (1..).zip(&cascade.reconstructions).map(tensor).collect())
}

fn save(path: &Path, tensors: Vec<(String, Tensor)>) -> Result<()> {
    let failed = |source: SaveError| Error::Save { path: path.to_owned(), source };
    // A file under its own name is always complete.
    let partial = path.with_extension("partial");
    safetensors::serialize_to_file(tensors, None, &partial)
        .map_err(|error| failed(error.into()))?;
    std::fs::rename(&partial, path).map_err(|error| failed(error.into()))
}

struct Tensor {
    shape: Vec<usize>,
    numbers: Vec<f32>,
}

impl View for Tensor {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(bytemuck::cast_slice(&self.numbers))
    }

    fn data_len(&self) -> usize {
        size_of_val(&self.numbers[..])
    }
}
