//! Archives of arrays, NumPy's `.npz`: a ZIP archive of `.npy` files, stored or deflated.
//!
//! Archives and arrays of 4 GiB or more (ZIP64) and encrypted ones are refused.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::{Crc, read::DeflateDecoder};

use super::npy::{ArrayReader, MOST_EXPANSION, Npy};
use crate::error::{Error, Result, io as io_error};
use crate::source::{Source, open_file};

/// First bytes of the records of an archive.
const END: [u8; 4] = *b"PK\x05\x06";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";
/// Length of the record at the end, without its comment of at most 65,535 bytes.
const END_LENGTH: usize = 22;
/// Longest directory, in bytes; archives of arrays have a few entries.
const LONGEST_DIRECTORY: u32 = 1 << 20;

/// An array of an archive.
#[derive(Clone, Debug)]
struct Entry {
    /// Name, without `.npy`.
    name: String,
    is_deflated: bool,
    checksum: u32,
    compressed: u64,
    size: u64,
    /// Place of the array's local record.
    offset: u64,
}

/// Directory of an archive.
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    path: PathBuf,
    entries: Vec<Entry>,
}

impl Archive {
    /// Opens an archive and reads its directory.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = open_file(path)?;
        let entries = read_directory(BufReader::new(file), &path.display().to_string())?;
        Ok(Self { path: path.to_owned(), entries })
    }

    /// Names of the arrays.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// The array `name`, if there is one.
    pub(crate) fn array(&self, name: &str) -> Result<Option<ArrayReader<'static>>> {
        let Some(entry) = self.entries.iter().find(|entry| entry.name == name) else {
            return Ok(None);
        };
        let file = File::open(&self.path).map_err(io_error("open", &self.path))?;
        let archive = self.path.display().to_string();
        open_entry(BufReader::new(file), entry, &archive).map(Some)
    }
}

/// Parses an archive from memory: its arrays and their names. Error messages use `name` as the name of the file.
///
/// # Errors
/// Those of [`npy::parse`](super::npy::parse); [`Error::Malformed`] if the archive's records are invalid,
/// [`Error::Unusable`] if it is encrypted, too long or compressed by other means than deflate.
pub fn parse(bytes: &[u8], name: &str) -> Result<Vec<(String, Npy)>> {
    let entries = read_directory(Cursor::new(bytes), name)?;
    let read = |entry: &Entry| {
        let array = open_entry(Cursor::new(bytes), entry, name)?.read_all()?;
        Ok((entry.name.clone(), array))
    };
    entries.iter().map(read).collect()
}

/// Opens an entry's array.
fn open_entry<'a, R: Read + Seek + 'a>(
    mut reader: R,
    entry: &Entry,
    archive: &str,
) -> Result<ArrayReader<'a>> {
    let file = format!("{archive}, array `{}`", entry.name);
    let failed = |offset| move |error| failure(archive, offset, &error);
    let mut local = [0; 30];
    reader.seek(SeekFrom::Start(entry.offset)).map_err(failed(entry.offset))?;
    reader.read_exact(&mut local).map_err(failed(entry.offset))?;
    if local[..4] != LOCAL {
        return Err(malformed(archive, entry.offset, "the record of an array"));
    }
    let skipped = u64::from(word16(&local, 26)) + u64::from(word16(&local, 28));
    let start = entry.offset + local.len() as u64 + skipped;
    reader.seek(SeekFrom::Start(start)).map_err(failed(start))?;
    let compressed = reader.take(entry.compressed);
    let content: Box<dyn Read + 'a> = if entry.is_deflated {
        Box::new(DeflateDecoder::new(compressed))
    } else {
        Box::new(compressed)
    };
    let checked = Checked { content, crc: Crc::new(), expected: entry.checksum, left: entry.size };
    let source = Source::reader(&file, Box::new(checked));
    let expansion = if entry.is_deflated { MOST_EXPANSION } else { 1 };
    let most = entry.size.min(entry.compressed.saturating_mul(expansion));
    ArrayReader::new(&file, source, most)
}

