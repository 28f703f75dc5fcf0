//! Stream of uncompressed bytes that tracks its offset, so that every error contains a file and an offset.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::digest::hex;
use crate::error::{Error, Result, io};

/// First bytes of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Size of the read buffers in bytes.
const BUFFER: usize = 256 * 1024;

/// File or slice that is decompressed on the fly if its content is gzip, regardless of its name.
pub(crate) struct Source<'a> {
    name: String,
    reader: Box<dyn Read + 'a>,
    /// Number of uncompressed bytes read so far.
    offset: u64,
    /// Digest of the uncompressed bytes.
    digest: Sha256,
}

impl Source<'static> {
    /// Opens a regular file.
    ///
    /// # Errors
    /// Those of [`open_file`]; [`Error::Malformed`] if the name ends with `.gz` but the content is not gzip.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = open_file(path)?;
        let name = path.display().to_string();
        let mut reader = BufReader::with_capacity(BUFFER, file);
        let start = reader.fill_buf().map_err(io("read", path))?;
        if path.extension().is_some_and(|extension| extension == "gz") && !start.starts_with(&GZIP)
        {
            return Err(malformed(&name, 0, "the start of a gzip file, 1f 8b", describe(start, 2)));
        }
        Ok(Self::new(name, reader))
    }
}

/// Opens a regular file. Others, such as named pipes, may wait for a writer forever.
///
/// # Errors
/// [`Error::Io`]; [`Error::Unusable`] for a folder, pipe, socket or device.
pub(crate) fn open_file(path: &Path) -> Result<File> {
    let metadata = std::fs::metadata(path).map_err(io("open", path))?;
    if metadata.is_file() {
        return File::open(path).map_err(io("open", path));
    }
    let found = if metadata.is_dir() { "a folder" } else { "a pipe, socket or device" };
    Err(Error::Unusable {
        file: path.display().to_string(),
        found: found.to_owned(),
        advice: "give a regular file; write what a pipe delivers to a file first".to_owned(),
    })
}

impl<'a> Source<'a> {
    /// Reads from memory; error messages use `name` as the name of the file.
    pub(crate) fn bytes(name: &str, bytes: &'a [u8]) -> Self {
        Self::new(name.to_owned(), bytes)
    }

    /// Reads what `reader` gives, without decompression.
    pub(crate) fn reader(name: &str, reader: Box<dyn Read + 'a>) -> Self {
        Self { name: name.to_owned(), reader, offset: 0, digest: Sha256::new() }
    }

    fn new(name: String, mut reader: impl BufRead + 'a) -> Self {
        // An error here occurs again at the first read, which reports it.
        let gzip = reader.fill_buf().is_ok_and(|start| start.starts_with(&GZIP));
        let reader: Box<dyn Read> = if gzip {
            Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(reader)))
        } else {
            Box::new(reader)
        };
        Self { name, reader, offset: 0, digest: Sha256::new() }
    }

    /// Number of uncompressed bytes read so far.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Fills the buffer as far as the content allows and returns the number of bytes read.
    ///
    /// # Errors
    /// [`Error::Compression`] if the compressed data are truncated or damaged; [`Error::Io`].
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.reader.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.read_error(error, filled)),
            }
        }
        self.digest.update(&buffer[..filled]);
        self.offset += filled as u64;
        Ok(filled)
    }

    /// Fills the whole buffer; `what` describes its content in an error message.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the content is too short; otherwise the errors of [`Source::read`].
    pub(crate) fn fill(&mut self, buffer: &mut [u8], what: &str) -> Result<()> {
        let filled = self.read(buffer)?;
        if filled < buffer.len() {
            let missing = format!("{} more bytes of {what}", buffer.len() - filled);
            return Err(self.malformed_at(self.offset, missing, "the end of the file"));
        }
        Ok(())
    }

    /// Reads the content to its end.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is longer than `limit` bytes; otherwise the errors of [`Source::read`].
    pub(crate) fn read_to_end(mut self, limit: u64) -> Result<Vec<u8>> {
        let (mut content, mut buffer) = (Vec::new(), vec![0; BUFFER]);
        loop {
            match self.read(&mut buffer)? {
                0 => return Ok(content),
                _ if self.offset > limit => {
                    let expected = format!("at most {limit} bytes");
                    return Err(self.malformed_at(limit, expected, "more"));
                }
                n => content.extend_from_slice(&buffer[..n]),
            }
        }
    }

    /// Reads at most `limit` bytes to the end of the content.
    ///
    /// # Errors
    /// [`Error::Malformed`] if there are more bytes; otherwise the errors of [`Source::read`].
    pub(crate) fn drain(&mut self, limit: u64) -> Result<()> {
        let mut buffer = vec![0; BUFFER];
        let end = self.offset.saturating_add(limit);
        while self.read(&mut buffer)? > 0 {
            if self.offset > end {
                let expected = format!("at most {limit} more bytes");
                return Err(self.malformed_at(end, expected, "more"));
            }
        }
        Ok(())
    }

    /// Returns the SHA-256 of the content, which must end here.
    ///
    /// # Errors
    /// [`Error::Malformed`] if there are trailing bytes; otherwise the errors of [`Source::read`].
    pub(crate) fn finish(mut self) -> Result<String> {
        let end = self.offset;
        let mut extra = [0; 1];
        if self.read(&mut extra)? > 0 {
            let found = format!("more data, starting with {:#04x}", extra[0]);
            return Err(self.malformed_at(end, "the end of the file", found));
        }
        Ok(hex(&self.digest.finalize()))
    }

    /// Creates an [`Error::Malformed`] at `offset`.
    pub(crate) fn malformed_at(
        &self,
        offset: u64,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Error {
        malformed(&self.name, offset, expected, found)
    }

    /// Converts a read error: the decoder reports truncated and damaged data by the error kind.
    fn read_error(&self, error: std::io::Error, filled: usize) -> Error {
        let problem = match error.kind() {
            ErrorKind::UnexpectedEof => "the compressed data are truncated",
            ErrorKind::InvalidInput | ErrorKind::InvalidData => "the compressed data are damaged",
            _ => return io("read", &self.name)(error),
        };
        let offset = self.offset + filled as u64;
        Error::Compression { file: self.name.clone(), offset, problem, source: error }
    }
}

