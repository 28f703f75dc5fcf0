//! Bytes of a file on disk or in memory.

use std::{
    fs::File,
    io::{self, Cursor, Read, Seek, SeekFrom},
    path::Path,
};

use crate::{Error, Result};

trait ReadSeek: Read + Seek + Send {}

impl<R: Read + Seek + Send> ReadSeek for R {}

/// A file, or bytes in the place of one.
pub(crate) struct Source {
    /// Name for messages.
    pub(crate) file: String,
    /// Bytes.
    pub(crate) length: u64,
    reader: Box<dyn ReadSeek>,
}

impl Source {
    /// Opens a file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let failed = |source| Error::Read { file: file.clone(), source };
        let metadata = std::fs::metadata(path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(Error::NoFile { file });
        }
        let reader = Box::new(File::open(path).map_err(failed)?);
        Ok(Self { file, length: metadata.len(), reader })
    }

    /// Bytes in memory, under a name for messages.
    pub(crate) fn memory(bytes: Vec<u8>, name: &str) -> Self {
        let length = bytes.len() as u64;
        Self { file: name.to_owned(), length, reader: Box::new(Cursor::new(bytes)) }
    }

    /// Bytes of a range, which has to lie within the file; `place` names it in messages.
    pub(crate) fn range(&mut self, place: &str, start: u64, length: u64) -> Result<Vec<u8>> {
        if start.checked_add(length).is_none_or(|end| end > self.length) {
            return Err(self.damaged(place, "lies beyond the end of the file"));
        }
        let mut bytes = vec![0; length as usize];
        let read = self
            .reader
            .seek(SeekFrom::Start(start))
            .and_then(|_| self.reader.read_exact(&mut bytes));
        read.map_err(|source| Error::Read { file: self.file.clone(), source })?;
        Ok(bytes)
    }

    /// Error for a part of the file.
    pub(crate) fn damaged(&self, place: impl Into<String>, problem: impl Into<String>) -> Error {
        Error::Damaged { file: self.file.clone(), place: place.into(), problem: problem.into() }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.reader.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_lie_within_the_file() {
        let mut source = Source::memory(vec![1, 2, 3], "x");
        assert_eq!(source.range("part", 1, 2).unwrap(), [2, 3]);
        for (start, length) in [(1, 3), (4, 0), (u64::MAX, 1), (1, u64::MAX)] {
            let error = source.range("part", start, length).unwrap_err().to_string();
            assert!(error.contains("part lies beyond"), "{error}");
        }
    }

    #[test]
    fn folders_are_no_files() {
        let error = Source::open(Path::new(".")).err().unwrap().to_string();
        assert!(error.contains("folder"), "{error}");
    }
}
