//! Checkpoints of trainings in a run's folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::error::{Error, Result};
use isobath_store::RunFolder;

/// The folder of this process's checkpoints. Removed on drop if empty.
pub(super) struct CheckpointFolder {
    path: PathBuf,
    /// Folders of the run and of its other shards.
    others: Vec<PathBuf>,
}

impl CheckpointFolder {
    pub(super) fn new(folder: &RunFolder) -> Result<Self> {
        let path = folder.checkpoints();
        let mut others = folder.all_checkpoints()?;
        others.retain(|other| *other != path);
        fs::create_dir_all(&path).map_err(Error::file("make the folder", &path))?;
        Ok(Self { path, others })
    }

    /// Path of a training's checkpoint. Takes over the one that a shard of another split left, so that a changed number of
    /// shards loses no work.
    pub(super) fn checkpoint(&self, key: &str) -> PathBuf {
        let name = format!("{key}.safetensors");
        let own = self.path.join(&name);
        if !own.exists() {
            // A checkpoint only saves time, so it does not matter if this fails.
            self.others
                .iter()
                .map(|other| other.join(&name))
                .any(|other| copy(&other, &own).is_ok());
        }
        own
    }
}

/// Copies a file so that it is complete or absent.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    let partial = to.with_extension("copy");
    fs::copy(from, &partial)?;
    fs::rename(partial, to)
}

impl Drop for CheckpointFolder {
    fn drop(&mut self) {
        // This fails if a checkpoint is left; the folder then stays.
        let _ = fs::remove_dir(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_store::Shard;

    #[test]
    fn checkpoints_of_other_splits_are_taken_over() {
        let place = tempfile::tempdir().unwrap();
        let lock = |index, count| {
            RunFolder::lock(place.path().to_owned(), Some(Shard { index, count })).unwrap()
        };
        let (old, new) = (lock(1, 2), lock(3, 4));
        let folder = CheckpointFolder::new(&old).unwrap();
        fs::write(folder.checkpoint("key"), "state").unwrap();
        drop(folder);
        let folder = CheckpointFolder::new(&new).unwrap();
        assert_eq!(fs::read_to_string(folder.checkpoint("key")).unwrap(), "state");
        assert!(!folder.checkpoint("other").exists());
        drop(folder);
        assert!(new.checkpoints().is_dir(), "a folder with a checkpoint stays");
    }
}
