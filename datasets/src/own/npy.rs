//! Arrays in NumPy's format `.npy`, versions 1 to 3.
//!
//! A file consists of the magic number, a Python dictionary with the type of the elements, their order and the array's
//! shape, and the elements. Booleans, integers and floats of 32 or 64 bits are read, in either byte order; the elements
//! must be in C order. See the documentation of `numpy.lib.format`.

use std::path::Path;

use crate::error::{Error, Result, io};
use crate::source::{Source, describe};

/// First bytes of a file.
const MAGIC: [u8; 6] = *b"\x93NUMPY";
/// Longest header, in bytes; NumPy's own limit is 10,000.
const LONGEST_HEADER: usize = 1 << 16;
/// Numbers per read, so that a corrupt header cannot cause a large allocation.
const CHUNK: usize = 1 << 16;
/// Most bytes that one byte of gzip or deflate decompresses to.
pub(crate) const MOST_EXPANSION: u64 = 1032;

/// An array of numbers in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Npy {
    /// Extent of each dimension, slowest first; none for a single number.
    pub dims: Vec<usize>,
    /// Array elements in row-major order, as many as the product of `dims`.
    pub data: Vec<f64>,
}

/// Parses a plain or gzipped file from memory; error messages use `name` as the name of the file.
///
/// # Errors
/// [`Error::Malformed`] if magic number, header or length are invalid, [`Error::Unusable`] if the elements are no
/// numbers or in Fortran order, [`Error::Compression`] if the compressed data are damaged.
pub fn parse(bytes: &[u8], name: &str) -> Result<Npy> {
    let most = (bytes.len() as u64).saturating_mul(MOST_EXPANSION);
    ArrayReader::new(name, Source::bytes(name, bytes), most)?.read_all()
}

/// Kind of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Unsigned,
    Signed,
    Float,
}

/// Type of the elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ElementType {
    pub(crate) kind: Kind,
    /// Bytes: 1, 2, 4 or 8.
    pub(crate) size: usize,
    is_big_endian: bool,
}

impl ElementType {
    /// Type described by NumPy's text, such as `<f4`.
    fn parse(text: &str) -> Option<Self> {
        let (order, rest) = text.split_at_checked(1)?;
        let (kind, size) = rest.split_at_checked(1)?;
        let kind = match kind {
            "b" => Kind::Bool,
            "u" => Kind::Unsigned,
            "i" => Kind::Signed,
            "f" => Kind::Float,
            _ => return None,
        };
        let size = size.parse().ok()?;
        let sizes: &[usize] = match kind {
            Kind::Bool => &[1],
            Kind::Unsigned | Kind::Signed => &[1, 2, 4, 8],
            Kind::Float => &[4, 8],
        };
        let is_known = sizes.contains(&size) && ["<", ">", "|", "="].contains(&order);
        is_known.then_some(Self { kind, size, is_big_endian: order == ">" })
    }

    /// True for bytes from 0 to 255, which pixels are.
    pub(crate) fn is_byte(self) -> bool {
        self.kind == Kind::Unsigned && self.size == 1
    }

    /// Value of an element, whose bytes these are.
    fn value(self, bytes: &[u8]) -> f64 {
        let mut word = [0; 8];
        word[..self.size].copy_from_slice(bytes);
        if self.is_big_endian {
            word[..self.size].reverse();
        }
        let number = u64::from_le_bytes(word);
        let unused = 64 - 8 * self.size as u32;
        match self.kind {
            Kind::Bool | Kind::Unsigned => number as f64,
            Kind::Signed => ((number << unused) as i64 >> unused) as f64,
            Kind::Float if self.size == 4 => f64::from(f32::from_bits(number as u32)),
            Kind::Float => f64::from_bits(number),
        }
    }
}

/// An array whose elements are still to be read.
pub(crate) struct ArrayReader<'a> {
    pub(crate) file: String,
    pub(crate) dims: Vec<usize>,
    pub(crate) element: ElementType,
    source: Source<'a>,
    buffer: Vec<u8>,
}

impl ArrayReader<'static> {
    /// Opens a file, plain or gzipped.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let length = std::fs::metadata(path).map_err(io("open", path))?.len();
        let most = length.saturating_mul(MOST_EXPANSION);
        Self::new(&path.display().to_string(), Source::open(path)?, most)
    }
}

