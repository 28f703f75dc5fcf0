//! Run folders: file names, locks and listing.
//!
//! ```text
//! experiment.toml, environment.json    the plan and the program
//! results.sqlite, run.lock             results of runs without shards, and merged results
//! shards/2-of-8.sqlite, 2-of-8.lock    results of shard 2/8
//! checkpoints/, shards/2-of-8.checkpoints/    trainings in progress
//! ```
//!
//! Each SQLite file has one writer, which holds the lock file beside it. A process reads all files and writes its own, so
//! that shards may run on several hosts, and shards of different splits add up.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use crate::{
    Error, Result, Shard, Store,
    lease::{self, Lease},
    store::Checked,
};

/// A run's folder. This process holds the lock of its file until the value is dropped.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    shard: Option<Shard>,
    lease: Arc<Lease>,
    checked: Mutex<Checked>,
}

/// Folder of the shards' files in a run's folder.
const SHARDS: &str = "shards";

/// Lock file of a run without shards.
const RUN_LOCK: &str = "run.lock";

/// Task in the lock file of a run without shards.
const RUN: &str = "run";

/// Task in the lock file of a merge, which shards do not wait for.
const MERGE: &str = "merge";

impl RunFolder {
    /// Name of the resolved experiment file.
    pub const EXPERIMENT: &str = "experiment.toml";
    /// Name of the file that describes the machine and the program version.
    pub const ENVIRONMENT: &str = "environment.json";

    /// Locks a run, or one shard of it. Creates the folder if needed.
    ///
    /// A run without shards and shards exclude each other, as far as locks of the system reach: on other hosts, they may
    /// compute some cells twice, which costs time and changes no result.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process has the lock of the run or of this shard, and [`Error::File`] if the folder
    /// cannot be written.
    pub fn lock(path: PathBuf, shard: Option<Shard>) -> Result<Self> {
        Self::lock_with_notice(path, shard, &|_| ())
    }

    /// Like [`lock`](Self::lock). Calls `notice` before a wait of up to 90 s, which finds out whether a process on another
    /// host still runs.
    ///
    /// # Errors
    /// See [`lock`](Self::lock).
    pub fn lock_with_notice(
        path: PathBuf,
        shard: Option<Shard>,
        notice: &dyn Fn(String),
    ) -> Result<Self> {
        let Some(shard) = shard else {
            let folder = Self::take(path, None, RUN, notice)?;
            let files = entries_if_exists(&folder.path.join(SHARDS))?;
            let mut locks = files.iter().filter(|path| has_extension(path, "lock"));
            locks.try_for_each(|lock| lease::check_free(lock, |_| true))?;
            return Ok(folder);
        };
        let folder = Self::take(path, Some(shard), &format!("{RUN} --shard {shard}"), notice)?;
        lease::check_free(&folder.path.join(RUN_LOCK), |task| task != MERGE)?;
        Ok(folder)
    }

    /// Locks a run's merged results, also while shards run.
    ///
    /// # Errors
    /// See [`lock`](Self::lock).
    pub fn lock_to_merge(path: PathBuf, notice: &dyn Fn(String)) -> Result<Self> {
        Self::take(path, None, MERGE, notice)
    }

    fn take(
        path: PathBuf,
        shard: Option<Shard>,
        task: &str,
        notice: &dyn Fn(String),
    ) -> Result<Self> {
        let lock = shard.map_or_else(|| path.join(RUN_LOCK), |shard| lock_of(&path, shard));
        let place = lock.parent().unwrap_or(&path);
        fs::create_dir_all(place).map_err(failed("make the folder", place))?;
        let lease = Arc::new(Lease::take(&lock, task, notice)?);
        Ok(Self { path, shard, lease, checked: Mutex::default() })
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The SQLite file that this process writes.
    pub(crate) fn own_file(&self) -> PathBuf {
        match self.shard {
            None => self.path.join(Store::FILE),
            Some(shard) => self.path.join(SHARDS).join(format!("{}.sqlite", shard.stem())),
        }
    }

    pub(crate) fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }

    /// Opens the store: writes to the file of this process, and reads those of all others too. Creates the own file if
    /// needed, and repairs it if it is damaged.
    ///
    /// # Errors
    /// When the own file cannot be opened or created.
    pub fn store(&self) -> Result<Store> {
        let own = self.own_file();
        let mut others = store_files(&self.path)?;
        others.retain(|path| *path != own);
        self.open(&own, &others)
    }

    /// Opens the store of this process alone.
    ///
    /// # Errors
    /// When the file cannot be opened or created.
    pub fn own_store(&self) -> Result<Store> {
        self.open(&self.own_file(), &[])
    }

    fn open(&self, own: &Path, others: &[PathBuf]) -> Result<Store> {
        // A panic cannot leave the sets inconsistent.
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        Store::open_to_write(own, others, Arc::clone(&self.lease), &mut checked)
    }

