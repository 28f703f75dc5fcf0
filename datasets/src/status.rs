//! What there is in a data folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::layout;
use crate::manifest::Manifest;
use crate::name::DatasetName;

/// What there is of one dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The dataset.
    pub name: DatasetName,
    /// Whether it can be used.
    pub state: State,
    /// The folder of its files, if any were found.
    pub path: Option<PathBuf>,
    /// The number of files found.
    pub n_files: usize,
    /// Their length altogether, as they are on the disk.
    pub bytes: u64,
}

/// Whether a dataset can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Always: it is generated when used.
    BuiltIn,
    /// Yes: all files are there (their content was not read).
    Present,
    /// Not wholly: these files, by their official names, are missing.
    Incomplete {
        /// The missing files.
        missing: Vec<String>,
    },
    /// No: it has to be fetched or imported.
    Missing,
}

/// The state of every dataset in `data_dir`, in the order of [`DatasetName::ALL`].
pub fn list(data_dir: &Path) -> Vec<Status> {
    DatasetName::ALL.into_iter().map(|name| status(name, data_dir)).collect()
}

fn status(name: DatasetName, data_dir: &Path) -> Status {
    let Ok(manifest) = Manifest::of(name) else {
        return Status { name, state: State::BuiltIn, path: None, n_files: 0, bytes: 0 };
    };
    // Other datasets may use the same names for their files, so only the dataset's own folder counts.
    let located = layout::locate(manifest, &data_dir.join(name.as_str()));
    let is_missing = |name: &String| !located.iter().any(|located| located.file.name == *name);
    let missing: Vec<String> =
        manifest.files().map(|file| file.name.clone()).filter(is_missing).collect();
    let state = match missing.len() {
        0 => State::Present,
        _ if located.is_empty() => State::Missing,
        _ => State::Incomplete { missing },
    };
    let lengths = located.iter().filter_map(|located| fs::metadata(&located.path).ok());
    Status {
        name,
        state,
        path: located.first().and_then(|located| located.path.parent()).map(Path::to_owned),
        n_files: located.len(),
        bytes: lengths.map(|metadata| metadata.len()).sum(),
    }
}