impl<'a> ArrayReader<'a> {
    /// Reads the header of `source`, whose content is at most `most` bytes long.
    pub(crate) fn new(file: &str, mut source: Source<'a>, most: u64) -> Result<Self> {
        let header = read_header(&mut source)?;
        let element = element_type(file, &header)?;
        let dims = dims(&header).ok_or_else(|| {
            source.malformed_at(10, "a tuple of whole numbers as `shape`", &header)
        })?;
        if is_fortran(&header) && dims.len() > 1 {
            return Err(Error::Unusable {
                file: file.to_owned(),
                found: "an array in Fortran order".to_owned(),
                advice: "save it by `np.save(file, np.ascontiguousarray(x))`".to_owned(),
            });
        }
        let bytes = dims.iter().try_fold(element.size as u64, |product, &dim| {
            product.checked_mul(dim as u64).filter(|&bytes| bytes <= most)
        });
        if bytes.is_none() {
            let found = format!("the shape {dims:?}, for which the file is too short");
            return Err(source.malformed_at(10, "the shape of the array in the file", found));
        }
        Ok(Self { file: file.to_owned(), dims, element, source, buffer: Vec::new() })
    }

    /// Reads the next elements, as many as `values` holds.
    pub(crate) fn read(&mut self, values: &mut [f64]) -> Result<()> {
        let size = self.element.size;
        for values in values.chunks_mut(CHUNK) {
            self.buffer.resize(values.len() * size, 0);
            self.source.fill(&mut self.buffer, "elements of the array")?;
            for (value, bytes) in values.iter_mut().zip(self.buffer.chunks_exact(size)) {
                *value = self.element.value(bytes);
            }
        }
        Ok(())
    }

    /// SHA-256 of the file, all of whose elements have been read.
    pub(crate) fn finish(self) -> Result<String> {
        self.source.finish()
    }

    /// Reads the whole array.
    pub(crate) fn read_all(mut self) -> Result<Npy> {
        let total: usize = self.dims.iter().product();
        let mut data = Vec::new();
        while data.len() < total {
            let start = data.len();
            data.resize(total.min(start + CHUNK), 0.0);
            self.read(&mut data[start..])?;
        }
        let dims = std::mem::take(&mut self.dims);
        self.finish()?;
        Ok(Npy { dims, data })
    }
}

/// Text of the header's dictionary.
fn read_header(source: &mut Source) -> Result<String> {
    let mut start = [0; 8];
    source.fill(&mut start, "magic number")?;
    if start[..6] != MAGIC || !(1..=3).contains(&start[6]) {
        let expected = "the start of a .npy file of version 1 to 3, 93 4e 55 4d 50 59";
        return Err(source.malformed_at(0, expected, describe(&start, 8)));
    }
    let mut length = [0; 4];
    let bytes = if start[6] == 1 { 2 } else { 4 };
    source.fill(&mut length[..bytes], "header length")?;
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST_HEADER {
        let expected = format!("a header of at most {LONGEST_HEADER} bytes");
        return Err(source.malformed_at(8, expected, length.to_string()));
    }
    let mut header = vec![0; length];
    source.fill(&mut header, "header")?;
    Ok(String::from_utf8_lossy(&header).trim().to_owned())
}

/// Text behind `'key':` in the header.
fn value<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(&format!("'{key}'"))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

fn element_type(file: &str, header: &str) -> Result<ElementType> {
    let text = value(header, "descr").unwrap_or_default();
    let quoted = text.strip_prefix('\'').and_then(|text| text.split_once('\''));
    let name = quoted.map_or("fields", |(name, _)| name);
    ElementType::parse(name).ok_or_else(|| Error::Unusable {
        file: file.to_owned(),
        found: match name.trim_start_matches(['<', '>', '|', '=']).chars().next() {
            Some('O') => "Python objects (dtype object)".to_owned(),
            Some('U' | 'S') => format!("texts (dtype {name})"),
            _ => format!("elements of dtype {name}"),
        },
        advice:
            "convert samples by `x.astype('float32')` or `'uint8'`, and labels that are texts by \
                 `np.unique(y, return_inverse=True)[1]`"
                .to_owned(),
    })
}

