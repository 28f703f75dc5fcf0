//! What is published about each dataset: its files, their digests and homes.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::dataset::{Shape, Split};
use crate::error::{Error, Result};
use crate::name::DatasetName;

/// What is published about one dataset, read from TOML.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Manifest {
    /// The dataset.
    pub name: DatasetName,
    /// Its name in full.
    pub title: String,
    /// How its files are laid out.
    pub format: Format,
    /// The authors' page.
    pub homepage: String,
    /// Under which terms it is published.
    pub license: String,
    /// The classes' names; a label is an index into them.
    pub classes: Vec<String>,
    /// The extent of one image.
    pub shape: Shape,
    /// Where other tools put the files below a data folder.
    #[serde(default)]
    pub subfolders: Vec<String>,
    /// Addresses, each ending with a slash, below which every download is offered; tried in this order.
    pub mirrors: Vec<String>,
    /// The published files.
    pub downloads: Vec<Download>,
}

/// How a dataset's files are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Format {
    /// IDX: a file of images and a file of labels per split.
    Idx,
    /// CIFAR-10 binary: files of records of a label and a colour image.
    Cifar10,
}

/// One published, compressed file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Download {
    /// Its name below a mirror's address.
    pub name: String,
    /// Its length, where known.
    pub bytes: Option<u64>,
    /// Its MD5, where published.
    pub md5: Option<String>,
    /// Its SHA-256, where published.
    pub sha256: Option<String>,
    /// For a tar archive, the folder of the files inside; otherwise the download is its one file, gzipped.
    pub archive: Option<String>,
    /// The files inside.
    pub files: Vec<DataFile>,
}

/// One uncompressed file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DataFile {
    /// Its official name.
    pub name: String,
    /// Other names under which it is handed around.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The part of the dataset it belongs to.
    #[serde(deserialize_with = "split")]
    pub split: Split,
    /// What it holds.
    pub content: Content,
    /// How many samples it holds.
    pub samples: usize,
    /// SHA-256 of its bytes, where known.
    pub sha256: Option<String>,
}

/// What a file holds.
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
    /// The built-in manifest of a dataset.
    ///
    /// # Errors
    /// [`Error::BuiltIn`] for generated data, which have no files.
    pub fn of(name: DatasetName) -> Result<&'static Self> {
        BUILT_IN.iter().find(|manifest| manifest.name == name).ok_or(Error::BuiltIn { name })
    }

    /// Reads a manifest, for instance one with other mirrors.
    ///
    /// # Errors
    /// [`Error::Manifest`] if the text is no TOML, lacks something or contradicts itself.
    pub fn parse(text: &str) -> Result<Self> {
        let manifest: Self =
            toml::from_str(text).map_err(|error| Error::Manifest { reason: error.to_string() })?;
        manifest.check().map_err(|reason| Error::Manifest { reason })?;
        Ok(manifest)
    }

    /// All built-in manifests.
    pub(crate) fn all() -> &'static [Self] {
        &*BUILT_IN
    }

    /// All files, in the manifest's order.
    pub(crate) fn files(&self) -> impl Iterator<Item = &DataFile> {
        self.downloads.iter().flat_map(|download| &download.files)
    }

    /// The length of a file that holds as many samples as the manifest says.
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

    fn check(&self) -> Result<(), String> {
        let simple = |name: &str| {
            !name.is_empty() && !name.contains(['/', '\\']) && name != "." && name != ".."
        };
        let names = self.files().flat_map(|file| file.aliases.iter().chain([&file.name]));
        if let Some(name) = names
            .chain(self.downloads.iter().map(|download| &download.name))
            .find(|name| !simple(name))
        {
            return Err(format!("`{name}` is not the name of a file"));
        }
        if !(1..=256).contains(&self.classes.len()) {
            return Err(format!("{} classes do not fit labels of one byte", self.classes.len()));
        }
        if self
            .downloads
            .iter()
            .any(|download| download.archive.is_none() && download.files.len() != 1)
        {
            return Err("a download that is no archive must have exactly one file".to_owned());
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
            Some(split) => Err(format!("the files of the {} split are incomplete", split.as_str())),
            None => Ok(()),
        }
    }
}

impl DataFile {
    /// Every name under which the file may be found.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.aliases).map(String::as_str)
    }
}

static BUILT_IN: LazyLock<[Manifest; 3]> = LazyLock::new(|| {
    let texts = [
        include_str!("../manifests/mnist.toml"),
        include_str!("../manifests/fashion-mnist.toml"),
        include_str!("../manifests/cifar10.toml"),
    ];
    texts.map(|text| Manifest::parse(text).expect("the built-in manifests are valid"))
});

fn split<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Split, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "train" => Ok(Split::Train),
        "test" => Ok(Split::Test),
        other => Err(serde::de::Error::custom(format!(
            "`{other}` is no split; use \"train\" or \"test\""
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
    fn known_lengths_are_computed() {
        let len = |name, index| {
            let manifest = Manifest::of(name).unwrap();
            manifest.decoded_len(manifest.files().nth(index).unwrap())
        };
        assert_eq!(len(DatasetName::Mnist, 0), 47_040_016);
        assert_eq!(len(DatasetName::Mnist, 3), 10_008);
        assert_eq!(len(DatasetName::Cifar10, 5), 30_730_000);
    }

    #[track_caller]
    fn check_refused(find: &str, replacement: &str, reason: &str) {
        let text = include_str!("../manifests/cifar10.toml");
        assert!(text.contains(find));
        let message = Manifest::parse(&text.replace(find, replacement)).unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    }

    #[test]
    fn contradictory_manifests_are_refused() {
        check_refused(
            "\"test_batch.bin\"",
            "\"../test_batch.bin\"",
            "`../test_batch.bin` is not the name of a file",
        );
        check_refused("archive = \"cifar-10-batches-bin\"", "", "must have exactly one file");
        check_refused("split = \"test\"", "split = \"train\"", "the test split are incomplete");
        check_refused("split = \"test\"", "split = \"dev\"", "`dev` is no split");
        check_refused("bytes = ", "octets = ", "octets");
    }
}
