//! Binary format of CIFAR-10: records of one label byte and 3,072 pixel bytes without separators.
//!
//! The pixels are the red, the green and the blue plane in this order, each 32 x 32 in row-major order.

use crate::error::Result;
use crate::source::Source;

/// Bytes of one colour plane.
pub(crate) const PLANE: usize = 32 * 32;
/// Bytes of one image.
const IMAGE: usize = 3 * PLANE;
/// Bytes of one record.
pub(crate) const RECORD: usize = 1 + IMAGE;

/// Content of a CIFAR-10 batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// One class per image, below 10.
    pub labels: Vec<u8>,
    /// `[n, 3, 32, 32]`: 3,072 bytes per image, plane by plane.
    pub pixels: Vec<u8>,
}

/// Parses a plain or gzipped batch from memory; error messages use `name` as the name of the file.
///
/// # Errors
/// [`Error::Malformed`](crate::Error::Malformed) if the length is not a multiple of the record length or a label is 10
/// or more, [`Error::Compression`](crate::Error::Compression) if the compressed data are damaged.
pub fn parse(bytes: &[u8], name: &str) -> Result<Batch> {
    let mut batch = Batch { labels: Vec::new(), pixels: Vec::new() };
    read_records(Source::bytes(name, bytes), 10, usize::MAX, |label, pixels| {
        batch.labels.push(label);
        batch.pixels.extend_from_slice(pixels);
    })?;
    Ok(batch)
}

/// Grey value of a colour: ITU-R BT.601 luma, `0.299 R + 0.587 G + 0.114 B`, rounded to an integer.
///
/// The weights have 16 bits, as in common imaging libraries, so that grey images match those of these libraries.
pub fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let [red, green, blue] = [red, green, blue].map(u32::from);
    ((19_595 * red + 38_470 * green + 7_471 * blue + 32_768) >> 16) as u8
}

/// Passes at most `limit` records to `take` and returns the SHA-256 of the uncompressed file.
pub(crate) fn read_records(
    mut source: Source,
    n_classes: usize,
    limit: usize,
    mut take: impl FnMut(u8, &[u8]),
) -> Result<String> {
    let mut record = [0; RECORD];
    for _ in 0..limit {
        let start = source.offset();
        match source.read(&mut record)? {
            0 => break,
            RECORD => {}
            partial => {
                let found = format!("the end of the file after {partial} bytes");
                return Err(source.malformed_at(start, "a record of 3073 bytes", found));
            }
        }
        if usize::from(record[0]) >= n_classes {
            return Err(source.malformed_at(
                start,
                format!("a label below {n_classes}"),
                record[0].to_string(),
            ));
        }
        take(record[0], &record[1..]);
    }
    source.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(label: u8) -> Vec<u8> {
        std::iter::once(label).chain((0..IMAGE).map(|i| (i / PLANE) as u8 * 100 + label)).collect()
    }

    #[test]
    fn parses_labels_and_planes() {
        let batch = parse(&[record(3), record(9)].concat(), "x").unwrap();
        assert_eq!(batch.labels, [3, 9]);
        assert_eq!(batch.pixels.len(), 2 * IMAGE);
        assert_eq!([0, PLANE, 2 * PLANE, IMAGE].map(|i| batch.pixels[i]), [3, 103, 203, 9]);
    }

    #[track_caller]
    fn check_rejected(bytes: &[u8], expected: &str) {
        let message = parse(bytes, "batch").unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn malformed_batches_are_rejected() {
        check_rejected(
            &[record(1), record(2)[..40].to_vec()].concat(),
            "byte 3073 (after decompression): expected a",
        );
        check_rejected(&[record(1), record(10)].concat(), "expected a label below 10, found 10");
        let long = [record(1), record(2)].concat();
        let error =
            read_records(Source::bytes("x", &long), 10, 1, |_, _| ()).unwrap_err().to_string();
        assert!(
            error.contains("byte 3073 (after decompression): expected the end of the file"),
            "{error}"
        );
    }

    #[test]
    fn luma_preserves_grey_and_weights_green_most() {
        assert!((0..=255).all(|grey| luma(grey, grey, grey) == grey));
        assert_eq!([luma(255, 0, 0), luma(0, 255, 0), luma(0, 0, 255)], [76, 150, 29]);
    }
}
