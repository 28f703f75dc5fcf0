//! Bytes of a stored record: a description as JSON and named arrays, in safetensors format.

use std::collections::HashMap;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Serialize, de::DeserializeOwned};

/// Name of the description in the metadata.
const DESCRIPTION: &str = "record";

/// Reason why bytes are no record.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The bytes are not in safetensors format.
    #[error("not in safetensors format")]
    Format(#[from] safetensors::SafeTensorError),
    /// The description is missing or malformed.
    #[error("malformed description")]
    Description(#[from] serde_json::Error),
    /// An array is missing or has another type or shape than the description says.
    #[error("array `{0}` is missing or has the wrong type or shape")]
    Array(String),
    /// The checksum differs from the stored one.
    #[error("the checksum of {kind} {key} does not match its content")]
    Checksum {
        /// Kind of the record.
        kind: String,
        /// Key of the record.
        key: String,
    },
}

type Result<T, E = BodyError> = std::result::Result<T, E>;

/// Arrays of a record to be written.
#[derive(Default)]
pub(super) struct Arrays(Vec<(String, Array)>);

struct Array {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Arrays {
    pub(super) fn add_f64(
        &mut self,
        name: impl Into<String>,
        shape: &[usize],
        numbers: impl IntoIterator<Item = f64>,
    ) {
        let bytes = numbers.into_iter().flat_map(f64::to_le_bytes).collect();
        self.0.push((name.into(), Array { dtype: Dtype::F64, shape: shape.to_vec(), bytes }));
    }

    pub(super) fn add_f32(
        &mut self,
        name: impl Into<String>,
        shape: &[usize],
        numbers: impl IntoIterator<Item = f32>,
    ) {
        let bytes = numbers.into_iter().flat_map(f32::to_le_bytes).collect();
        self.0.push((name.into(), Array { dtype: Dtype::F32, shape: shape.to_vec(), bytes }));
    }

    /// Bytes of the record with `description`. Equal records have equal bytes.
    pub(super) fn into_bytes(self, description: &impl Serialize) -> Result<Vec<u8>> {
        let text = serde_json::to_string(description)?;
        let metadata = HashMap::from([(DESCRIPTION.to_owned(), text)]);
        let views = self.0.iter().map(|(name, Array { dtype, shape, bytes })| {
            Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?))
        });
        Ok(safetensors::serialize(views.collect::<Result<Vec<_>>>()?, Some(metadata))?)
    }
}

/// A record that was read.
pub(super) struct Body<'a> {
    tensors: SafeTensors<'a>,
    description: String,
}

impl<'a> Body<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self> {
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let description = metadata.metadata().as_ref().and_then(|map| map.get(DESCRIPTION));
        let missing = || BodyError::Array(DESCRIPTION.to_owned());
        let description = description.ok_or_else(missing)?.clone();
        Ok(Self { tensors: SafeTensors::deserialize(bytes)?, description })
    }

    pub(super) fn description<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_str(&self.description)?)
    }

    /// True if there is an array of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.tensors.tensor(name).is_ok()
    }

    pub(super) fn f64s(&self, name: &str) -> Result<(Vec<usize>, Vec<f64>)> {
        let (shape, bytes) = self.array(name, Dtype::F64)?;
        Ok((shape, bytes.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect()))
    }

    pub(super) fn f32s(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>)> {
        let (shape, bytes) = self.array(name, Dtype::F32)?;
        Ok((shape, bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()))
    }

    /// Name, type, shape and bytes of all arrays, by name.
    pub(super) fn all(&self) -> Vec<(String, String, Vec<usize>, Vec<u8>)> {
        let array = |(name, tensor): (String, safetensors::tensor::TensorView<'_>)| {
            let dtype = format!("{:?}", tensor.dtype());
            (name, dtype, tensor.shape().to_vec(), tensor.data().to_vec())
        };
        let mut all: Vec<_> = self.tensors.tensors().into_iter().map(array).collect();
        all.sort();
        all
    }

    fn array(&self, name: &str, dtype: Dtype) -> Result<(Vec<usize>, &'a [u8])> {
        let tensor = self.tensors.tensor(name).ok().filter(|tensor| tensor.dtype() == dtype);
        let tensor = tensor.ok_or_else(|| BodyError::Array(name.to_owned()))?;
        Ok((tensor.shape().to_vec(), tensor.data()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_round_trip() {
        let mut arrays = Arrays::default();
        arrays.add_f64("wide", &[2, 1], [0.1, f64::NEG_INFINITY]);
        arrays.add_f32("narrow", &[1], [0.1]);
        let bytes = arrays.into_bytes(&("text", 1.0 / 3.0)).unwrap();
        let body = Body::parse(&bytes).unwrap();
        assert_eq!(body.description::<(String, f64)>().unwrap(), ("text".to_owned(), 1.0 / 3.0));
        assert_eq!(body.f64s("wide").unwrap(), (vec![2, 1], vec![0.1, f64::NEG_INFINITY]));
        assert_eq!(body.f32s("narrow").unwrap(), (vec![1], vec![0.1]));
        assert!(matches!(body.f32s("wide"), Err(BodyError::Array(name)) if name == "wide"));
        assert!(body.has("wide") && !body.has("none"));
        assert!(Body::parse(&bytes[..20]).is_err());
    }
}