/// Content of an entry, whose length and checksum are compared with the directory's.
struct Checked<'a> {
    content: Box<dyn Read + 'a>,
    crc: Crc,
    expected: u32,
    left: u64,
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.content.read(buffer)?;
        self.crc.update(&buffer[..n]);
        let damaged = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        match self.left.checked_sub(n as u64) {
            None => damaged("the array is longer than the archive's directory says"),
            Some(left) => {
                self.left = left;
                let ended = n == 0 && !buffer.is_empty();
                if ended && left > 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                if ended && self.crc.sum() != self.expected {
                    return damaged("the checksum differs");
                }
                Ok(n)
            }
        }
    }
}

/// Entries of the archive's directory.
fn read_directory(mut reader: impl Read + Seek, file: &str) -> Result<Vec<Entry>> {
    let failed = |error| failure(file, 0, &error);
    let length = reader.seek(SeekFrom::End(0)).map_err(failed)?;
    // The record at the end is searched from behind, since a comment may follow it.
    let tail = length.min((END_LENGTH + usize::from(u16::MAX)) as u64);
    reader.seek(SeekFrom::Start(length - tail)).map_err(failed)?;
    let mut bytes = vec![0; tail as usize];
    reader.read_exact(&mut bytes).map_err(failed)?;
    let is_end = |at: &usize| bytes[*at..].starts_with(&END);
    let at = (0..(bytes.len() + 1).saturating_sub(END_LENGTH)).rev().find(is_end);
    let Some(at) = at else {
        return Err(malformed(
            file,
            length,
            "the directory of a ZIP archive, which .npz files are",
        ));
    };
    let end = &bytes[at..at + END_LENGTH];
    let (count, size, offset) = (word16(end, 10), word32(end, 12), word32(end, 16));
    if count == u16::MAX || size == u32::MAX || offset == u32::MAX {
        return Err(too_long(file));
    }
    let is_inside = u64::from(offset) + u64::from(size) <= length;
    if size > LONGEST_DIRECTORY || !is_inside {
        return Err(malformed(file, length - tail + at as u64, "a directory inside the file"));
    }
    let mut directory = vec![0; size as usize];
    reader.seek(SeekFrom::Start(offset.into())).map_err(failed)?;
    reader.read_exact(&mut directory).map_err(failed)?;
    let mut entries = Vec::new();
    let mut rest = &directory[..];
    for _ in 0..count {
        entries.push(next_entry(&mut rest, file, u64::from(offset))?);
    }
    Ok(entries)
}

/// Takes an entry of the directory off `rest`.
fn next_entry(rest: &mut &[u8], file: &str, offset: u64) -> Result<Entry> {
    const LENGTH: usize = 46;
    let damaged = || malformed(file, offset, "the directory's next array");
    let fixed = rest.get(..LENGTH).filter(|fixed| fixed.starts_with(&ENTRY)).ok_or_else(damaged)?;
    let [length, extra, comment] = [28, 30, 32].map(|at| usize::from(word16(fixed, at)));
    let name = rest.get(LENGTH..LENGTH + length).ok_or_else(damaged)?;
    let name = String::from_utf8_lossy(name).into_owned();
    let sizes = [20, 24, 42].map(|at| word32(fixed, at));
    if sizes.contains(&u32::MAX) {
        return Err(too_long(file));
    }
    let (flags, method) = (word16(fixed, 8), word16(fixed, 10));
    if flags & 1 != 0 || ![0, 8].contains(&method) {
        return Err(Error::Unusable {
            file: file.to_owned(),
            found: format!("the entry `{name}`, encrypted or compressed by method {method}"),
            advice: "save the arrays by `np.savez` or `np.savez_compressed`".to_owned(),
        });
    }
    let checksum = word32(fixed, 16);
    *rest = rest.get(LENGTH + length + extra + comment..).ok_or_else(damaged)?;
    let [compressed, size, place] = sizes.map(u64::from);
    let name = name.strip_suffix(".npy").map_or(name.clone(), str::to_owned);
    Ok(Entry { name, is_deflated: method == 8, checksum, compressed, size, offset: place })
}

