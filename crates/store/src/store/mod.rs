//! Results of a run. Each result is written in one transaction, under the hash of its settings.
//!
//! A run has one file per shard and one for everything else; see [`RunFolder`](crate::RunFolder). Readers see all of them
//! as one store.

mod body;
mod cells;
mod connect;
mod determined;
mod file;
mod programs;
mod salvage;
mod scores;
mod trainings;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
};

#[cfg(test)]
pub(crate) use self::file::Row;
pub use self::{
    body::BodyError,
    cells::{decode as decode_measurement, encode as encode_measurement, profile_bytes},
    trainings::StoredTraining,
};
pub(crate) use self::{
    connect::with_suffix, determined::is_same_result, file::StoreFile, programs::add_programs,
};
use crate::{Error, Result, lease::Lease};

/// Kind of a record or of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Cell,
    Training,
    Scores,
    /// The plan itself.
    Plan,
    /// Programs that computed the records of a file.
    Programs,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Cell, Self::Training, Self::Scores, Self::Plan, Self::Programs];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cell => "cell",
            Self::Training => "training",
            Self::Scores => "scores",
            Self::Plan => "plan",
            Self::Programs => "programs",
        }
    }
}

/// Files that a process has verified. Every record that is read later is verified in any case.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    usable: HashSet<PathBuf>,
    unusable: HashSet<PathBuf>,
}

impl Checked {
    fn verify(&mut self, file: StoreFile) -> Result<StoreFile> {
        if self.usable.contains(file.path()) {
            return Ok(file);
        }
        let file = file.verified()?;
        self.usable.insert(file.path().to_owned());
        Ok(file)
    }
}

/// The results of a run.
#[derive(Debug)]
pub struct Store {
    /// All files. A store for writing writes to the first one.
    files: Vec<StoreFile>,
    /// True if the first file is written.
    is_writable: bool,
    /// The right to write to the first file.
    lease: Option<Arc<Lease>>,
    notes: Vec<String>,
}

impl Store {
    /// Name of the file of a run without shards, and of merged results.
    pub const FILE: &str = "results.sqlite";

    pub(crate) fn new(files: Vec<StoreFile>, is_writable: bool) -> Self {
        Self { files, is_writable, lease: None, notes: Vec::new() }
    }

