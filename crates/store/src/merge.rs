//! Merging: folds the files of shards into one.
//!
//! The order of files does not matter, and a merge can be repeated: identical records are one. If two shards computed
//! one cell, their results agree in everything that the key determines, or the merge is an error and changes nothing.
//! Times are not determined by the key. Of two records that differ in these only, the one with the smaller bytes stays,
//! so that tables of times do not depend on the order either.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use crate::{
    Error, Result, RunFolder, Store,
    folder::{failed, shard_files, store_files},
    lease::Lease,
    store::{Kind, StoreFile, add_programs, is_same_result, with_suffix},
};

/// Counts of a merge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergeOutcome {
    /// Files that were read.
    pub files: usize,
    /// Records that were added.
    pub added: usize,
    /// Records that were there already.
    pub identical: usize,
    /// Shard files that were removed.
    pub removed: Vec<PathBuf>,
    /// Shard files that were to be removed and stay, because their shard runs or may run on another host.
    pub running: Vec<PathBuf>,
}

/// Folds the shards of the run in `folder`, and all results in the folders `from`, into its `results.sqlite`, in one
/// transaction. `from` are run folders, such as copies from other hosts; nothing in them changes.
///
/// With `remove`, shard files of `folder` are removed once all their records were read back from the merged file. Files of
/// shards that run, or may run on another host, stay.
///
/// # Errors
/// [`Error::Conflict`] if two files have different results under one key, [`Error::OtherRun`] if they belong to different
/// experiments, [`Error::NoResults`] if a folder has none. When a file is damaged or the disk is full. Nothing is merged
/// or removed then.
pub fn merge(folder: &RunFolder, from: &[PathBuf], remove: bool) -> Result<MergeOutcome> {
    let shards = shard_files(folder.path())?;
    let mut outcome = MergeOutcome::default();
    // No shard writes between the merge and the removal of its file.
    let mut leases = Vec::new();
    for shard in shards.iter().filter(|_| remove) {
        match Lease::take_if_free(&shard.with_extension("lock"), "merge") {
            Ok(lease) => leases.push((shard.clone(), lease)),
            Err(Error::Locked { .. }) => outcome.running.push(shard.clone()),
            Err(error) => return Err(error),
        }
    }
    let mut sources = shards;
    for other in from {
        let files = store_files(other)?;
        if files.is_empty() {
            return Err(Error::NoResults { path: other.clone() });
        }
        sources.extend(files);
    }
    let own = folder.own_file();
    sources.retain(|path| !is_same_file(path, &own));
    outcome.files = sources.len();
    let mut files = vec![StoreFile::open(&own, folder.lease().has_lock())?.verified()?];
    files.extend(Store::open_to_read(&sources, true)?.into_files());
    let all = Store::new(files, false);
    check_runs(all.files())?;
    folder.lease().check()?;
    all.files()[0].atomically(|| fold(&all, &mut outcome))?;
    drop(all);
    for (shard, _) in &leases {
        remove_merged(shard, &own)?;
        outcome.removed.push(shard.clone());
    }
    Ok(outcome)
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Checks that all files belong to one experiment.
fn check_runs(files: &[StoreFile]) -> Result<()> {
    let mut first: Option<(&Path, String)> = None;
    for file in files {
        let Some(found) = file.list(Kind::Plan)?.pop() else { continue };
        let (path, expected) = first.get_or_insert_with(|| (file.path(), found.clone()));
        if *expected != found {
            let (path, other) = (path.to_owned(), file.path().to_owned());
            return Err(Error::OtherRun { path, other, expected: expected.clone(), found });
        }
    }
    Ok(())
}

/// Adds records and lists of all files to the first one.
fn fold(all: &Store, outcome: &mut MergeOutcome) -> Result<()> {
    let (own, sources) = all.files().split_first().expect("a merge has a target");
    for source in sources {
        source.each_record(|(kind, key, body)| {
            let Some(existing) = own.body(&kind, &key)? else {
                outcome.added += 1;
                return own.insert(&kind, &key, &body);
            };
            let is_same = is_same_result(&kind, &existing, &body);
            if !is_same.map_err(|error| source.damaged(error))? {
                return Err(conflict(all.files(), source, &kind, &key, &existing));
            }
            outcome.identical += 1;
            if body < existing { own.replace(&kind, &key, &body) } else { Ok(()) }
        })?;
    }
    for kind in [Kind::Cell, Kind::Training, Kind::Scores, Kind::Plan] {
        let list = all.list(kind)?;
        if !list.is_empty() {
            own.set_list(kind, &list)?;
        }
    }
    add_programs(own, &all.programs()?)
}

/// The error of two different results under one key. Names a file of the first result other than the target, if there is
/// one.
fn conflict(
    files: &[StoreFile],
    other: &StoreFile,
    kind: &str,
    key: &str,
    existing: &[u8],
) -> Error {
    let has_it = |file: &&StoreFile| {
        file.body(kind, key).is_ok_and(|body| body.as_deref() == Some(existing))
    };
    let one = files[1..].iter().find(has_it).unwrap_or(&files[0]);
    let name = Kind::ALL.iter().find(|known| known.name() == kind).map_or("record", |k| k.name());
    Error::Conflict {
        kind: name,
        key: key.to_owned(),
        one: one.path().to_owned(),
        other: other.path().to_owned(),
    }
}

/// Removes a shard's file after reading all its records back from the merged file.
fn remove_merged(shard: &Path, merged: &Path) -> Result<()> {
    let (source, target) = (StoreFile::read(shard)?, StoreFile::read(merged)?);
    source.each_record(|(kind, key, body)| {
        let found = target.body(&kind, &key)?;
        let is_same = found.map(|found| is_same_result(&kind, &found, &body)).transpose();
        if is_same.map_err(|error| source.damaged(error))? == Some(true) {
            Ok(())
        } else {
            Err(conflict(std::slice::from_ref(&target), &source, &kind, &key, &[]))
        }
    })?;
    drop(source);
    // The journal last: until then, the file may need it.
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let path = with_suffix(shard, suffix);
        if path.exists() {
            fs::remove_file(&path).map_err(failed("remove", &path))?;
        }
    }
    let folder = shard.parent().unwrap_or(Path::new("."));
    // Some file systems cannot sync a folder; the file then comes back after a loss of power, and merges again.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CostRecord, Measurement, Shard};

    /// A cell's measurement; `seconds` is not determined by its key.
    fn measurement(note: &str, seconds: f64) -> Measurement {
        let cost = CostRecord { cascade_seconds: seconds, ..CostRecord::default() };
        Measurement { note: Some(note.to_owned()), cost, ..Measurement::default() }
    }

    /// Writes shard `index` of four, with the given cells and times, in a run folder of its own.
    fn shard(place: &Path, index: usize, cells: &[(&str, f64)]) -> PathBuf {
        let path = place.join(format!("host-{index}"));
        let shard = Shard { index, count: 4 };
        let mut store = RunFolder::lock(path.clone(), Some(shard)).unwrap().store().unwrap();
        store.set_plan("plan").unwrap();
        store.set_grid(&["a", "b", "c", "d", "e"].map(str::to_owned)).unwrap();
        for (key, seconds) in cells {
            store.insert(key, &measurement(key, *seconds)).unwrap();
        }
        path
    }

    fn four_shards(place: &Path) -> [PathBuf; 4] {
        [
            shard(place, 1, &[("a", 1.0), ("b", 2.0)]),
            shard(place, 2, &[("b", 3.0), ("c", 1.0)]),
            shard(place, 3, &[("d", 1.0), ("b", 1.0)]),
            shard(place, 4, &[]),
        ]
    }

    fn target(place: &Path, name: &str) -> RunFolder {
        RunFolder::lock_to_merge(place.join(name), &|_| ()).unwrap()
    }

    /// All orders of four numbers.
    fn orders() -> Vec<[usize; 4]> {
        let all = (0..256).map(|n| [n & 3, n >> 2 & 3, n >> 4 & 3, n >> 6]);
        all.filter(|order| (0..4).all(|number| order.contains(&number))).collect()
    }

    fn records(folder: &RunFolder) -> Vec<crate::store::Row> {
        let mut all = Vec::new();
        let file = StoreFile::read(&folder.own_file()).unwrap().verified().unwrap();
        file.each_record(|row| {
            all.push(row);
            Ok(())
        })
        .unwrap();
        all
    }

    #[test]
    fn all_orders_give_the_same_records() {
        let place = tempfile::tempdir().unwrap();
        let shards = four_shards(place.path());
        let mut expected = None;
        assert_eq!(orders().len(), 24);
        for (number, order) in orders().iter().enumerate() {
            let folder = target(place.path(), &format!("merged-{number}"));
            for &index in order {
                merge(&folder, &[shards[index].clone()], false).unwrap();
            }
            let found = records(&folder);
            assert_eq!(found.len(), 4);
            assert!(*expected.get_or_insert_with(|| found.clone()) == found, "{order:?}");
        }
    }

    #[test]
    fn a_second_merge_adds_nothing() {
        let place = tempfile::tempdir().unwrap();
        let shards = four_shards(place.path());
        let folder = target(place.path(), "merged");
        let first = merge(&folder, &shards, false).unwrap();
        assert_eq!((first.files, first.added, first.identical), (4, 4, 2));
        let before = records(&folder);
        let second = merge(&folder, &shards, false).unwrap();
        assert_eq!((second.added, second.identical), (0, 6));
        assert!(records(&folder) == before);
        let store = Store::open_run(folder.path()).unwrap();
        assert_eq!(
            (store.grid().unwrap().len(), store.plan().unwrap().unwrap().as_str()),
            (5, "plan")
        );
        assert_eq!(store.programs().unwrap().len(), 1);
    }

    #[test]
    fn different_results_are_an_error_that_names_both_files_and_the_key() {
        let place = tempfile::tempdir().unwrap();
        let shards = four_shards(place.path());
        let path = shard(place.path(), 4, &[]);
        let lock = RunFolder::lock(path, Some(Shard { index: 4, count: 4 })).unwrap();
        lock.store().unwrap().insert("b", &measurement("another", 1.0)).unwrap();
        drop(lock);
        let folder = target(place.path(), "merged");
        let error = merge(&folder, &shards, false).expect_err("a conflict").to_string();
        // Shards 1 to 3 agree on it, and the fastest of them stays.
        for part in ["host-3/shards/3-of-4.sqlite", "host-4/shards/4-of-4.sqlite", "cell b"] {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
        assert!(records(&folder).is_empty(), "a failed merge changed the target");
    }

    #[test]
    fn other_experiments_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let [one, ..] = four_shards(place.path());
        let folder = target(place.path(), "merged");
        Store::open(&folder.own_file()).unwrap().set_plan("another plan").unwrap();
        let error = merge(&folder, &[one], false).expect_err("another run");
        assert!(matches!(error, Error::OtherRun { .. }), "{error}");
    }

    #[test]
    fn shards_are_removed_after_the_merge_unless_they_run() {
        let place = tempfile::tempdir().unwrap();
        let path = shard(place.path(), 1, &[("a", 1.0)]);
        let running = RunFolder::lock(path.clone(), Some(Shard { index: 2, count: 4 })).unwrap();
        running.store().unwrap().insert("b", &measurement("b", 1.0)).unwrap();
        let folder = RunFolder::lock_to_merge(path.clone(), &|_| ()).unwrap();
        let outcome = merge(&folder, &[], true).unwrap();
        let files = [1, 2].map(|index| path.join(format!("shards/{index}-of-4.sqlite")));
        assert_eq!((&outcome.removed[..], &outcome.running[..]), (&files[..1], &files[1..]));
        assert_eq!(shard_files(&path).unwrap(), files[1..]);
        assert_eq!(Store::open_run(&path).unwrap().keys().unwrap().len(), 2);
    }
}
