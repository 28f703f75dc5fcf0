//! Decoders and reconstructions as safetensors files.

use std::{borrow::Cow, path::Path};

use ndarray::Array2;
use safetensors::{Dtype, View};

use crate::{Cascade, Decoders, Error, Result, SaveError};

/// Writes `decoder.<layer>.weight` `[outputs, inputs]` and `decoder.<layer>.bias` `[outputs]`, layers counted from 1.
///
/// # Errors
/// [`Error::Save`] when the file cannot be written, [`Error::Spill`] when decoders cannot be read back.
pub fn save_decoders(path: &Path, decoders: &Decoders) -> Result<()> {
    let mut tensors = Vec::new();
    for index in 0..decoders.len() {
        let decoder = decoders.get(index)?;
        let shape = vec![decoder.outputs(), decoder.inputs()];
        let layer = index + 1;
        tensors.push((
            format!("decoder.{layer}.bias"),
            Tensor { shape: shape[..1].to_vec(), numbers: decoder.bias },
        ));
        tensors
            .push((format!("decoder.{layer}.weight"), Tensor { shape, numbers: decoder.weights }));
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
