//! A run's folder: its name, its lock, its files.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::{Error, Result, Shard, Store};

/// A run's folder, held by this process until dropped.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Locks are the open files' own, so they go with the process however it ends.
    _locks: Vec<File>,
}

impl RunFolder {
    /// The resolved experiment file's name in the folder.
    pub const EXPERIMENT: &str = "experiment.toml";
    /// The name of the file that says what machine and program made the run.
    pub const ENVIRONMENT: &str = "environment.json";

    /// Makes the folder if need be, and takes hold of the run or of one shard of it.
    ///
    /// # Errors
    /// When another process holds the run or this shard, or the folder cannot be written.
    pub fn hold(path: PathBuf, shard: Option<Shard>) -> Result<Self> {
        fs::create_dir_all(&path).map_err(failed("make the folder", &path))?;
        let whole = open_lock(&path, "run.lock")?;
        let mut locks = Vec::new();
        let held = match shard {
            None => whole.try_lock(),
            Some(shard) => {
                let own =
                    open_lock(&path, &format!("shard-{}-of-{}.lock", shard.index, shard.count))?;
                let held = own.try_lock();
                locks.push(own);
                held.and_then(|()| whole.try_lock_shared())
            }
        };
        locks.push(whole);
        match held {
            Ok(()) => Ok(Self { path, _locks: locks }),
            Err(TryLockError::WouldBlock) => Err(Error::Held { path }),
            Err(TryLockError::Error(error)) => Err(failed("lock the folder", &path)(error)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The store in it.
    ///
    /// # Errors
    /// When it cannot be opened or made.
    pub fn store(&self) -> Result<Store> {
        Store::open(&self.path.join(Store::FILE))
    }

    /// Removes results and drawings of earlier runs; locks stay.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn clear(&self) -> Result<()> {
        for path in entries(&self.path)? {
            if path.extension().is_some_and(|extension| extension == "lock") {
                continue;
            }
            let removed =
                if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(failed("remove", &path))?;
        }
        Ok(())
    }

    /// Writes a file of the folder, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path.join(name);
        // Shards write the same file at the same time; each has its own partial one.
        let partial = self.path.join(format!("{name}.{}.partial", std::process::id()));
        fs::write(&partial, text)
            .and_then(|()| fs::rename(&partial, &path))
            .map_err(failed("write", &path))
    }
}

fn open_lock(folder: &Path, name: &str) -> Result<File> {
    let path = folder.join(name);
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    opened.map_err(failed("write to the folder", folder))
}

/// Folders of runs in `runs`, by name.
///
/// # Errors
/// When the folder exists but cannot be read.
pub fn list_runs(runs: &Path) -> Result<Vec<PathBuf>> {
    if !runs.exists() {
        return Ok(Vec::new());
    }
    let mut folders = entries(runs)?;
    folders.retain(|path| path.join(RunFolder::EXPERIMENT).is_file());
    folders.sort();
    Ok(folders)
}

/// Paths of everything in `folder`.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let list =
        || -> io::Result<_> { fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect() };
    list().map_err(failed("read the folder", folder))
}

/// Names `action` and `path` in an error of the system.
fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { action, path, source }
}

/// The stores of the runs beside the one in `folder`, opened for reading only.
pub fn other_stores(folder: &Path) -> impl Iterator<Item = Store> {
    let runs = folder.parent().map_or_else(|| Ok(Vec::new()), list_runs).unwrap_or_default();
    // A run that cannot be read has nothing to offer; it is not this run's business to say so.
    let open = |run: PathBuf| Store::open_existing(&run.join(Store::FILE)).ok();
    runs.into_iter().filter(move |run| run != folder).filter_map(open)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(index: usize) -> Shard {
        Shard { index, count: 2 }
    }

    #[test]
    fn one_process_holds_a_run_and_shards_share_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let whole = RunFolder::hold(path.clone(), None).unwrap();
        for other in [None, Some(shard(1))] {
            let error = RunFolder::hold(path.clone(), other).expect_err("held").to_string();
            assert!(error.contains("another process"), "{error}");
        }
        drop(whole);
        let first = RunFolder::hold(path.clone(), Some(shard(1))).unwrap();
        let second = RunFolder::hold(path.clone(), Some(shard(2))).unwrap();
        assert!(RunFolder::hold(path.clone(), Some(shard(1))).is_err());
        assert!(RunFolder::hold(path.clone(), None).is_err());
        drop((first, second));
        assert!(RunFolder::hold(path, None).is_ok());
    }

    #[test]
    fn clearing_leaves_only_locks() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::hold(folder.path().join("run"), None).unwrap();
        run.write(RunFolder::EXPERIMENT, "x").unwrap();
        fs::create_dir(run.path().join("figures")).unwrap();
        assert_eq!(list_runs(folder.path()).unwrap(), [run.path()]);
        run.clear().unwrap();
        let names: Vec<_> =
            fs::read_dir(run.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["run.lock"]);
    }
}
