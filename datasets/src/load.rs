//! From a request to a dataset in memory.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::collect::{Collector, Conversion};
use crate::dataset::{Dataset, Provenance, Samples, Shape, Split};
use crate::digest::hex;
use crate::error::{Error, Result};
use crate::layout::{self, Located};
use crate::manifest::Manifest;
use crate::name::DatasetName;
use crate::receipt::Receipt;
use crate::select::Selection;
use crate::{digits, noise, read};

/// The number of samples that a generated dataset can be asked for, per split.
pub const MOST_GENERATED: usize = 10_000_000;

/// Which data to load.
#[derive(Clone, Debug)]
pub struct LoadRequest {
    /// The dataset.
    pub name: DatasetName,
    /// Where its files are: a data folder, the dataset's own folder in it, or one as other tools make it.
    /// Not used for built-in datasets.
    pub folder: PathBuf,
    /// Samples to learn from; all (for generated data: 60,000) if not given, and no file is read for 0.
    pub train: Option<usize>,
    /// Held-out samples; all (for generated data: 10,000) if not given, and no file is read for 0.
    pub test: Option<usize>,
    /// Whether colour images become grey ([`cifar::luma`](crate::cifar::luma)); grey ones stay as they are.
    pub grayscale: bool,
    /// Decides which samples are kept and their order, or generates them.
    pub seed: u64,
}

impl LoadRequest {
    /// A request for all samples in colour with seed 0.
    pub fn new(name: DatasetName, folder: impl Into<PathBuf>) -> Self {
        Self { name, folder: folder.into(), train: None, test: None, grayscale: false, seed: 0 }
    }

    fn asked(&self, split: Split) -> Option<usize> {
        match split {
            Split::Train => self.train,
            Split::Test => self.test,
        }
    }
}

/// Loads or generates a dataset.
///
/// Fewer samples than all are a random subset, and the order is random; both are a function of the seed alone.
/// A smaller subset is the beginning of a larger one with the same seed.
/// Files stream past: apart from the result, memory use does not depend on their size.
///
/// # Errors
/// [`Error::Missing`] if files are missing, [`Error::Malformed`] or [`Error::CountMismatch`] if their content is not
/// what the format demands, [`Error::WrongDataset`] if they are those of another dataset, [`Error::TooFew`] if more
/// samples are asked for than there are, [`Error::Io`] if they cannot be read.
/// Files that differ from the published ones are no error; see [`Dataset::provenance`].
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
    match request.name {
        DatasetName::Digits => generate(request, digits::VERSION, digits::generate),
        DatasetName::WhiteNoise => generate(request, noise::VERSION, noise::generate),
        DatasetName::Mnist | DatasetName::FashionMnist | DatasetName::Cifar10 => {
            load_files(request)
        }
    }
}

fn generate(
    request: &LoadRequest,
    version: u32,
    generator: fn(seed: u64, split: Split, n_samples: usize) -> Samples,
) -> Result<Dataset> {
    let mut fingerprint = Fingerprint::new();
    let mut split = |split, default| {
        let asked = request.asked(split).unwrap_or(default);
        if asked > MOST_GENERATED {
            return Err(Error::TooFew {
                name: request.name,
                split,
                asked,
                available: MOST_GENERATED,
            });
        }
        fingerprint.add(&format!(
            "{} {version} {} {} {asked}",
            request.name,
            request.seed,
            split.as_str()
        ));
        Ok(generator(request.seed, split, asked))
    };
    Ok(Dataset {
        name: request.name,
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
        name: request.name,
        train: loader.load(&located, Split::Train)?,
        test: loader.load(&located, Split::Test)?,
        shape: loader.shape,
        classes: manifest.classes.clone(),
        provenance: loader.provenance,
        fingerprint: loader.fingerprint.finish(),
    })
}

/// Loads the splits of one dataset and notes what determined them.
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
        let asked = self.request.asked(split);
        if asked == Some(0) {
            self.fingerprint.add("no samples");
            return Ok(Samples {
                images: ndarray::Array2::zeros((0, self.shape.len())),
                labels: Vec::new(),
            });
        }
        let files = layout::of_split(self.manifest, located, split, &self.request.folder)?;
        let available = read::count(self.manifest, &files)?;
        let selection =
            Selection::new(self.request.name, split, self.request.seed, available, asked)?;
        self.fingerprint.add(&format!(
            "seed {}, {} samples, {:?}",
            self.request.seed,
            selection.len(),
            self.conversion
        ));
        let mut collector = Collector::new(selection, self.conversion, self.shape.len());
        for (file, digest) in files.iter().zip(read::read(self.manifest, &files, &mut collector)?) {
            self.recognise(file, &digest)?;
            self.fingerprint.add(&digest);
        }
        Ok(collector.finish())
    }

    /// Compares a file with the published ones.
    fn recognise(&mut self, located: &Located, digest: &str) -> Result<()> {
        let receipt = Receipt::read(located.path.parent().unwrap_or(Path::new("")));
        if receipt.known(located.file) == Some(digest) {
            return Ok(());
        }
        self.provenance = Provenance::Unverified;
        match owner(digest) {
            Some(actual) if actual != self.request.name => Err(Error::WrongDataset {
                file: located.path.display().to_string(),
                asked: self.request.name,
                actual,
            }),
            _ => Ok(()),
        }
    }
}

/// The dataset of which a file with this digest is published.
fn owner(digest: &str) -> Option<DatasetName> {
    let publishes =
        |manifest: &&Manifest| manifest.files().any(|file| file.sha256.as_deref() == Some(digest));
    Manifest::all().iter().find(publishes).map(|manifest| manifest.name)
}

/// A digest over lines of text.
struct Fingerprint(Sha256);

impl Fingerprint {
    fn new() -> Self {
        Self(Sha256::new())
    }

    fn add(&mut self, line: &str) {
        self.0.update(line);
        self.0.update("\n");
    }

    fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}