fn word16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn word32(bytes: &[u8], at: usize) -> u32 {
    u32::from(word16(bytes, at)) | u32::from(word16(bytes, at + 2)) << 16
}

fn too_long(file: &str) -> Error {
    Error::Unusable {
        file: file.to_owned(),
        found: "an archive of 4 GiB or more".to_owned(),
        advice: "save samples and labels as .npy files".to_owned(),
    }
}

fn malformed(file: &str, offset: u64, expected: &str) -> Error {
    let found = "something else".to_owned();
    Error::Malformed { file: file.to_owned(), offset, expected: expected.to_owned(), found }
}

fn failure(file: &str, offset: u64, error: &io::Error) -> Error {
    let found = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the end of the file".to_owned(),
        _ => error.to_string(),
    };
    let expected = "the records of a ZIP archive".to_owned();
    Error::Malformed { file: file.to_owned(), offset, expected, found }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use flate2::{Compression, write::DeflateEncoder};

    use super::super::npy::tests::npy;
    use super::*;

    /// An archive of arrays, as `np.savez` writes it, or deflated as `np.savez_compressed`.
    pub(crate) fn npz(arrays: &[(&str, Vec<u8>)], is_deflated: bool) -> Vec<u8> {
        let (mut file, mut directory) = (Vec::new(), Vec::new());
        for (name, content) in arrays {
            let (name, offset) = (format!("{name}.npy"), file.len() as u32);
            let mut crc = Crc::new();
            crc.update(content);
            let mut stored = content.clone();
            if is_deflated {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(content).unwrap();
                stored = encoder.finish().unwrap();
            }
            let method = if is_deflated { 8_u16 } else { 0 };
            let mut common = vec![20, 0, 0, 0];
            common.extend(method.to_le_bytes());
            common.extend([0; 4]);
            for number in [crc.sum(), stored.len() as u32, content.len() as u32] {
                common.extend(number.to_le_bytes());
            }
            common.extend((name.len() as u16).to_le_bytes());
            common.extend([0; 2]);
            file.extend([&LOCAL[..], &common, name.as_bytes(), &stored].concat());
            directory.extend([&ENTRY[..], &[20, 0], &common, &[0; 10]].concat());
            directory.extend(offset.to_le_bytes());
            directory.extend(name.as_bytes());
        }
        let count = (arrays.len() as u16).to_le_bytes();
        let places = [directory.len() as u32, file.len() as u32].map(u32::to_le_bytes).concat();
        let end = [&END[..], &[0; 4], &count, &count, &places, &[0; 2]].concat();
        [file, directory, end].concat()
    }

    fn arrays() -> [(&'static str, Vec<u8>); 2] {
        [
            ("x", npy("|u1", false, "(2, 3)", &[1, 2, 3, 4, 5, 6])),
            ("y", npy("|u1", false, "(2,)", &[0, 1])),
        ]
    }

    #[test]
    fn stored_and_deflated_arrays_are_read() {
        for is_deflated in [false, true] {
            let found = parse(&npz(&arrays(), is_deflated), "x.npz").unwrap();
            assert_eq!((found[0].0.as_str(), found[1].0.as_str()), ("x", "y"));
            assert_eq!(
                found[0].1,
                Npy { dims: vec![2, 3], data: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] }
            );
            assert_eq!(found[1].1.data, [0.0, 1.0]);
        }
    }

    #[test]
    fn damage_is_found() {
        for is_deflated in [false, true] {
            let whole = npz(&arrays(), is_deflated);
            for cut in 0..whole.len() {
                assert!(parse(&whole[..cut], "x.npz").is_err(), "{cut}");
            }
            let mut changed = whole.clone();
            // The last element of `x`, or a bit of its compressed form.
            let at = whole.windows(4).rposition(|bytes| bytes == LOCAL).unwrap() - 1;
            changed[at] ^= 1;
            assert!(parse(&changed, "x.npz").is_err());
        }
    }
}
