//! Loading of a dataset into memory.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::collect::{Collector, Conversion};
use crate::dataset::{Dataset, Provenance, Samples, Shape, Split};
use crate::digest::hex;
use crate::error::{Error, Result};
use crate::layout::{self, Located};
use crate::manifest::Manifest;
use crate::name::{DatasetName, Generator, Origin};
use crate::read;
use crate::select::Selection;
use crate::verified_digests::VerifiedDigests;

/// Maximum number of samples per split of a generated dataset.
pub const MAX_GENERATED: usize = 10_000_000;

/// Request to load a dataset.
#[derive(Clone, Debug)]
pub struct LoadRequest {
    /// Name of the dataset.
    pub name: DatasetName,
    /// Folder of its files: a data folder, the dataset's own folder in it, or a folder made by another tool.
    /// Built-in datasets ignore it.
    pub folder: PathBuf,
    /// Number of training samples; all (generated data: 60,000) if `None`; 0 reads no file.
    pub train: Option<usize>,
    /// Number of held-out samples; all (generated data: 10,000) if `None`; 0 reads no file.
    pub test: Option<usize>,
    /// True to convert colour images to grey ([`cifar::luma`](crate::cifar::luma)); grey images are unchanged.
    pub grayscale: bool,
    /// Seed of the selection and the order of samples, or of the generator.
    pub seed: u64,
}

impl LoadRequest {
    /// Creates a request for all samples in colour with seed 0.
    pub fn new(name: DatasetName, folder: impl Into<PathBuf>) -> Self {
        Self { name, folder: folder.into(), train: None, test: None, grayscale: false, seed: 0 }
    }

    fn requested(&self, split: Split) -> Option<usize> {
        match split {
            Split::Train => self.train,
            Split::Test => self.test,
        }
    }
}

/// Loads or generates a dataset.
///
/// A request for fewer samples gives a random subset, and the order is random; both depend only on the seed.
/// A smaller subset is a prefix of a larger one with the same seed.
/// Files are streamed: apart from the result, memory use does not depend on their size.
///
/// # Errors
/// [`Error::Missing`] if files are missing, [`Error::Malformed`], [`Error::Compression`] or [`Error::CountMismatch`] if
/// their content violates the format, [`Error::WrongDataset`] if they belong to another dataset, [`Error::TooFew`] if
/// the request exceeds the number of available samples, [`Error::Io`] if they cannot be read.
/// A file that differs from the published one is no error; see [`Dataset::provenance`].
///
/// # Examples
/// ```
/// use isobath_datasets::{DatasetName, LoadRequest, load};
///
/// let request = LoadRequest { train: Some(100), test: Some(20), ..LoadRequest::new(DatasetName::Digits, "") };
/// let digits = load(&request)?;
/// assert_eq!(digits.train.images.dim(), (100, 784));
/// assert_eq!(digits.test.len(), 20);
/// # Ok::<(), isobath_datasets::Error>(())
/// ```
pub fn load(request: &LoadRequest) -> Result<Dataset> {
    match request.name.origin() {
        Origin::Generated(version, generator) => generate(request, version, generator),
        Origin::Published(_) => load_files(request),
    }
}

fn generate(request: &LoadRequest, version: u32, generator: Generator) -> Result<Dataset> {
    let mut fingerprint = Fingerprint::new();
    let mut split = |split, default| {
        let requested = request.requested(split).unwrap_or(default);
        if requested > MAX_GENERATED {
            return Err(Error::TooFew {
                name: request.name.to_string(),
                split,
                requested,
                available: MAX_GENERATED,
            });
        }
        fingerprint.add(&format!(
            "{} {version} {} {} {requested}",
            request.name,
            request.seed,
            split.as_str()
        ));
        Ok(generator(request.seed, split, requested))
    };
    Ok(Dataset {
        name: request.name.to_string(),
        train: split(Split::Train, 60_000)?,
        test: split(Split::Test, 10_000)?,
        shape: Shape { channels: 1, height: 28, width: 28 },
        classes: (0..10).map(|class| class.to_string()).collect(),
        provenance: Provenance::Generated,
        fingerprint: fingerprint.finish(),
    })
}

fn load_files(request: &LoadRequest) -> Result<Dataset> {
    let manifest = Manifest::of(request.name)?;
    let located = layout::locate(manifest, &request.folder);
    let grey = request.grayscale && manifest.shape.channels > 1;
    let channels = if grey { 1 } else { manifest.shape.channels };
    let mut loader = FileLoader {
        request,
        manifest,
        conversion: if grey { Conversion::Grey } else { Conversion::Scale },
        shape: Shape { channels, ..manifest.shape },
        provenance: Provenance::Official,
        fingerprint: Fingerprint::new(),
    };
    Ok(Dataset {
        name: request.name.to_string(),
        train: loader.load(&located, Split::Train)?,
        test: loader.load(&located, Split::Test)?,
        shape: loader.shape,
        classes: manifest.classes.clone(),
        provenance: loader.provenance,
        fingerprint: loader.fingerprint.finish(),
    })
}

/// Loads the splits of one dataset and records everything that determines their values.
struct FileLoader<'a> {
    request: &'a LoadRequest,
    manifest: &'static Manifest,
    conversion: Conversion,
    shape: Shape,
    provenance: Provenance,
    fingerprint: Fingerprint,
}

impl FileLoader<'_> {
    fn load(&mut self, located: &[Located<'static>], split: Split) -> Result<Samples> {
        let requested = self.request.requested(split);
        if requested == Some(0) {
            self.fingerprint.add("no samples");
            return Ok(Samples {
                images: ndarray::Array2::zeros((0, self.shape.len())),
                labels: Vec::new(),
            });
        }
        let files = layout::of_split(self.manifest, located, split, &self.request.folder)?;
        let available = read::count(self.manifest, &files)?;
        let selection =
            Selection::new(self.request.name, split, self.request.seed, available, requested)?;
        self.fingerprint.add(&format!(
            "seed {}, {} samples, {:?}",
            self.request.seed,
            selection.len(),
            self.conversion
        ));
        let mut collector = Collector::new(selection, self.conversion, self.shape.len());
        for (file, digest) in files.iter().zip(read::read(self.manifest, &files, &mut collector)?) {
            self.check_provenance(file, &digest)?;
            self.fingerprint.add(&digest);
        }
        Ok(collector.finish())
    }

    /// Compares a file with the published ones.
    fn check_provenance(&mut self, located: &Located, digest: &str) -> Result<()> {
        let verified = VerifiedDigests::read(located.path.parent().unwrap_or(Path::new("")));
        if verified.known(located.file) == Some(digest) {
            return Ok(());
        }
        self.provenance = Provenance::Unverified;
        match owner(digest) {
            Some(actual) if actual != self.request.name => Err(Error::WrongDataset {
                file: located.path.display().to_string(),
                requested: self.request.name,
                actual,
            }),
            _ => Ok(()),
        }
    }
}

/// Dataset that publishes a file with this digest.
fn owner(digest: &str) -> Option<DatasetName> {
    let publishes =
        |manifest: &&Manifest| manifest.files().any(|file| file.sha256.as_deref() == Some(digest));
    Manifest::all().iter().find(publishes).map(|manifest| manifest.name)
}

/// Digest of lines of text.
pub(crate) struct Fingerprint(Sha256);

impl Fingerprint {
    pub(crate) fn new() -> Self {
        Self(Sha256::new())
    }

    pub(crate) fn add(&mut self, line: &str) {
        self.0.update(line);
        self.0.update("\n");
    }

    pub(crate) fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}
