use std::{
    borrow::Cow,
    collections::HashMap,
    fs::{self, File},
    path::Path,
};

use isobath_tensor::Element;
use safetensors::{Dtype, SafeTensors, View, tensor::Metadata};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::CheckpointError;

/// Name of the checksum in the file's metadata.
const CHECKSUM: &str = "sha256";

/// Writes a safetensors file with a checksum beside its place, syncs it to the disk, and renames it.
pub(crate) fn write(
    path: &Path,
    tensors: Vec<(String, Tensor)>,
    mut metadata: HashMap<String, String>,
) -> Result<(), CheckpointError> {
    let named = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.bytes.as_slice()));
    metadata.insert(CHECKSUM.to_owned(), checksum(&metadata, named.collect()));
    let partial = path.with_extension("partial");
    safetensors::serialize_to_file(tensors, Some(metadata), &partial)?;
    File::open(&partial)?.sync_all()?;
    Ok(fs::rename(&partial, path)?)
}

/// Checks that texts and tensors are those that were written.
pub(crate) fn verify(header: &Metadata, tensors: &SafeTensors<'_>) -> Result<(), CheckpointError> {
    let mut texts = header.metadata().clone().unwrap_or_default();
    let expected = texts.remove(CHECKSUM);
    let named = tensors.iter().map(|(name, tensor)| (name, tensor.data()));
    if expected == Some(checksum(&texts, named.collect())) {
        Ok(())
    } else {
        Err(CheckpointError::Checksum)
    }
}

/// SHA-256 of texts and tensors with their names, in the order of names.
fn checksum<'a>(
    texts: &'a HashMap<String, String>,
    mut tensors: Vec<(&'a str, &'a [u8])>,
) -> String {
    tensors.extend(texts.iter().map(|(name, text)| (name.as_str(), text.as_bytes())));
    tensors.sort_unstable();
    let mut hash = Sha256::new();
    for part in tensors.into_iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes]) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Reads the JSON text `name` of the metadata.
pub(crate) fn text<T: DeserializeOwned>(
    header: &Metadata,
    name: &'static str,
) -> Result<T, CheckpointError> {
    let text = header.metadata().as_ref().and_then(|texts| texts.get(name));
    let text = text.ok_or(CheckpointError::NoText { name })?;
    serde_json::from_str(text).map_err(|source| CheckpointError::Text { name, source })
}

/// Reads the numbers of the tensor `name`.
pub(crate) fn numbers<T: Number>(
    tensors: &SafeTensors<'_>,
    name: &str,
) -> Result<Vec<T>, CheckpointError> {
    let tensor = tensors.tensor(name)?;
    let (expected, actual) = (T::DTYPE, tensor.dtype());
    if actual != expected {
        return Err(CheckpointError::Type { name: name.to_owned(), expected, actual });
    }
    let bytes = tensor.data().chunks_exact(size_of::<T>());
    Ok(bytes.map(bytemuck::pod_read_unaligned).collect())
}

/// A list of numbers in the file.
pub(crate) struct Tensor {
    dtype: Dtype,
    shape: [usize; 1],
    bytes: Vec<u8>,
}

impl Tensor {
    pub(crate) fn of<T: Number>(numbers: &[T]) -> Self {
        let bytes = bytemuck::cast_slice(numbers).to_vec();
        Self { dtype: T::DTYPE, shape: [numbers.len()], bytes }
    }
}

/// A number a checkpoint can hold.
pub(crate) trait Number: Element {
    const DTYPE: Dtype;
}
impl Number for f32 {
    const DTYPE: Dtype = Dtype::F32;
}
impl Number for f64 {
    const DTYPE: Dtype = Dtype::F64;
}

impl View for Tensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}
