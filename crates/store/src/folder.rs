//! Run folders: file names, locks and listing.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{Error, Result, Shard, Store};

/// A run's folder. This process holds its lock until the value is dropped.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// The operating system releases file locks when the process ends, also after a crash.
    _locks: Vec<File>,
}

impl RunFolder {
    /// Name of the resolved experiment file.
    pub const EXPERIMENT: &str = "experiment.toml";
    /// Name of the file that describes the machine and the program version.
    pub const ENVIRONMENT: &str = "environment.json";

    /// Locks a run, or one shard of it. Creates the folder if needed.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process has the lock of the run or of this shard, and [`Error::File`] if the folder
    /// cannot be written.
    pub fn lock(path: PathBuf, shard: Option<Shard>) -> Result<Self> {
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
            Err(TryLockError::WouldBlock) => Err(Error::Locked { path }),
            Err(TryLockError::Error(error)) => Err(failed("lock the folder", &path)(error)),
        }
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the folder's store, or creates it.
    ///
    /// # Errors
    /// When the store cannot be opened or created.
    pub fn store(&self) -> Result<Store> {
        Store::open(&self.path.join(Store::FILE))
    }

    /// Removes all files of earlier runs except lock files.
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

    /// Writes a file of the folder atomically.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path.join(name);
        // Shards may write the same file concurrently, so each process has its own partial file.
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

/// Lists the run folders in `runs`, sorted by name.
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

/// Time at which the results of the run in `folder` last changed; of a run without results, its experiment file.
///
/// # Errors
/// When the file cannot be read.
pub fn last_change(folder: &Path) -> Result<SystemTime> {
    let results = folder.join(Store::FILE);
    let file = if results.exists() { results } else { folder.join(RunFolder::EXPERIMENT) };
    let changed =
        |path: &Path| fs::metadata(path).and_then(|data| Ok((data.modified()?, data.len())));
    let (time, _) = changed(&file).map_err(failed("read", &file))?;
    // While a run computes, its newest results are in SQLite's write-ahead log.
    let log = changed(&folder.join(format!("{}-wal", Store::FILE)));
    Ok(log.ok().filter(|(_, bytes)| *bytes > 0).map_or(time, |(newer, _)| newer.max(time)))
}

/// Paths of all entries in `folder`.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let list =
        || -> io::Result<_> { fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect() };
    list().map_err(failed("read the folder", folder))
}

/// Adds `action` and `path` to an operating-system error.
fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { action, path, source }
}

/// Opens the stores of the other runs beside `folder`, read-only.
pub fn other_stores(folder: &Path) -> impl Iterator<Item = Store> {
    let runs = folder.parent().map_or_else(|| Ok(Vec::new()), list_runs).unwrap_or_default();
    // Other runs are optional, so skip those that cannot be read.
    let open = |run: PathBuf| Store::open_unverified(&run.join(Store::FILE)).ok();
    runs.into_iter().filter(move |run| run != folder).filter_map(open)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(index: usize) -> Shard {
        Shard { index, count: 2 }
    }

    #[test]
    fn whole_run_lock_excludes_shards_and_different_shards_coexist() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let whole = RunFolder::lock(path.clone(), None).unwrap();
        for other in [None, Some(shard(1))] {
            let error = RunFolder::lock(path.clone(), other).expect_err("held").to_string();
            assert!(error.contains("another process"), "{error}");
        }
        drop(whole);
        let first = RunFolder::lock(path.clone(), Some(shard(1))).unwrap();
        let second = RunFolder::lock(path.clone(), Some(shard(2))).unwrap();
        assert!(RunFolder::lock(path.clone(), Some(shard(1))).is_err());
        assert!(RunFolder::lock(path.clone(), None).is_err());
        drop((first, second));
        assert!(RunFolder::lock(path, None).is_ok());
    }

    #[test]
    fn clear_keeps_only_lock_files() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::lock(folder.path().join("run"), None).unwrap();
        run.write(RunFolder::EXPERIMENT, "x").unwrap();
        fs::create_dir(run.path().join("figures")).unwrap();
        assert_eq!(list_runs(folder.path()).unwrap(), [run.path()]);
        run.clear().unwrap();
        let names: Vec<_> =
            fs::read_dir(run.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["run.lock"]);
    }
}
