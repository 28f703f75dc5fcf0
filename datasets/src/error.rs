//! What can go wrong with data.

use std::path::PathBuf;

use crate::dataset::Split;
use crate::fetch::Attempts;
use crate::name::DatasetName;

/// Short for a result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why data could not be loaded, fetched or imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No dataset has this name.
    #[error("there is no dataset `{given}`; use one of {}", known_names())]
    UnknownName {
        /// What was given.
        given: String,
    },
    /// The dataset needs no files.
    #[error("`{name}` is built in: it is generated when used and has no files to fetch or import")]
    BuiltIn {
        /// The dataset.
        name: DatasetName,
    },
    /// A file of the dataset is not where it was looked for.
    #[error(
        "{name}: `{file}` (plain or .gz) is not in {}; get it with `cargo xtask data fetch {name}`, or import a copy \
         with `cargo xtask data import DIR --name {name}`",
        folder.display()
    )]
    Missing {
        /// The dataset.
        name: DatasetName,
        /// The first file that is missing.
        file: String,
        /// The folder searched, subfolders included.
        folder: PathBuf,
    },
    /// The operating system refused.
    #[error("could not {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A file's content is not what its format demands.
    #[error(
        "{file}: byte {offset} (after decompression): expected {expected}, found {found}; get the file again"
    )]
    Malformed {
        /// The file.
        file: String,
        /// Where in the uncompressed content.
        offset: u64,
        /// What the format demands there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Two files of one split disagree.
    #[error(
        "{images_file} holds {n_images} images but {labels_file} holds {n_labels} labels; take both from one source"
    )]
    CountMismatch {
        /// The file of images.
        images_file: String,
        /// Its number of images.
        n_images: usize,
        /// The file of labels.
        labels_file: String,
        /// Its number of labels.
        n_labels: usize,
    },
    /// More samples were asked for than there are.
    #[error("{name}: {asked} {} samples were asked for, {available} are available", split.as_str())]
    TooFew {
        /// The dataset.
        name: DatasetName,
        /// The part of the dataset.
        split: Split,
        /// Samples asked for.
        asked: usize,
        /// Samples there.
        available: usize,
    },
    /// The files are those of another dataset.
    #[error(
        "{file} was to belong to {asked} but is a file of {actual}; point to the folder of {asked}"
    )]
    WrongDataset {
        /// The file.
        file: String,
        /// The dataset asked for.
        asked: DatasetName,
        /// The dataset whose published digest the file has.
        actual: DatasetName,
    },
    /// A file differs from the published one.
    #[error(
        "{file}: the {algorithm} digest is {actual}, the published file's is {expected}; get the file again, or accept \
         it as it is with `--no-verify`"
    )]
    Checksum {
        /// The file.
        file: String,
        /// `"MD5"`, `"SHA-256"`, or `"SHA-256 (uncompressed)"`.
        algorithm: &'static str,
        /// The published digest.
        expected: String,
        /// The file's digest.
        actual: String,
    },
    /// There is no digest to compare a file with.
    #[error(
        "{file}: no digest is published for this form of the file; import the original `{download}`, or accept the \
         file as it is with `--no-verify`"
    )]
    Unverifiable {
        /// The file.
        file: String,
        /// The published file that could be verified.
        download: String,
    },
    /// No mirror delivered a file.
    #[error(
        "{name}: `{file}` could not be downloaded. Tried {attempts}. What arrived is kept, so fetching again goes on \
         from there; without a network, copy the files to this machine and use `cargo xtask data import DIR --name {name}`"
    )]
    Download {
        /// The dataset.
        name: DatasetName,
        /// The file.
        file: String,
        /// Every address tried with its outcome.
        attempts: Attempts,
    },
    /// Another process is writing the same file.
    #[error("another process is writing {}; wait for it to finish", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// A manifest is not valid.
    #[error("the manifest is not valid: {reason}")]
    Manifest {
        /// What is wrong with it.
        reason: String,
    },
}

fn known_names() -> String {
    DatasetName::ALL.map(DatasetName::as_str).join(", ")
}

/// Turns the system's refusal to `action` (a verb) the path into an [`Error::Io`].
pub(crate) fn io(
    action: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { action, path, source }
}
