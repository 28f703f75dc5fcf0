//! `PyTorch`'s files since version 1.6: a ZIP archive with a pickle, `data.pkl`, and the storages, `data/0` and so on.

mod find;
mod machine;
mod reader;

use std::io::{self, Read};

use zip::{CompressionMethod, ZipArchive, result::ZipError};

use self::machine::Tensor;
use super::{Place, Stored, View};
use crate::{Error, ParameterInfo, Result, source::Source};

/// Longest pickle, in bytes: some ten thousand parameters have one of two million.
const LONGEST_PICKLE: u64 = 1 << 24;
/// Most entries of an archive: one for each parameter.
const MOST_ENTRIES: u64 = 1 << 20;

/// Parameters of a file, in the order of its state dict.
pub(super) fn open(source: Source) -> Result<(Vec<Stored>, ZipArchive<Source>)> {
    let (file, length) = (source.file.clone(), source.length);
    let failed = |source| Error::Archive { file: file.clone(), source };
    let mut archive = ZipArchive::new(source).map_err(failed)?;
    check_entries(&file, &archive)?;
    let name = archive.file_names().find(|name| is_pickle(name)).map(str::to_owned);
    let Some(name) = name else {
        return Err(Error::Format {
            file,
            found: "a ZIP archive without `data.pkl`, which PyTorch's files have",
            advice: "save the parameters by `torch.save(model.state_dict(), path)`",
        });
    };
    let folder = name.strip_suffix("data.pkl").unwrap_or_default().to_owned();
    if archive.index_for_name(&format!("{folder}constants.pkl")).is_some() {
        return Err(Error::Format {
            file,
            found: "a TorchScript archive, which contains code",
            advice: "save the parameters by `torch.save(model.state_dict(), path)`",
        });
    }
    check_byte_order(&file, &mut archive, &folder)?;
    let pickle = entry(&file, &mut archive, &name, LONGEST_PICKLE.min(length))?;
    let objects = machine::run(&file, &pickle)?;
    let tensors = find::state_dict(&file, &objects)?;
    let mut parameters = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        parameters.push(stored(&file, &folder, name, tensor)?);
    }
    Ok((parameters, archive))
}

/// A parameter, whose storage is in a folder of the archive.
fn stored(file: &str, folder: &str, name: String, tensor: &Tensor) -> Result<Stored> {
    let info = ParameterInfo { name, shape: tensor.shape.clone(), element: tensor.element };
    let view = View {
        entry: format!("{folder}data/{}", tensor.storage),
        elements: tensor.storage_elements,
        offset: tensor.offset,
        strides: tensor.strides.clone(),
    };
    check_view(file, &info, &view)?;
    Ok(Stored { info, place: Place::View(view) })
}

/// True for the pickle at the top of an archive's folder.
fn is_pickle(name: &str) -> bool {
    name == "data.pkl" || name.strip_suffix("/data.pkl").is_some_and(|folder| !folder.contains('/'))
}

fn check_entries(file: &str, archive: &ZipArchive<Source>) -> Result<()> {
    let (size, most) = (archive.len() as u64, MOST_ENTRIES);
    if size <= most {
        return Ok(());
    }
    let (file, part, unit) = (file.to_owned(), "the archive", "entries");
    Err(Error::TooLarge { file, part, size, unit, most })
}

/// Refuses big-endian storages.
fn check_byte_order(file: &str, archive: &mut ZipArchive<Source>, folder: &str) -> Result<()> {
    let name = format!("{folder}byteorder");
    if archive.index_for_name(&name).is_none() {
        return Ok(());
    }
    match &entry(file, archive, &name, 16)?[..] {
        b"little" => Ok(()),
        _ => Err(Error::Format {
            file: file.to_owned(),
            found: "a file of a big-endian machine",
            advice: "save it on a little-endian machine, or as safetensors",
        }),
    }
}