fn is_fortran(header: &str) -> bool {
    value(header, "fortran_order").is_some_and(|text| text.starts_with("True"))
}

fn dims(header: &str) -> Option<Vec<usize>> {
    let (inside, _) = value(header, "shape")?.strip_prefix('(')?.split_once(')')?;
    let parts = inside.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| part.trim_end_matches('L').parse().ok()).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A file of version 1 with this dictionary and these elements.
    pub(crate) fn npy(descr: &str, fortran: bool, shape: &str, elements: &[u8]) -> Vec<u8> {
        let fortran = if fortran { "True" } else { "False" };
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let length = (header.len() as u16).to_le_bytes();
        [&MAGIC[..], &[1, 0], &length, header.as_bytes(), elements].concat()
    }

    fn bytes<const N: usize, T>(numbers: &[T], to: impl Fn(&T) -> [u8; N]) -> Vec<u8> {
        numbers.iter().flat_map(to).collect()
    }

    #[track_caller]
    fn check(file: &[u8], dims: &[usize], data: &[f64]) {
        let expected = Npy { dims: dims.to_vec(), data: data.to_vec() };
        assert_eq!(parse(file, "x.npy").unwrap(), expected);
    }

    #[test]
    fn every_type_and_byte_order_is_read() {
        let numbers = [-2.5_f64, 0.0, 1e10];
        let little = bytes(&numbers, |x| x.to_le_bytes());
        check(&npy("<f8", false, "(3,)", &little), &[3], &numbers);
        let big = bytes(&numbers, |x| x.to_be_bytes());
        check(&npy(">f8", false, "(1, 3)", &big), &[1, 3], &numbers);
        let singles = bytes(&[1.5_f32, -3.0], |x| x.to_le_bytes());
        check(&npy("<f4", false, "(2, 1)", &singles), &[2, 1], &[1.5, -3.0]);
        check(&npy("|u1", false, "(2,)", &[0, 255]), &[2], &[0.0, 255.0]);
        check(&npy("|b1", false, "(2,)", &[0, 1]), &[2], &[0.0, 1.0]);
        let signed = bytes(&[-1_i16, 300], |x| x.to_be_bytes());
        check(&npy(">i2", false, "(2,)", &signed), &[2], &[-1.0, 300.0]);
        let long = bytes(&[-7_i64], |x| x.to_le_bytes());
        check(&npy("<i8", false, "()", &long), &[], &[-7.0]);
        check(&npy("<i8", true, "(1,)", &long), &[1], &[-7.0]);
    }

    #[track_caller]
    fn refused(file: &[u8], parts: &[&str]) {
        let message = parse(file, "x.npy").unwrap_err().to_string();
        assert!(
            message.starts_with("x.npy") && parts.iter().all(|p| message.contains(p)),
            "{message}"
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_advice() {
        refused(&npy("|O", false, "(3,)", &[0; 9]), &["dtype object", "astype('float32')"]);
        refused(&npy("<U5", false, "(3,)", &[0; 60]), &["texts (dtype <U5)", "np.unique"]);
        refused(&npy("<c8", false, "(3,)", &[0; 60]), &["dtype <c8"]);
        refused(&npy("<f8", true, "(2, 2)", &[0; 32]), &["Fortran order", "ascontiguousarray"]);
        refused(&npy("<f8", false, "(2, x)", &[0; 32]), &["a tuple of whole numbers"]);
        refused(b"PK\x03\x04 and more", &["byte 0", "the start of a .npy file"]);
        let whole = npy("<f8", false, "(3,)", &[0; 24]);
        for cut in 0..whole.len() {
            assert!(parse(&whole[..cut], "x.npy").is_err(), "{cut}");
        }
        refused(&[whole, vec![1]].concat(), &["expected the end of the file"]);
    }

    #[test]
    fn claims_beyond_the_file_are_refused_before_memory_is_taken() {
        refused(&npy("<f4", false, "(60000, 1000000)", &[0; 4]), &["the file is too short"]);
        refused(&npy("<f4", false, "(99999999999, 99999999999)", &[0; 4]), &["too short"]);
    }
}
