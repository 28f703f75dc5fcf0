//! The safetensors format: the length of a header in 8 bytes, the header in JSON, the elements.

use safetensors::tensor::Metadata;

use super::{Place, Stored};
use crate::{Error, ParameterInfo, Result, source::Source};

/// Bytes before the header.
const START: u64 = 8;
/// Longest header, in bytes: some hundred thousand parameters.
const LONGEST_HEADER: u64 = 1 << 24;

/// Parameters of a file, in the order of their places.
pub(super) fn read(source: &mut Source) -> Result<Vec<Stored>> {
    let start = source.range("its start", 0, START)?;
    let length = start.iter().rev().fold(0, |length, &byte| length << 8 | u64::from(byte));
    let header = "the header";
    if length > source.length - START {
        return Err(source.damaged(header, "is longer than the file"));
    }
    if length > LONGEST_HEADER {
        let (file, part) = (source.file.clone(), "the header");
        let (size, most, unit) = (length, LONGEST_HEADER, "bytes");
        return Err(Error::TooLarge { file, part, size, unit, most });
    }
    let text = source.range(header, START, length)?;
    let metadata: Metadata = serde_json::from_slice(&text)
        .map_err(|error| Error::Safetensors { file: source.file.clone(), source: error })?;
    let data = START + length;
    if metadata.data_len() as u64 != source.length - data {
        return Err(source.damaged("the data", "are shorter or longer than the header says"));
    }
    let names = metadata.offset_keys();
    names.into_iter().map(|name| stored(&metadata, name, data)).collect()
}

/// A parameter, whose elements lie in the data from byte `data` of the file on.
fn stored(metadata: &Metadata, name: String, data: u64) -> Result<Stored> {
    let info = metadata.info(&name).expect("names are those of the header");
    let element = Error::known(&name, info.dtype)?;
    let start = data + info.data_offsets.0 as u64;
    let info = ParameterInfo { name, shape: info.shape.clone(), element };
    Ok(Stored { info, place: Place::Range { start } })
}

/// Values of a parameter; nothing if its elements are not floating-point.
pub(super) fn values(
    source: &mut Source,
    info: &ParameterInfo,
    start: u64,
) -> Result<Option<Vec<f32>>> {
    // The header was checked: its shapes and places agree.
    let numbers: usize = info.shape.iter().product();
    let bytes = source.range(&info.name, start, (numbers * info.element.size()) as u64)?;
    Ok(info.element.values(&bytes))
}