/// Returns true if the content of a file is gzip.
pub(crate) fn is_gzip(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    let file = open_file(path)?;
    file.take(GZIP.len() as u64).read_to_end(&mut start).map_err(io("read", path))?;
    Ok(start == GZIP)
}

fn malformed(
    file: &str,
    offset: u64,
    expected: impl Into<String>,
    found: impl Into<String>,
) -> Error {
    Error::Malformed {
        file: file.to_owned(),
        offset,
        expected: expected.into(),
        found: found.into(),
    }
}

/// Formats the first `count` of `bytes` for an error message.
pub(crate) fn describe(bytes: &[u8], count: usize) -> String {
    if bytes.is_empty() {
        return "nothing".to_owned();
    }
    bytes.iter().take(count).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read_all(bytes: &[u8], length: usize) -> Result<String> {
        let mut source = Source::bytes("x", bytes);
        source.fill(&mut vec![0; length], "data")?;
        source.finish()
    }

    #[test]
    fn gzip_and_plain_read_the_same() {
        let content: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        let digest = read_all(&content, 100_000).unwrap();
        assert_eq!(digest, read_all(&gzip(&content), 100_000).unwrap());
        assert_eq!(digest, hex(&Sha256::digest(&content)));
    }

    #[track_caller]
    fn check(bytes: &[u8], length: usize, expected: &str) {
        let message = read_all(bytes, length).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn errors_contain_the_offset() {
        check(
            b"abc",
            5,
            "byte 3 (after decompression): expected 2 more bytes of data, found the end of the file",
        );
        check(
            b"abc",
            2,
            "byte 2 (after decompression): expected the end of the file, found more data, starting",
        );
        let content: Vec<u8> = (0..=255).cycle().take(5_000).collect();
        let whole = gzip(&content);
        for cut in 2..whole.len() {
            check(&whole[..cut], 5_000, "the compressed data are truncated");
        }
        let mut wrong_sum = whole.clone();
        let at = wrong_sum.len() - 6;
        wrong_sum[at] ^= 1;
        check(&wrong_sum, 5_000, "the compressed data are damaged");
        check(&[whole, b"junk".to_vec()].concat(), 5_000, "compressed data");
    }

    #[test]
    fn names_ending_with_gz_require_gzip() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plain.gz");
        std::fs::write(&path, b"hello").unwrap();
        let message = Source::open(&path).err().unwrap().to_string();
        assert!(
            message.contains("expected the start of a gzip file, 1f 8b, found 68 65"),
            "{message}"
        );
    }
}
