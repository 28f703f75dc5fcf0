//! The digests of files that were verified when they arrived, kept beside them.
//!
//! Some datasets publish digests of their downloads only.
//! Once a download has been verified and unpacked, the digests of what came out are as good as published ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::error::{Result, io};
use crate::manifest::DataFile;

/// The name of the file in a dataset's folder: lines of a SHA-256 and the official name of the file whose uncompressed
/// bytes have it.
const NAME: &str = "verified.sha256";

/// Digests by the files' official names.
#[derive(Debug, Default)]
pub(crate) struct Receipt(BTreeMap<String, String>);

impl Receipt {
    /// The receipt in a folder; an absent or unreadable one is empty, and its files count as unverified.
    pub(crate) fn read(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join(NAME)).unwrap_or_default();
        let entry = |line: &str| {
            line.split_once("  ").map(|(digest, name)| (name.to_owned(), digest.to_owned()))
        };
        Self(text.lines().filter_map(entry).collect())
    }

    /// Notes a verified file.
    pub(crate) fn add(&mut self, file: &DataFile, digest: String) {
        self.0.insert(file.name.clone(), digest);
    }

    /// Keeps the receipt in a folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let lines: Vec<String> =
            self.0.iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect();
        let path = folder.join(NAME);
        fs::write(&path, lines.concat()).map_err(io("write", &path))
    }

    /// The digest that a file should have: the published one, or the one noted here.
    pub(crate) fn known<'a>(&'a self, file: &'a DataFile) -> Option<&'a str> {
        file.sha256.as_ref().or_else(|| self.0.get(&file.name)).map(String::as_str)
    }
}
