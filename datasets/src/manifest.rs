//! Manifests of published datasets: files, digests and download addresses.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::dataset::{Shape, Split};
use crate::error::{Error, Result};
use crate::name::{DatasetName, Origin};

/// Description of a published dataset, read from TOML.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Manifest {
    /// Identifier of the dataset.
    pub name: DatasetName,
    /// Full name.
    pub title: String,
    /// File format.
    pub format: Format,
    /// Home page of the authors.
    pub homepage: String,
    /// Licence of the dataset.
    pub license: String,
    /// Names of the classes; labels are indices into this list.
    pub classes: Vec<String>,
    /// Extent of one image.
    pub shape: Shape,
    /// Subfolders of a data folder in which other tools store the files.
    #[serde(default)]
    pub subfolders: Vec<String>,
    /// Base addresses of the downloads, each ending with a slash, in order of preference.
    pub mirrors: Vec<String>,
    /// Published files.
    pub downloads: Vec<Download>,
}

/// Reason why a manifest is not valid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The text is not TOML or violates the schema.
    #[error("{0}")]
    Syntax(#[source] Box<toml::de::Error>),
    /// A name is not a plain file name.
    #[error("`{name}` is not the name of a file")]
    FileName {
        /// The invalid name.
        name: String,
    },
    /// The number of classes is zero or exceeds the range of a label.
    #[error("{n_classes} classes do not fit labels of one byte")]
    Classes {
        /// Number of classes.
        n_classes: usize,
    },
    /// A download without an archive does not have exactly one file.
    #[error("`{name}` is not an archive and must have exactly one file, not {n_files}")]
    FileCount {
        /// Name of the download.
        name: String,
        /// Number of its files.
        n_files: usize,
    },
    /// A split lacks files that the format requires.
    #[error("the {} split is incomplete", split.as_str())]
    IncompleteSplit {
        /// The incomplete split.
        split: Split,
    },
}

/// File format of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Format {
    /// IDX: one file of images and one file of labels per split.
    Idx,
    /// CIFAR-10 binary: files of records, each with a label and a colour image.
    Cifar10,
}

/// Published, compressed file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Download {
    /// Name relative to a mirror's address.
    pub name: String,
    /// Length in bytes, if known.
    pub bytes: Option<u64>,
    /// MD5, if published.
    pub md5: Option<String>,
    /// SHA-256, if published.
    pub sha256: Option<String>,
    /// Folder of the files inside a tar archive; `None` for a single gzipped file.
    pub archive: Option<String>,
    /// Files in the download.
    pub files: Vec<DataFile>,
}

/// Uncompressed data file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DataFile {
    /// Official name.
    pub name: String,
    /// Other names in common use.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Split of its samples.
    #[serde(deserialize_with = "split")]
    pub split: Split,
    /// Kind of its content.
    pub content: Content,
    /// Number of its samples.
    pub samples: usize,
    /// SHA-256 of its bytes, if known.
    pub sha256: Option<String>,
}

/// Kind of content of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Content {
    /// Images only.
    Images,
    /// Labels only.
    Labels,
    /// Labels and images.
    Records,
}

