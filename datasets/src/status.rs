//! Inventory of a data folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::layout;
use crate::manifest::Manifest;
use crate::name::DatasetName;

/// Inventory of one dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Name of the dataset.
    pub name: DatasetName,
    /// Availability of the dataset.
    pub state: State,
    /// Folder of its files, if any exist.
    pub path: Option<PathBuf>,
    /// Number of existing files.
    pub n_files: usize,
    /// Total length of the files on disk in bytes.
    pub bytes: u64,
}

/// Availability of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Always available; generated on demand.
    BuiltIn,
    /// All files exist; their content has not been checked.
    Present,
    /// Some files are missing.
    Incomplete {
        /// Official names of the missing files.
        missing: Vec<String>,
    },
    /// Not available; fetch or import it first.
    Missing,
}

/// Lists every dataset in `data_dir`, in the order of [`DatasetName::ALL`].
pub fn list(data_dir: &Path) -> Vec<Status> {
    DatasetName::ALL.into_iter().map(|name| status(name, data_dir)).collect()
}

fn status(name: DatasetName, data_dir: &Path) -> Status {
    let Ok(manifest) = Manifest::of(name) else {
        return Status { name, state: State::BuiltIn, path: None, n_files: 0, bytes: 0 };
    };
    // Other datasets may use the same file names, so only the dataset's own folder counts.
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
