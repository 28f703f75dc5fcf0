//! Small files of all formats, for tests.

mod onnx;
mod pickle;

use std::io::{Cursor, Write};

use safetensors::{Dtype, tensor::TensorView};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

pub use onnx::{Onnx, Setting};
pub use pickle::{Pickle, View};

/// A parameter to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its full name.
    pub name: String,
    /// Extent of each dimension, slowest first.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

impl Parameter {
    /// A parameter whose values lie in `-0.5..=0.5` and depend on its name and place.
    pub fn new(name: &str, shape: &[usize]) -> Self {
        let seed: usize = name.bytes().map(usize::from).sum();
        let value = |index: usize| ((seed + 7 * index) % 101) as f32 / 100.0 - 0.5;
        let values = (0..shape.iter().product()).map(value).collect();
        Self { name: name.to_owned(), shape: shape.to_vec(), values }
    }

    /// Makes all values positive, as those of variances are.
    #[must_use]
    pub fn positive(mut self) -> Self {
        self.values.iter_mut().for_each(|value| *value = value.abs() + 0.5);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }
}

/// Parameters of a dense layer or a convolution and of the batch normalisation after it.
pub fn normalised(layer: &str, weights: &[usize], norm: &str) -> Vec<Parameter> {
    let parameter = |module: &str, role: &str, shape: &[usize]| {
        Parameter::new(&format!("{module}.{role}"), shape)
    };
    let features = &weights[..1];
    vec![
        parameter(layer, "weight", weights),
        parameter(norm, "weight", features),
        parameter(norm, "bias", features),
        parameter(norm, "running_mean", features),
        parameter(norm, "running_var", features).positive(),
    ]
}

/// A safetensors file of these parameters.
///
/// # Panics
/// When two have the same name.
pub fn safetensors(parameters: &[Parameter]) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> = parameters.iter().map(Parameter::bytes).collect();
    let views = parameters.iter().zip(&bytes).map(|(parameter, bytes)| {
        let view = TensorView::new(Dtype::F32, parameter.shape.clone(), bytes);
        (parameter.name.as_str(), view.expect("as long as its shape"))
    });
    safetensors::serialize(views, None).expect("distinct names")
}

/// A file of `torch.save` with these parameters in an `OrderedDict`.
pub fn pytorch(parameters: &[Parameter]) -> Vec<u8> {
    let mut pickle = Pickle::new();
    pickle.state_dict(parameters, 0);
    let storages: Vec<Vec<u8>> = parameters.iter().map(Parameter::bytes).collect();
    pytorch_archive(pickle.end(), &storages)
}

/// A file of `torch.save` with a given pickle and storages `0`, `1` and so on.
pub fn pytorch_archive(pickle: Vec<u8>, storages: &[Vec<u8>]) -> Vec<u8> {
    let mut entries = vec![
        ("model/data.pkl".to_owned(), pickle),
        ("model/byteorder".to_owned(), b"little".to_vec()),
    ];
    let storages = storages.iter().cloned().enumerate();
    entries.extend(storages.map(|(index, bytes)| (format!("model/data/{index}"), bytes)));
    entries.push(("model/version".to_owned(), b"3\n".to_vec()));
    archive(&entries)
}

/// A ZIP archive of entries that are not compressed.
///
/// # Panics
/// When two have the same name.
pub fn archive(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::DEFAULT.compression_method(CompressionMethod::Stored);
    for (name, content) in entries {
        writer.start_file(name.as_str(), options).expect("distinct names");
        writer.write_all(content).expect("memory");
    }
    writer.finish().expect("memory").into_inner()
}