impl Manifest {
    /// Returns the built-in manifest of a dataset.
    ///
    /// # Errors
    /// [`Error::BuiltIn`] for generated data, which have no files.
    pub fn of(name: DatasetName) -> Result<&'static Self> {
        BUILT_IN.iter().find(|manifest| manifest.name == name).ok_or(Error::BuiltIn { name })
    }

    /// Parses a manifest, for example one with other mirrors.
    ///
    /// # Errors
    /// [`Error::Manifest`] if the text is not valid TOML, incomplete or inconsistent.
    pub fn parse(text: &str) -> Result<Self> {
        let manifest: Self =
            toml::from_str(text).map_err(|error| ManifestError::Syntax(Box::new(error)))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// All built-in manifests.
    pub(crate) fn all() -> &'static [Self] {
        &BUILT_IN
    }

    /// All files, in the order of the manifest.
    pub(crate) fn files(&self) -> impl Iterator<Item = &DataFile> {
        self.downloads.iter().flat_map(|download| &download.files)
    }

    /// Length of the complete uncompressed file in bytes.
    pub(crate) fn decoded_len(&self, file: &DataFile) -> u64 {
        let per_sample = match file.content {
            Content::Images => self.shape.len(),
            Content::Labels => 1,
            Content::Records => 1 + self.shape.len(),
        };
        let header = match file.content {
            Content::Images => 16,
            Content::Labels => 8,
            Content::Records => 0,
        };
        header + file.samples as u64 * per_sample as u64
    }

    fn check(&self) -> Result<(), ManifestError> {
        let simple = |name: &str| {
            !name.is_empty() && !name.contains(['/', '\\']) && name != "." && name != ".."
        };
        let names = self.files().flat_map(|file| file.aliases.iter().chain([&file.name]));
        if let Some(name) = names
            .chain(self.downloads.iter().map(|download| &download.name))
            .find(|name| !simple(name))
        {
            return Err(ManifestError::FileName { name: name.clone() });
        }
        if !(1..=256).contains(&self.classes.len()) {
            return Err(ManifestError::Classes { n_classes: self.classes.len() });
        }
        let is_invalid =
            |download: &&Download| download.archive.is_none() && download.files.len() != 1;
        if let Some(download) = self.downloads.iter().find(is_invalid) {
            let (name, n_files) = (download.name.clone(), download.files.len());
            return Err(ManifestError::FileCount { name, n_files });
        }
        let expected: &[Content] = match self.format {
            Format::Idx => &[Content::Labels, Content::Images],
            Format::Cifar10 => &[Content::Records],
        };
        let splits = [Split::Train, Split::Test];
        let lacks = |split, content| {
            !self.files().any(|file| file.split == split && file.content == content)
        };
        match splits.iter().find(|split| expected.iter().any(|content| lacks(**split, *content))) {
            Some(split) => Err(ManifestError::IncompleteSplit { split: *split }),
            None => Ok(()),
        }
    }
}

impl DataFile {
    /// All known names of the file.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.aliases).map(String::as_str)
    }
}

static BUILT_IN: LazyLock<Vec<Manifest>> = LazyLock::new(|| {
    let texts = DatasetName::ALL.into_iter().filter_map(|name| match name.origin() {
        Origin::Published(text) => Some(text),
        Origin::Generated(..) => None,
    });
    texts.map(|text| Manifest::parse(text).expect("the built-in manifests are valid")).collect()
});

fn split<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Split, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "train" => Ok(Split::Train),
        "test" => Ok(Split::Test),
        other => Err(serde::de::Error::custom(format!(
            "`{other}` is not a split; use \"train\" or \"test\""
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_manifests_are_complete() {
        for name in DatasetName::ALL.into_iter().filter(|name| !name.is_built_in()) {
            let manifest = Manifest::of(name).unwrap();
            assert_eq!(manifest.classes.len(), 10);
            assert!(
                manifest.mirrors.len() >= 2
                    && manifest.mirrors.iter().all(|mirror| mirror.ends_with('/'))
            );
            for download in &manifest.downloads {
                assert_eq!(download.md5.as_ref().map(String::len), Some(32), "{}", download.name);
                assert_eq!(
                    download.sha256.as_ref().map(String::len),
                    Some(64),
                    "{}",
                    download.name
                );
            }
            let test: usize = manifest
                .files()
                .filter(|file| file.content != Content::Images)
                .map(|f| f.samples)
                .sum();
            assert_eq!(test, if name == DatasetName::Cifar10 { 60_000 } else { 70_000 });
        }
    }

    #[test]
    fn decoded_lengths_match_the_formats() {
        let len = |name, index| {
            let manifest = Manifest::of(name).unwrap();
            manifest.decoded_len(manifest.files().nth(index).unwrap())
        };
        assert_eq!(len(DatasetName::Mnist, 0), 47_040_016);
        assert_eq!(len(DatasetName::Mnist, 3), 10_008);
        assert_eq!(len(DatasetName::Cifar10, 5), 30_730_000);
    }

    #[track_caller]
    fn check_rejected(find: &str, replacement: &str, reason: &str) {
        let text = include_str!("../manifests/cifar10.toml");
        assert!(text.contains(find));
        let message = Manifest::parse(&text.replace(find, replacement)).unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    }

    #[test]
    fn inconsistent_manifests_are_rejected() {
        check_rejected(
            "\"test_batch.bin\"",
            "\"../test_batch.bin\"",
            "`../test_batch.bin` is not the name of a file",
        );
        check_rejected("archive = \"cifar-10-batches-bin\"", "", "must have exactly one");
        check_rejected("split = \"test\"", "split = \"train\"", "the test split is incomplete");
        check_rejected("split = \"test\"", "split = \"dev\"", "`dev` is not a split");
        check_rejected("bytes = ", "octets = ", "octets");
    }
}
