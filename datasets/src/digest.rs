//! Digests as hexadecimal text.

use std::fmt::Write;
use std::io::Read;
use std::path::Path;

use md5::Md5;
use sha2::{Digest, Sha256};

use crate::error::{Result, io};
use crate::source::open_file;

/// Formats the bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

/// Digests of the bytes of a file, without decompression.
pub(crate) struct FileDigests {
    pub(crate) md5: String,
    pub(crate) sha256: String,
}

impl FileDigests {
    /// Computes all digests in one pass over the file.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let mut file = open_file(path)?;
        let (mut md5, mut sha256) = (Md5::new(), Sha256::new());
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match file.read(&mut buffer).map_err(io("read", path))? {
                0 => {
                    return Ok(Self { md5: hex(&md5.finalize()), sha256: hex(&sha256.finalize()) });
                }
                n => {
                    md5.update(&buffer[..n]);
                    sha256.update(&buffer[..n]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_the_standard_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let digests = FileDigests::of(&path).unwrap();
        // Test vectors of RFC 1321 and FIPS 180.
        assert_eq!(digests.md5, "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(
            digests.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
