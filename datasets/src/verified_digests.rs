//! Digests of verified files, stored beside the files.
//!
//! Some datasets publish digests only of their downloads.
//! The digests of files from a verified download are as trustworthy as published ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::error::{Result, io};
use crate::manifest::DataFile;

/// Name of the digest file in the folder of a dataset. Each line has a SHA-256 of uncompressed bytes and the official
/// name of their file.
const NAME: &str = "verified.sha256";

/// Digests keyed by the official names of the files.
#[derive(Debug, Default)]
pub(crate) struct VerifiedDigests(BTreeMap<String, String>);

impl VerifiedDigests {
    /// Reads the digests in a folder. An absent or unreadable file gives no digests, so the data files count as
    /// unverified.
    pub(crate) fn read(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join(NAME)).unwrap_or_default();
        let entry = |line: &str| {
            line.split_once("  ").map(|(digest, name)| (name.to_owned(), digest.to_owned()))
        };
        Self(text.lines().filter_map(entry).collect())
    }

    /// Adds the digest of a verified file.
    pub(crate) fn add(&mut self, file: &DataFile, digest: String) {
        self.0.insert(file.name.clone(), digest);
    }

    /// Writes the digests to a folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let lines: Vec<String> =
            self.0.iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect();
        let path = folder.join(NAME);
        fs::write(&path, lines.concat()).map_err(io("write", &path))
    }

    /// Expected digest of the file: the published one or the recorded one.
    pub(crate) fn known<'a>(&'a self, file: &'a DataFile) -> Option<&'a str> {
        file.sha256.as_ref().or_else(|| self.0.get(&file.name)).map(String::as_str)
    }
}
