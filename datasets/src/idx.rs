//! The IDX format, in which MNIST and its relatives are published.
//!
//! Two zero bytes, the type of the numbers (only `0x08`, unsigned bytes, is read here), the number of dimensions, each
//! dimension as a big-endian 32-bit number, then the bytes with the last dimension running fastest.

use crate::error::Result;
use crate::source::{Source, describe};

/// The code of unsigned bytes.
const UNSIGNED_BYTES: u8 = 0x08;
/// More dimensions than any known file has.
const MAX_DIMS: u8 = 4;
/// Content is read in pieces of this size, so that a header cannot make the reader allocate what is not there.
const PIECE: usize = 1 << 20;

/// The content of an IDX file of unsigned bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// The extent in each dimension, slowest first; 1 to 4 of them.
    pub dims: Vec<usize>,
    /// The numbers, as many as the product of `dims`.
    pub data: Vec<u8>,
}

/// Reads an IDX file from memory, plain or gzipped; `name` is what errors call it.
///
/// # Errors
/// [`Error::Malformed`](crate::Error::Malformed) if the magic number, the dimensions or the length are wrong, or if
/// compressed data are damaged.
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
        data.resize(total.min(start + PIECE), 0);
        source.fill(&mut data[start..], "array")?;
    }
    source.finish()?;
    Ok(Idx { dims, data })
}

/// Writes an IDX file of unsigned bytes, for instance to use generated data elsewhere.
///
/// # Errors
/// Those of `writer`; [`std::io::ErrorKind::InvalidInput`] if the dimensions are none, more than four, longer than 32
/// bits, or do not multiply to the length of the data.
pub fn write(mut writer: impl std::io::Write, dims: &[usize], data: &[u8]) -> std::io::Result<()> {
    let invalid = |reason: String| std::io::Error::new(std::io::ErrorKind::InvalidInput, reason);
    let n_dims = u8::try_from(dims.len()).ok().filter(|count| (1..=MAX_DIMS).contains(count));
    let n_dims = n_dims
        .ok_or_else(|| invalid(format!("{} dimensions, IDX files here have 1 to 4", dims.len())))?;
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

/// Reads the header up to the first number.
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
    fn what_is_written_is_read_again() {
        let bytes = file(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        assert_eq!(bytes[..12], [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3]);
        assert_eq!(
            parse(&bytes, "x").unwrap(),
            Idx { dims: vec![2, 3], data: vec![1, 2, 3, 4, 5, 6] }
        );
        assert_eq!(parse(&file(&[0, 3], &[]), "x").unwrap().dims, [0, 3]);
    }

    #[test]
    fn impossible_files_are_not_written() {
        let write =
            |dims: &[usize], data: &[u8]| write(Vec::new(), dims, data).unwrap_err().to_string();
        assert!(write(&[], &[]).contains("0 dimensions"));
        assert!(write(&[1; 5], &[0]).contains("5 dimensions"));
        assert!(write(&[2, 2], &[0; 3]).contains("3 bytes do not fill"));
        assert!(write(&[usize::MAX, 2], &[0; 3]).contains("3 bytes do not fill"));
        assert!(write(&[0, 1 << 33], &[]).contains("longer than 32 bits"));
    }

    #[track_caller]
    fn check_refused(bytes: &[u8], expected: &str) {
        let message = parse(bytes, "the file").unwrap_err().to_string();
        assert!(message.starts_with("the file: byte ") && message.contains(expected), "{message}");
    }

    #[test]
    fn malformed_files_are_refused() {
        check_refused(&[], "byte 0 (after decompression): expected 4 more bytes of magic number");
        check_refused(
            &[0, 0, 8],
            "byte 3 (after decompression): expected 1 more bytes of magic number",
        );
        check_refused(&[1, 0, 8, 1, 0, 0, 0, 0], "found 01 00 08 01");
        check_refused(&[0, 0, 0x0d, 1, 0, 0, 0, 0], "found 00 00 0d 01");
        check_refused(&[0, 0, 8, 0], "found 00 00 08 00");
        check_refused(&[0, 0, 8, 5], "found 00 00 08 05");
        check_refused(
            &[0, 0, 8, 1, 0, 0],
            "byte 6 (after decompression): expected 2 more bytes of dimensions",
        );
        check_refused(
            &file(&[3], &[1, 2, 3])[..10],
            "byte 10 (after decompression): expected 1 more bytes of array",
        );
        check_refused(
            &[file(&[1], &[1]), vec![9]].concat(),
            "byte 9 (after decompression): expected the end",
        );
    }

    #[test]
    fn a_header_alone_allocates_little() {
        let mut huge = vec![0, 0, 8, 2, 0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff];
        check_refused(&huge, "byte 12 (after decompression): expected 1048576 more bytes of array");
        huge.splice(3.., [[4, 0xff, 0xff, 0xff].as_slice(), &[0xff; 13]].concat());
        check_refused(&huge, "does not fit in memory");
    }
}
