//! Errors of loading, downloading and importing data.

use std::path::PathBuf;

use crate::dataset::Split;
use crate::fetch::Attempts;
use crate::manifest::ManifestError;
use crate::name::DatasetName;

/// Result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Reason why data could not be loaded, downloaded or imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No dataset has this name.
    #[error("there is no dataset `{given}`; use one of {}", known_names())]
    UnknownName {
        /// The unknown name.
        given: String,
    },
    /// The dataset is generated and has no files.
    #[error("`{name}` is built in: it is generated on demand and has no files to fetch or import")]
    BuiltIn {
        /// Name of the dataset.
        name: DatasetName,
    },
    /// A file of the dataset is missing.
    #[error(
        "{name}: `{file}` (plain or .gz) is not in {}; get it with `cargo xtask data fetch {name}`, or import a copy \
         with `cargo xtask data import DIR --name {name}`",
        folder.display()
    )]
    Missing {
        /// Name of the dataset.
        name: DatasetName,
        /// First missing file.
        file: String,
        /// Searched folder, including its subfolders.
        folder: PathBuf,
    },
    /// An operation of the file system failed.
    #[error("could not {action} {}: {source}", path.display())]
    Io {
        /// Failed action, as a verb.
        action: &'static str,
        /// Path of the file or folder.
        path: PathBuf,
        /// Error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The content of a file violates its format.
    #[error(
        "{file}: byte {offset} (after decompression): expected {expected}, found {found}; get the file again"
    )]
    Malformed {
        /// Path of the file.
        file: String,
        /// Offset in the uncompressed content.
        offset: u64,
        /// Content required by the format.
        expected: String,
        /// Actual content.
        found: String,
    },
    /// Given means and standard deviations of the channels cannot be used.
    #[error("scale: {message}")]
    Scale {
        /// The reason and the remedy.
        message: String,
    },
    /// A file of the user's own data has content that cannot be used.
    #[error("{file}: found {found}; {advice}")]
    Unusable {
        /// Path of the file.
        file: String,
        /// Content that cannot be used.
        found: String,
        /// Remedy.
        advice: String,
    },
    /// The user's own data are not those that an experiment was planned for.
    #[error(
        "{file}: the data have changed since the experiment was planned: {found}, not {planned}; plan it anew"
    )]
    Changed {
        /// Path of the file.
        file: String,
        /// Shape, classes and samples now.
        found: String,
        /// Shape, classes and samples in the plan.
        planned: String,
    },
    /// A setting of the user's own data is out of range or does not belong to their format.
    #[error("{setting} {problem}")]
    Setting {
        /// The setting, and its value.
        setting: String,
        /// Its range, or the formats that have it.
        problem: String,
    },
    /// The compressed data of a file are truncated or damaged.
    #[error("{file}: byte {offset} (after decompression): {problem}: {source}; get the file again")]
    Compression {
        /// Path of the file.
        file: String,
        /// Offset in the uncompressed content.
        offset: u64,
        /// Description of the damage.
        problem: &'static str,
        /// Error of the decoder.
        #[source]
        source: std::io::Error,
    },
    /// The files of a split have different numbers of samples.
    #[error(
        "{images_file} contains {n_images} images but {labels_file} contains {n_labels} labels; take both from one source"
    )]
    CountMismatch {
        /// Path of the image file.
        images_file: String,
        /// Number of images.
        n_images: usize,
        /// Path of the label file.
        labels_file: String,
        /// Number of labels.
        n_labels: usize,
    },
    /// The request exceeds the number of available samples.
    #[error("{name}: {requested} {} samples were requested, but only {available} are available", split.as_str())]
    TooFew {
        /// Name of the dataset.
        name: String,
        /// Requested split.
        split: Split,
        /// Number of requested samples.
        requested: usize,
        /// Number of available samples.
        available: usize,
    },
    /// Images cannot be reduced to this size.
    #[error("size = {size} must divide the height and the width of the images, {height} x {width}")]
    Size {
        /// Requested rows and columns.
        size: usize,
        /// Rows of the images.
        height: usize,
        /// Columns of the images.
        width: usize,
    },
    /// The files belong to another dataset.
    #[error("{file} is a file of {actual}, not of {requested}; use the folder of {requested}")]
    WrongDataset {
        /// Path of the file.
        file: String,
        /// Requested dataset.
        requested: DatasetName,
        /// Dataset that publishes the file.
        actual: DatasetName,
    },
    /// A file differs from the published one.
    #[error(
        "{file}: the {algorithm} digest is {actual}, but the published one is {expected}; get the file again, or \
         accept it with `--no-verify`"
    )]
    Checksum {
        /// Path of the file.
        file: String,
        /// `"MD5"`, `"SHA-256"`, or `"SHA-256 (uncompressed)"`.
        algorithm: &'static str,
        /// Published digest.
        expected: String,
        /// Digest of the file.
        actual: String,
    },
    /// No digest is published for a file.
    #[error(
        "{file}: no digest is published for this form of the file; import the original `{download}`, or accept the \
         file with `--no-verify`"
    )]
    Unverifiable {
        /// Path of the file.
        file: String,
        /// Published file that can be verified.
        download: String,
    },
    /// All mirrors failed to deliver a file.
    #[error(
        "{name}: `{file}` could not be downloaded. Tried {attempts}. Received data is kept, and the next fetch resumes \
         there; without a network, copy the files to this machine and use `cargo xtask data import DIR --name {name}`"
    )]
    Download {
        /// Name of the dataset.
        name: DatasetName,
        /// Name of the download.
        file: String,
        /// All attempts with their failures.
        attempts: Attempts,
    },
    /// Another process is writing the same file.
    #[error("another process is writing {}; wait for it to finish", path.display())]
    Busy {
        /// Path of the locked file.
        path: PathBuf,
    },
    /// A manifest is not valid.
    #[error("the manifest is not valid: {0}")]
    Manifest(#[from] ManifestError),
}

fn known_names() -> String {
    DatasetName::ALL.map(DatasetName::as_str).join(", ")
}

/// Converts a failure to `action` (a verb) the path to an [`Error::Io`].
pub(crate) fn io(
    action: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { action, path, source }
}
