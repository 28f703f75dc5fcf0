//! The two files of a stored computation.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use ndarray::Array2;
use safetensors::SafeTensors;
use serde::de::DeserializeOwned;

/// A stored computation: `STEM.json` describes it, `STEM.safetensors` has its numbers.
pub(super) struct Files {
    json: PathBuf,
    description: Vec<u8>,
    tensors: PathBuf,
    bytes: Vec<u8>,
}

impl Files {
    /// Reads both files.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(super) fn read(stem: &Path) -> Result<Self> {
        // Dots in the stem are part of its name, so extensions are added, not replaced.
        let with_ending = |ending: &str| {
            let mut path = stem.as_os_str().to_owned();
            path.push(ending);
            PathBuf::from(path)
        };
        let (json, tensors) = (with_ending(".json"), with_ending(".safetensors"));
        let read = |path: &Path| {
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
        };
        let (description, bytes) = (read(&json)?, read(&tensors)?);
        Ok(Self { json, description, tensors, bytes })
    }

    /// The description.
    ///
    /// # Errors
    /// When it does not have the fields of `T`.
    pub(super) fn describe<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.description).with_context(|| {
            format!("{} does not describe a reference computation", self.json.display())
        })
    }

    fn tensors(&self) -> Result<SafeTensors<'_>> {
        SafeTensors::deserialize(&self.bytes)
            .with_context(|| format!("{} is not a safetensors file", self.tensors.display()))
    }

    /// True if there is a tensor of this name.
    ///
    /// # Errors
    /// When the file has no tensors at all.
    pub(super) fn has(&self, name: &str) -> Result<bool> {
        Ok(self.tensors()?.tensor(name).is_ok())
    }

    /// The numbers of a tensor, which must have this shape.
    ///
    /// # Errors
    /// When there is no such tensor.
    pub(super) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let tensors = self.tensors()?;
        let tensor = tensors.tensor(name).with_context(|| format!("tensor `{name}` is missing"))?;
        ensure!(
            tensor.dtype() == safetensors::Dtype::F32,
            "tensor `{name}` must be of f32, not {:?}",
            tensor.dtype()
        );
        ensure!(
            tensor.shape() == shape,
            "tensor `{name}` has shape {:?}, the description needs {shape:?}",
            tensor.shape()
        );
        Ok(tensor.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
    }

    /// All samples of a tensor, each in this shape; flattened, one to a row.
    ///
    /// # Errors
    /// When there is no such tensor.
    pub(super) fn samples(&self, name: &str, shape: &[usize]) -> Result<Array2<f32>> {
        let tensors = self.tensors()?;
        let tensor = tensors.tensor(name).with_context(|| format!("tensor `{name}` is missing"))?;
        let rows = tensor.shape().first().copied().unwrap_or(0);
        let numbers = self.tensor(name, &[&[rows], shape].concat())?;
        Ok(Array2::from_shape_vec((rows, shape.iter().product()), numbers)?)
    }
}