    /// Opens the single file at `path` for writing, or creates it.
    ///
    /// # Errors
    /// When the file cannot be created, is not an SQLite file, is damaged or has another schema version.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self::new(vec![StoreFile::open(path, true)?.verified()?], true))
    }

    /// Opens an existing single file read-only and verifies all of it.
    ///
    /// # Errors
    /// When the file does not exist, cannot be read, is damaged or has another schema version.
    pub fn open_existing(path: &Path) -> Result<Self> {
        Ok(Self::new(vec![StoreFile::read(path)?.verified()?], false))
    }

    /// Opens `own` for writing and `others` read-only. A damaged `own` is repaired; others that cannot be used are left
    /// out. Both are [notes](Self::notes). Files that `checked` knows are not verified again.
    pub(crate) fn open_to_write(
        own: &Path,
        others: &[PathBuf],
        lease: Arc<Lease>,
        checked: &mut Checked,
    ) -> Result<Self> {
        let has_locks = lease.has_lock();
        let mut notes = Vec::new();
        let opened = StoreFile::open(own, has_locks);
        let first = match opened.and_then(|file| checked.verify(file)) {
            Err(error) if error.is_damage() => {
                let (file, note) = salvage::salvage(own, has_locks)?;
                notes.push(note);
                file
            }
            verified => verified?,
        };
        let mut files = vec![first];
        for path in others {
            if checked.unusable.contains(path) {
                continue;
            }
            match StoreFile::read(path).and_then(|file| checked.verify(file)) {
                Ok(file) => files.push(file),
                // A writer creates its file before its tables.
                Err(Error::Version { found: 0, .. }) => {}
                Err(error) => {
                    checked.unusable.insert(path.clone());
                    notes.push(format!("{}; its results are not used", sentence(&error)));
                }
            }
        }
        Ok(Self { files, is_writable: true, lease: Some(lease), notes })
    }

    /// Opens `files` read-only as one store.
    ///
    /// # Errors
    /// When a file cannot be read, is damaged if `is_verified`, or has another schema version.
    pub(crate) fn open_to_read(files: &[PathBuf], is_verified: bool) -> Result<Self> {
        let open = |path: &PathBuf| match StoreFile::read(path) {
            // A writer creates its file before its tables.
            Err(Error::Version { found: 0, .. }) => None,
            // `merge` removed it after its results reached the first file.
            Err(Error::File { .. }) if !path.exists() => None,
            opened if is_verified => Some(opened.and_then(StoreFile::verified)),
            opened => Some(opened),
        };
        Ok(Self::new(files.iter().filter_map(open).collect::<Result<_>>()?, false))
    }

    /// All files.
    pub(crate) fn files(&self) -> &[StoreFile] {
        &self.files
    }

    pub(crate) fn into_files(self) -> Vec<StoreFile> {
        self.files
    }

    /// Sentences about repaired files and about files that could not be used.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Stores the keys of all cells of the plan, in grid order. Readers then find the results without the dataset, which is
    /// part of the keys.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn set_grid(&mut self, keys: &[String]) -> Result<()> {
        self.set_list(Kind::Cell, keys)
    }

    /// Stores the name of the plan, which is a hash of everything that determines the measurements.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn set_plan(&mut self, name: &str) -> Result<()> {
        self.set_list(Kind::Plan, &[name.to_owned()])
    }

    /// Name stored by [`set_plan`](Self::set_plan).
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn plan(&self) -> Result<Option<String>> {
        Ok(self.list(Kind::Plan)?.pop())
    }

    /// Keys stored by [`set_grid`](Self::set_grid).
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn grid(&self) -> Result<Vec<String>> {
        self.list(Kind::Cell)
    }

    /// The file to write to.
    fn own(&self) -> Result<&StoreFile> {
        if let Some(lease) = &self.lease {
            lease.check()?;
        }
        Ok(&self.files[0])
    }

    fn set_list(&mut self, kind: Kind, keys: &[String]) -> Result<()> {
        self.own()?.set_list(kind, keys)
    }

    /// The list of `kind`.
    ///
    /// Files differ if the dataset or the program changed between them. The file that is written counts, otherwise the
    /// list with most results, whatever the order of files.
    pub(crate) fn list(&self, kind: Kind) -> Result<Vec<String>> {
        let lists = self.files.iter().map(|file| file.list(kind));
        let mut lists: Vec<Vec<String>> = lists.collect::<Result<_>>()?;
        if self.is_writable && !lists[0].is_empty() {
            return Ok(lists.swap_remove(0));
        }
        lists.retain(|list| !list.is_empty());
        lists.sort();
        lists.dedup();
        if lists.len() > 1 {
            let known = self.record_keys(kind)?;
            lists.sort_by_key(|list| list.iter().filter(|key| known.contains(*key)).count());
        }
        Ok(lists.pop().unwrap_or_default())
    }

    /// Stores a record atomically. An existing record with the same key stays unchanged.
    fn insert_record(
        &mut self,
        kind: Kind,
        key: &str,
        body: Result<Vec<u8>, BodyError>,
    ) -> Result<()> {
        let body = body.map_err(|source| self.files[0].damaged(source))?;
        self.add_programs(&[crate::environment::program()])?;
        self.own()?.insert(kind.name(), key, &body)
    }

    /// Copies a record from `other`. Returns false if it has none.
    fn adopt_record(&mut self, kind: Kind, key: &str, other: &Self) -> Result<bool> {
        let Some(body) = other.body(kind, key)? else { return Ok(false) };
        self.add_programs(&other.programs()?)?;
        self.own()?.insert(kind.name(), key, &body)?;
        Ok(true)
    }

    fn body(&self, kind: Kind, key: &str) -> Result<Option<Vec<u8>>> {
        let mut found = self.files.iter().map(|file| file.body(kind.name(), key));
        found.find_map(Result::transpose).transpose()
    }

    /// Reads and verifies a record.
    fn record<T>(
        &self,
        kind: Kind,
        key: &str,
        decode: impl FnOnce(&[u8]) -> Result<T, BodyError>,
    ) -> Result<Option<T>> {
        for file in &self.files {
            if let Some(body) = file.body(kind.name(), key)? {
                return decode(&body).map(Some).map_err(|source| file.damaged(source));
            }
        }
        Ok(None)
    }

    /// Keys of all stored records of `kind`.
    fn record_keys(&self, kind: Kind) -> Result<HashSet<String>> {
        let mut all = HashSet::new();
        for file in &self.files {
            all.extend(file.record_keys(kind)?);
        }
        Ok(all)
    }
}

/// An error with its reasons, as one sentence without a full stop.
fn sentence(error: &Error) -> String {
    let first: &dyn std::error::Error = error;
    let reasons = std::iter::successors(Some(first), |error| error.source());
    reasons.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
