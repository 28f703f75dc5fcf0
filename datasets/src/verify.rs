//! Comparison of files with published digests.

use std::path::Path;

use crate::digest::FileDigests;
use crate::error::{Error, Result};
use crate::layout::Located;
use crate::manifest::Download;
use crate::source::{Source, is_gzip};

/// SHA-256 of the uncompressed bytes of a file.
pub(crate) fn content_digest(path: &Path) -> Result<String> {
    let mut source = Source::open(path)?;
    source.drain(u64::MAX)?;
    source.finish()
}

/// Checks the bytes of a download.
///
/// Recompressed and decompressed copies are accepted if their content has the published digest.
///
/// # Errors
/// [`Error::Checksum`]; [`Error::Io`].
pub(crate) fn check_download(download: &Download, path: &Path) -> Result<()> {
    let Err(mismatch) = check_bytes(download, path) else { return Ok(()) };
    match download.files.as_slice() {
        [file] if download.archive.is_none() && file.sha256.is_some() => {
            // Report undecodable content by its checksum, which the user can compare.
            let same = content_digest(path).is_ok_and(|digest| file.sha256 == Some(digest));
            if same { Ok(()) } else { Err(mismatch) }
        }
        _ => Err(mismatch),
    }
}

/// Checks a file with the known digest `content` of its uncompressed bytes.
///
/// # Errors
/// [`Error::Checksum`]; [`Error::Unverifiable`] if no digest is published; [`Error::Io`].
pub(crate) fn check_file(download: &Download, located: &Located, content: &str) -> Result<()> {
    let file = located.path.display().to_string();
    match &located.file.sha256 {
        Some(expected) if expected == content => Ok(()),
        Some(expected) => Err(Error::Checksum {
            file,
            algorithm: "SHA-256 (uncompressed)",
            expected: expected.clone(),
            actual: content.to_owned(),
        }),
        None if download.archive.is_none() && is_gzip(&located.path)? => {
            check_bytes(download, &located.path)
        }
        None => Err(Error::Unverifiable { file, download: download.name.clone() }),
    }
}

/// Compares the raw bytes of a file with every published digest.
fn check_bytes(download: &Download, path: &Path) -> Result<()> {
    let actual = FileDigests::of(path)?;
    let pairs = [("SHA-256", &download.sha256, actual.sha256), ("MD5", &download.md5, actual.md5)];
    for (algorithm, expected, actual) in pairs {
        if let Some(expected) = expected.as_ref().filter(|expected| **expected != actual) {
            let file = path.display().to_string();
            return Err(Error::Checksum { file, algorithm, expected: expected.clone(), actual });
        }
    }
    if download.sha256.is_none() && download.md5.is_none() {
        return Err(Error::Unverifiable {
            file: path.display().to_string(),
            download: download.name.clone(),
        });
    }
    Ok(())
}
