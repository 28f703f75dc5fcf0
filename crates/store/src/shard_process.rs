//! Processes of shards, as their lock files show them. Reading them changes nothing.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use serde::Deserialize;

use crate::{Shard, file_system, lease};

/// Age of a heartbeat from which its process counts as gone, where locks of the system may not reach other hosts. Nine
/// times the time between two heartbeats.
const STALE: Duration = Duration::from_secs(90);

/// The process that computes a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShardProcess {
    /// No process has begun the shard.
    NotStarted,
    /// A process computes the shard.
    Running(Holder),
    /// The last process was killed, or its host failed.
    Killed(Holder),
    /// The last process ended by itself.
    Ended,
}

/// Process in a lock file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Name of its host.
    pub host: String,
    /// Its number on that host.
    pub pid: u32,
    /// Age of its last heartbeat by this host's clock; zero if the clocks of the hosts disagree.
    pub heartbeat: Duration,
}

/// The part of a lock file's text that readers see.
#[derive(Deserialize)]
struct Text {
    host: String,
    pid: u32,
}

impl ShardProcess {
    /// The process of `shard` of the run in `folder`.
    pub fn of(folder: &Path, shard: Shard) -> Self {
        Self::of_lock(&folder.join("shards").join(format!("{}.lock", shard.stem())))
    }

    /// The process that computes the run in `folder` without shards, or merges it.
    pub fn of_run(folder: &Path) -> Self {
        Self::of_lock(&folder.join("run.lock"))
    }

    fn of_lock(lock: &Path) -> Self {
        let Ok(data) = fs::metadata(lock) else { return Self::NotStarted };
        let Some(text) = fs::read(lock).ok().filter(|text| !text.is_empty()) else {
            return Self::Ended;
        };
        // A text that is being written names nobody for a moment.
        let Text { host, pid } = serde_json::from_slice(&text)
            .unwrap_or_else(|_| Text { host: "an unknown host".to_owned(), pid: 0 });
        let changed = data.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let heartbeat = SystemTime::now().duration_since(changed).unwrap_or_default();
        let may_be_elsewhere = !lock.parent().is_some_and(file_system::is_local);
        let is_running =
            lease::check_free(lock, |_| true).is_err() || may_be_elsewhere && heartbeat < STALE;
        let holder = Holder { host, pid, heartbeat };
        if is_running { Self::Running(holder) } else { Self::Killed(holder) }
    }
}

impl Shard {
    /// Number of parts into which processes last divided the run in `folder`; `None` if no shard has begun.
    pub fn last_count(folder: &Path) -> Option<usize> {
        let locks = fs::read_dir(folder.join("shards")).ok()?.flatten().filter_map(|entry| {
            let path = entry.path();
            let shard =
                Self::of_file(&path).filter(|_| path.extension() == Some("lock".as_ref()))?;
            Some((entry.metadata().ok()?.modified().ok()?, shard.count))
        });
        locks.max().map(|(_, count)| count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunFolder;

    const SHARD: Shard = Shard { index: 2, count: 3 };

    #[test]
    fn processes_are_running_or_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert_eq!(ShardProcess::of(path, SHARD), ShardProcess::NotStarted);
        assert_eq!(Shard::last_count(path), None);
        let locked = RunFolder::lock(path.to_owned(), Some(SHARD)).unwrap();
        let ShardProcess::Running(holder) = ShardProcess::of(path, SHARD) else {
            panic!("{:?}", ShardProcess::of(path, SHARD))
        };
        assert_eq!(holder.pid, std::process::id());
        assert_eq!(Shard::last_count(path), Some(3));
        drop(locked);
        assert_eq!(ShardProcess::of(path, SHARD), ShardProcess::Ended);
        let merge = RunFolder::lock_to_merge(path.to_owned(), &|_| ()).unwrap();
        assert!(matches!(ShardProcess::of_run(path), ShardProcess::Running(_)));
        drop(merge);
    }

    #[test]
    fn a_text_without_its_process_is_of_a_killed_one() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("shards")).unwrap();
        let lock = folder.path().join("shards/2-of-3.lock");
        let locked = RunFolder::lock(folder.path().to_owned(), Some(SHARD)).unwrap();
        let text = fs::read_to_string(&lock).unwrap();
        drop(locked);
        // Another machine, so that its process cannot be looked up.
        let text = text.replace(r#""machine":""#, r#""machine":"elsewhere "#);
        fs::write(&lock, text).unwrap();
        let found = ShardProcess::of(folder.path(), SHARD);
        // On a file system of several machines, its fresh heartbeat counts.
        let is_local = file_system::is_local(folder.path());
        assert_eq!(matches!(found, ShardProcess::Killed(_)), is_local, "{found:?}");
        assert_eq!(matches!(found, ShardProcess::Running(_)), !is_local, "{found:?}");
    }
}