/// Checks that a view lies within its storage and has no more elements than it.
fn check_view(file: &str, info: &ParameterInfo, view: &View) -> Result<()> {
    let damaged = |problem: &str| Error::Damaged {
        file: file.to_owned(),
        place: format!("parameter `{}`", info.name),
        problem: problem.to_owned(),
    };
    let outside = || damaged("lies outside of its storage");
    let numbers = info.shape.iter().try_fold(1_usize, |n, &size| n.checked_mul(size));
    let numbers = numbers.ok_or_else(outside)?;
    if view.strides.len() != info.shape.len() {
        return Err(damaged("has strides of another rank than its shape"));
    }
    if numbers == 0 {
        return Ok(());
    }
    let last =
        info.shape.iter().zip(&view.strides).try_fold(view.offset, |last, (&size, &stride)| {
            (size - 1).checked_mul(stride)?.checked_add(last)
        });
    if last.is_none_or(|last| last as u64 >= view.elements) {
        return Err(outside());
    }
    if numbers as u64 > view.elements {
        return Err(Error::Expanded { parameter: info.name.clone(), shape: info.shape[..].into() });
    }
    Ok(())
}

/// Values of a parameter; nothing if its elements are not floating-point.
pub(super) fn values(
    file: &str,
    archive: &mut ZipArchive<Source>,
    info: &ParameterInfo,
    view: &View,
) -> Result<Option<Vec<f32>>> {
    let size = info.element.size();
    let expected = view.elements.saturating_mul(size as u64);
    let bytes = entry(file, archive, &view.entry, expected)?;
    if (bytes.len() as u64) < expected {
        return Err(Error::Damaged {
            file: file.to_owned(),
            place: format!("`{}`, the storage of parameter `{}`,", view.entry, info.name),
            problem: format!("has {} bytes instead of {expected}", bytes.len()),
        });
    }
    let numbers = info.shape.iter().product();
    let mut values = Vec::with_capacity(numbers);
    let mut index = vec![0; info.shape.len()];
    for _ in 0..numbers {
        let at = index.iter().zip(&view.strides).map(|(i, stride)| i * stride).sum::<usize>();
        let Some(value) = info.element.value(&bytes[(view.offset + at) * size..]) else {
            return Ok(None);
        };
        values.push(value);
        advance(&mut index, &info.shape);
    }
    Ok(Some(values))
}

/// The next index in row-major order.
fn advance(index: &mut [usize], shape: &[usize]) {
    for (i, &size) in index.iter_mut().zip(shape).rev() {
        *i += 1;
        if *i < size {
            return;
        }
        *i = 0;
    }
}

/// Content of an entry, of at most `most` bytes, with its checksum verified.
fn entry(file: &str, archive: &mut ZipArchive<Source>, name: &str, most: u64) -> Result<Vec<u8>> {
    let failed = |source| Error::Archive { file: file.to_owned(), source };
    let damaged = |problem: String| Error::Damaged {
        file: file.to_owned(),
        place: format!("entry `{name}`"),
        problem,
    };
    let Some(index) = archive.index_for_name(name) else {
        return Err(damaged("is missing".to_owned()));
    };
    let compression = archive.by_index_raw(index).map_err(failed)?.compression();
    if compression != CompressionMethod::Stored {
        return Err(Error::Format {
            file: file.to_owned(),
            found: "a compressed archive, which PyTorch does not write",
            advice: "save the parameters by `torch.save(model.state_dict(), path)`",
        });
    }
    let mut content = archive.by_index(index).map_err(failed)?;
    // Stored, so that no more bytes than the file has can be read.
    let (size, stored) = (content.size(), content.compressed_size());
    if size != stored || size > most {
        return Err(damaged(format!("has {size} bytes, where at most {most} are possible")));
    }
    let mut bytes = Vec::new();
    // The checksum is verified where the content ends, beyond its last byte.
    let read = content.by_ref().take(size.saturating_add(1)).read_to_end(&mut bytes);
    match read {
        Ok(_) if bytes.len() as u64 == size => Ok(bytes),
        Ok(_) => Err(damaged("is cut off".to_owned())),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(damaged(format!("is not what was written: {error}")))
        }
        Err(error) => Err(failed(ZipError::Io(error))),
    }
}
