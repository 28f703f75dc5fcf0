//! IDX format of MNIST and related datasets.
//!
//! The format consists of two zero bytes, the element type (only `0x08`, unsigned bytes, is supported), the number of
//! dimensions, each dimension as a big-endian 32-bit number, and the bytes in row-major order.

use crate::error::Result;
use crate::source::{Source, describe};

/// Type code of unsigned bytes.
const UNSIGNED_BYTES: u8 = 0x08;
/// Maximum number of dimensions; no known file has more.
const MAX_DIMS: u8 = 4;
/// Chunk size for reading, so that a corrupt header cannot cause a large allocation.
const CHUNK: usize = 1 << 20;

/// Content of an IDX file of unsigned bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// Extent of each dimension, slowest first; 1 to 4 dimensions.
    pub dims: Vec<usize>,
    /// Array elements, as many as the product of `dims`.
    pub data: Vec<u8>,
}

/// Parses a plain or gzipped IDX file from memory; error messages use `name` as the name of the file.
///
/// # Errors
/// [`Error::Malformed`](crate::Error::Malformed) if the magic number, the dimensions or the length are invalid,
/// [`Error::Compression`](crate::Error::Compression) if the compressed data are damaged.
pub fn parse(bytes: &[u8], name: &str) -> Result<Idx> {
    let mut source = Source::bytes(name, bytes);
    let dims = read_dims(&mut source)?;
    let Some(total) = dims.iter().try_fold(1_usize, |product, dim| product.checked_mul(*dim))
    else {
        let found = format!("dimensions {dims:?}, whose product does not fit in memory");
        return Err(source.malformed_at(4, "the dimensions of an array of bytes", found));
    };
    let mut data = Vec::new();
    while data.len() < total {
        let start = data.len();
        data.resize(total.min(start + CHUNK), 0);
        source.fill(&mut data[start..], "array")?;
    }
    source.finish()?;
    Ok(Idx { dims, data })
}

/// Writes an IDX file of unsigned bytes, for example to export generated data.
///
/// # Errors
/// Errors of `writer`; [`std::io::ErrorKind::InvalidInput`] if there are no or more than four dimensions, if a
/// dimension exceeds 32 bits, or if the product of the dimensions differs from the length of the data.
pub fn write(mut writer: impl std::io::Write, dims: &[usize], data: &[u8]) -> std::io::Result<()> {
    let invalid = |reason: String| std::io::Error::new(std::io::ErrorKind::InvalidInput, reason);
    let n_dims = u8::try_from(dims.len()).ok().filter(|count| (1..=MAX_DIMS).contains(count));
    let n_dims = n_dims.ok_or_else(|| {
        invalid(format!("{} dimensions, but IDX files here have 1 to 4", dims.len()))
    })?;
    if dims.iter().try_fold(1_usize, |product, dim| product.checked_mul(*dim)) != Some(data.len()) {
        return Err(invalid(format!("{} bytes do not fill dimensions {dims:?}", data.len())));
    }
    writer.write_all(&[0, 0, UNSIGNED_BYTES, n_dims])?;
    for dim in dims {
        let dim = u32::try_from(*dim)
            .map_err(|_| invalid(format!("dimension {dim} is longer than 32 bits")))?;
        writer.write_all(&dim.to_be_bytes())?;
    }
    writer.write_all(data)
}

/// Reads the header up to the first element.
pub(crate) fn read_dims(source: &mut Source) -> Result<Vec<usize>> {
    let mut magic = [0; 4];
    source.fill(&mut magic, "magic number")?;
    let [0, 0, UNSIGNED_BYTES, n_dims @ 1..=MAX_DIMS] = magic else {
        let expected = "the magic number of an IDX file of bytes, 00 00 08 and 01 to 04";
        return Err(source.malformed_at(0, expected, describe(&magic, 4)));
    };
    (0..n_dims).map(|_| read_dim(source)).collect()
}

fn read_dim(source: &mut Source) -> Result<usize> {
    let mut dim = [0; 4];
    source.fill(&mut dim, "dimensions")?;
    Ok(u32::from_be_bytes(dim) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dims: &[usize], data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, dims, data).unwrap();
        bytes
    }

    #[test]
    fn written_files_parse_to_the_same_array() {
        let bytes = file(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        assert_eq!(bytes[..12], [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3]);
        assert_eq!(
            parse(&bytes, "x").unwrap(),
            Idx { dims: vec![2, 3], data: vec![1, 2, 3, 4, 5, 6] }
        );
        assert_eq!(parse(&file(&[0, 3], &[]), "x").unwrap().dims, [0, 3]);
    }

    #[test]
    fn invalid_arrays_are_rejected_by_write() {
        let write =
            |dims: &[usize], data: &[u8]| write(Vec::new(), dims, data).unwrap_err().to_string();
        assert!(write(&[], &[]).contains("0 dimensions"));
        assert!(write(&[1; 5], &[0]).contains("5 dimensions"));
        assert!(write(&[2, 2], &[0; 3]).contains("3 bytes do not fill"));
        assert!(write(&[usize::MAX, 2], &[0; 3]).contains("3 bytes do not fill"));
        assert!(write(&[0, 1 << 33], &[]).contains("longer than 32 bits"));
    }

    #[track_caller]
    fn check_rejected(bytes: &[u8], expected: &str) {
        let message = parse(bytes, "the file").unwrap_err().to_string();
        assert!(message.starts_with("the file: byte ") && message.contains(expected), "{message}");
    }

    #[test]
    fn malformed_files_are_rejected() {
        check_rejected(&[], "byte 0 (after decompression): expected 4 more bytes of magic number");
        check_rejected(
            &[0, 0, 8],
            "byte 3 (after decompression): expected 1 more bytes of magic number",
        );
        check_rejected(&[1, 0, 8, 1, 0, 0, 0, 0], "found 01 00 08 01");
        check_rejected(&[0, 0, 0x0d, 1, 0, 0, 0, 0], "found 00 00 0d 01");
        check_rejected(&[0, 0, 8, 0], "found 00 00 08 00");
        check_rejected(&[0, 0, 8, 5], "found 00 00 08 05");
        check_rejected(
            &[0, 0, 8, 1, 0, 0],
            "byte 6 (after decompression): expected 2 more bytes of dimensions",
        );
        check_rejected(
            &file(&[3], &[1, 2, 3])[..10],
            "byte 10 (after decompression): expected 1 more bytes of array",
        );
        check_rejected(
            &[file(&[1], &[1]), vec![9]].concat(),
            "byte 9 (after decompression): expected the end",
        );
    }

    #[test]
    fn corrupt_headers_allocate_little() {
        let mut huge = vec![0, 0, 8, 2, 0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff];
        check_rejected(
            &huge,
            "byte 12 (after decompression): expected 1048576 more bytes of array",
        );
        huge.splice(3.., [[4, 0xff, 0xff, 0xff].as_slice(), &[0xff; 13]].concat());
        check_rejected(&huge, "does not fit in memory");
    }
}
