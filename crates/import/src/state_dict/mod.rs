//! Named parameters: state dicts of safetensors and `PyTorch`.

mod fit;
mod modules;
mod pytorch;
mod safetensors;

use std::path::Path;

use zip::ZipArchive;

use crate::{ElementType, Error, Result, source::Source};

pub use fit::{Fitted, LayerMatch};

/// The named parameters of a model, read one at a time.
pub struct StateDict {
    file: String,
    parameters: Vec<Stored>,
    content: Content,
}

/// Name, shape and type of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterInfo {
    /// Full name, such as `layers.3.weight`.
    pub name: String,
    /// Extent of each dimension, slowest first.
    pub shape: Vec<usize>,
    /// Type of its elements in the file.
    pub element: ElementType,
}

/// A parameter and its place.
struct Stored {
    info: ParameterInfo,
    place: Place,
}

/// Place of a parameter's elements.
enum Place {
    /// Bytes of the file from here on, row-major.
    Range { start: u64 },
    /// A view of a storage.
    View(View),
}

/// A view of an entry of an archive.
struct View {
    /// Name of the entry.
    entry: String,
    /// Elements that the entry should have.
    elements: u64,
    /// First element.
    offset: usize,
    /// Elements between neighbours along each dimension.
    strides: Vec<usize>,
}

/// The open file.
enum Content {
    Safetensors(Source),
    Pytorch(ZipArchive<Source>),
}

impl StateDict {
    /// Opens a state dict: a safetensors file or one of `torch.save(model.state_dict(), path)`, told apart by their
    /// content.
    ///
    /// A checkpoint with other things beside one state dict is read too, if those are numbers, texts, lists and dicts.
    ///
    /// # Errors
    /// One that names the file and what is wrong with it.
    pub fn open(path: &Path) -> Result<Self> {
        Self::read(Source::open(path)?)
    }

    /// As [`open`](Self::open), from memory; error messages use `name` as the name of the file.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn parse(bytes: Vec<u8>, name: &str) -> Result<Self> {
        Self::read(Source::memory(bytes, name))
    }

    fn read(mut source: Source) -> Result<Self> {
        let file = source.file.clone();
        let start = source.range("its start", 0, source.length.min(16))?;
        match Format::of(&start) {
            Format::Zip => {
                let (parameters, archive) = pytorch::open(source)?;
                Ok(Self { file, parameters, content: Content::Pytorch(archive) })
            }
            Format::Safetensors => {
                let parameters = safetensors::read(&mut source)?;
                Ok(Self { file, parameters, content: Content::Safetensors(source) })
            }
            Format::Other(found, advice) => Err(Error::Format { file, found, advice }),
        }
    }

    /// All parameters: in the order of the model's definition for `PyTorch`'s files, in that of the file for others.
    pub fn parameters(&self) -> impl ExactSizeIterator<Item = &ParameterInfo> {
        self.parameters.iter().map(|stored| &stored.info)
    }

    /// Values of the array with this name, row-major, and its shape; `None` if there is none. Infinities and NaN stay.
    ///
    /// # Errors
    /// When the file cannot be read, or the values are of a type without numbers.
    pub fn array(&mut self, name: &str) -> Result<Option<(Vec<usize>, Vec<f32>)>> {
        let Some(index) = self.parameters.iter().position(|stored| stored.info.name == name) else {
            return Ok(None);
        };
        let shape = self.parameters[index].info.shape.clone();
        Ok(Some((shape, self.read_values(index)?)))
    }

    /// True if the parameters are in the order of the model's definition.
    const fn is_in_order(&self) -> bool {
        matches!(self.content, Content::Pytorch(_))
    }

    /// Values of parameter `index`, row-major, all of them finite.
    fn values(&mut self, index: usize) -> Result<Vec<f32>> {
        let values = self.read_values(index)?;
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(element) => {
                let parameter = self.parameters[index].info.name.clone();
                Err(Error::NotFinite { parameter, element })
            }
        }
    }

    /// Values of parameter `index`, row-major, whatever they are.
    fn read_values(&mut self, index: usize) -> Result<Vec<f32>> {
        let Stored { info, place } = &self.parameters[index];
        let values = match (&mut self.content, place) {
            (Content::Safetensors(source), &Place::Range { start }) => {
                safetensors::values(source, info, start)?
            }
            (Content::Pytorch(archive), Place::View(view)) => {
                pytorch::values(&self.file, archive, info, view)?
            }
            _ => unreachable!("places are those of the file's format"),
        };
        values.ok_or_else(|| Error::element_type(&info.name, info.element))
    }
}

/// Format of a file by its first bytes.
enum Format {
    Zip,
    Safetensors,
    /// Another, and how to save the parameters.
    Other(&'static str, &'static str),
}

impl Format {
    fn of(start: &[u8]) -> Self {
        const SAVE: &str =
            "save the parameters by `torch.save(model.state_dict(), path)` or as safetensors";
        match start {
            [] => Self::Other("empty", SAVE),
            [b'P', b'K', 3, 4, ..] => Self::Zip,
            [0x80, 1..=5, ..] if start.get(8) != Some(&b'{') => Self::Other(
                "a bare pickle, such as PyTorch wrote before version 1.6",
                "load it in Python and save it again by `torch.save(model.state_dict(), path)`",
            ),
            [0x89, b'H', b'D', b'F', ..] => Self::Other("an HDF5 file", SAVE),
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Self::Other("an array of NumPy", SAVE),
            [b'G', b'G', b'U', b'F', ..] => Self::Other("a GGUF file", SAVE),
            _ if start.get(8) == Some(&b'{') => Self::Safetensors,
            _ => Self::Other("neither a safetensors file nor one of PyTorch", SAVE),
        }
    }
}