    /// Folder of this process's checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        match self.shard {
            None => self.path.join("checkpoints"),
            Some(shard) => self.path.join(SHARDS).join(format!("{}.checkpoints", shard.stem())),
        }
    }

    /// Folders of checkpoints of the run and of all its shards, whatever the split.
    ///
    /// # Errors
    /// When the folder of shards cannot be read.
    pub fn all_checkpoints(&self) -> Result<Vec<PathBuf>> {
        let mut all = entries_if_exists(&self.path.join(SHARDS))?;
        all.retain(|path| has_extension(path, "checkpoints"));
        all.push(self.path.join("checkpoints"));
        all.sort();
        Ok(all)
    }

    /// Removes the results of earlier runs: those of this shard, or all files of the folder except lock files.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn clear(&self) -> Result<()> {
        let mut old = if self.shard.is_none() {
            let mut all = entries(&self.path)?;
            all.extend(entries_if_exists(&self.path.join(SHARDS))?);
            all.retain(|path| !path.ends_with(SHARDS));
            all
        } else {
            let own = self.own_file();
            let name = own.as_os_str().to_owned();
            let mut all = entries_if_exists(&self.path.join(SHARDS))?;
            all.retain(|path| {
                path.as_os_str().as_encoded_bytes().starts_with(name.as_encoded_bytes())
            });
            all.push(self.checkpoints());
            all
        };
        old.retain(|path| path.exists() && !has_extension(path, "lock"));
        for path in old {
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
        // Shards may write the same file at the same time, so each has its own partial file.
        let writer = self.shard.map_or_else(|| RUN.to_owned(), Shard::stem);
        let partial = self.path.join(format!("{name}.{writer}.partial"));
        fs::write(&partial, text)
            .and_then(|()| fs::rename(&partial, &path))
            .map_err(failed("write", &path))
    }
}

impl Store {
    /// Opens all results of the run in `folder` read-only, also while processes write, and verifies them. Changes nothing
    /// on the disk.
    ///
    /// # Errors
    /// [`Error::NoResults`] if the run has none. When a file cannot be read, is damaged or has another schema version.
    pub fn open_run(folder: &Path) -> Result<Self> {
        match store_files(folder)? {
            files if files.is_empty() => Err(Error::NoResults { path: folder.to_owned() }),
            files => Self::open_to_read(&files, true),
        }
    }

    /// True if the run in `folder` has results.
    pub fn has_run(folder: &Path) -> bool {
        store_files(folder).is_ok_and(|files| !files.is_empty())
    }
}

/// Path of a shard's lock file.
fn lock_of(folder: &Path, shard: Shard) -> PathBuf {
    folder.join(SHARDS).join(format!("{}.lock", shard.stem()))
}

/// Paths of a run's SQLite files: that of the run, then those of its shards.
pub(crate) fn store_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let whole = folder.join(Store::FILE);
    let mut files = shard_files(folder)?;
    if whole.is_file() {
        files.insert(0, whole);
    }
    Ok(files)
}

/// Paths of the SQLite files of a run's shards, sorted.
pub(crate) fn shard_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = entries_if_exists(&folder.join(SHARDS))?;
    files.retain(|path| has_extension(path, "sqlite") && Shard::of_file(path).is_some());
    files.sort();
    Ok(files)
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
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

/// Paths of all entries in `folder`; none if it does not exist.
fn entries_if_exists(folder: &Path) -> Result<Vec<PathBuf>> {
    if folder.exists() { entries(folder) } else { Ok(Vec::new()) }
}

/// Adds `action` and `path` to an operating-system error.
pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { action, path, source }
}

/// Opens the stores of the other runs beside `folder`, read-only.
pub fn other_stores(folder: &Path) -> impl Iterator<Item = Store> {
    let runs = folder.parent().map_or_else(|| Ok(Vec::new()), list_runs).unwrap_or_default();
    // Other runs are optional, so skip those that cannot be read.
    let open = |run: PathBuf| Store::open_to_read(&store_files(&run).ok()?, false).ok();
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
    fn shards_and_merges_do_not_wait_for_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let _shard = RunFolder::lock(path.clone(), Some(shard(1))).unwrap();
        let _merge = RunFolder::lock_to_merge(path.clone(), &|_| ()).unwrap();
        let _other = RunFolder::lock(path.clone(), Some(shard(2))).unwrap();
        assert!(RunFolder::lock_to_merge(path, &|_| ()).is_err());
    }

    #[test]
    fn clear_of_a_shard_keeps_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let locked = [1, 2].map(|index| RunFolder::lock(path.clone(), Some(shard(index))).unwrap());
        locked.iter().for_each(|one| drop(one.store().unwrap()));
        fs::create_dir(locked[0].checkpoints()).unwrap();
        locked[0].clear().unwrap();
        assert_eq!(store_files(&path).unwrap(), [path.join("shards/2-of-2.sqlite")]);
        assert!(!locked[0].checkpoints().exists());
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
