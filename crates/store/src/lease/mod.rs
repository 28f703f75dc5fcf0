//! Leases: one writer per file, on one machine or on several that share a file system.
//!
//! A lease is a lock file that holds two things.
//!
//! 1. **A lock of the operating system** (`flock`). Where it works, it decides at once, and the system releases it when
//!    the process ends, however it ends.
//! 2. **A text** with host, process, its start and a heartbeat. It decides where locks of the system do not reach other
//!    hosts or do not exist (some mounts of NFS, Lustre and GPFS), and it names the holder in messages.
//!
//! On a file system of one machine, the lock alone decides. Elsewhere the text must be free as well.
//! A text left behind by a killed process never needs a person's hand. On the same machine its process no longer runs
//! (number and start are compared, because numbers are reused). For another machine, the text is observed: the holder
//! changes it every [`Timing::beat`], so a text that stays the same for [`Timing::patience`] is stale.
//! The observer measures that time with its own monotonic clock and compares no dates, so clocks may jump or disagree.
//!
//! On file systems that several machines share, two processes can find the same stale or empty text at the same time.
//! Both write theirs, wait [`Timing::settle`], and read again: the one whose text was overwritten gives up.
//! A process that was suspended for longer than the patience of others finds their text when it wakes, since every write
//! of a result [checks](Lease::check) the text first, and it stops.
//! If all of this fails, results are still right: SQLite has its own locks, records are written once under a hash of
//! everything that determines them, and each has a checksum.

mod owner;

use std::{
    fs::{self, File, TryLockError},
    io::{self, Seek, Write},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{Error, Result, file_system};
use owner::Owner;

/// Conditions and durations of a lease's protocol.
#[derive(Clone, Copy, Debug)]
struct Timing {
    /// True if no other machine sees the file.
    is_local: bool,
    /// Between two heartbeats.
    beat: Duration,
    /// Without a heartbeat until another host takes over. Longer than a minute, for which NFS may cache a file.
    patience: Duration,
    /// Between writing and reading the own text on a shared file system.
    settle: Duration,
}

const TIMING: Timing = Timing {
    is_local: false,
    beat: Duration::from_secs(10),
    patience: Duration::from_secs(90),
    settle: Duration::from_secs(1),
};

/// The right to write to one file. Released on drop.
#[derive(Debug)]
pub(crate) struct Lease {
    path: PathBuf,
    owner: Owner,
    /// True if the system's lock is held.
    has_lock: bool,
    file: Mutex<File>,
    heart: Option<(Sender<()>, JoinHandle<()>)>,
}

/// Environment variable that switches the system's locks off, for tests: `none`.
const OVERRIDE: &str = "ISOBATH_LOCKS";

impl Lease {
    /// Takes the lease at `path` for `task`. Calls `notice` before it waits for a sign of life from another host.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process has the lease and [`Error::File`] if the file cannot be written.
    pub(crate) fn take(path: &Path, task: &str, notice: &dyn Fn(String)) -> Result<Self> {
        let is_local = path.parent().is_some_and(file_system::is_local);
        Self::take_with(path, task, notice, Timing { is_local, ..TIMING })
    }

    /// Takes the lease at `path` without a wait.
    ///
    /// # Errors
    /// As [`take`](Self::take); [`Error::Locked`] also if a process on another host may have the lease.
    pub(crate) fn take_if_free(path: &Path, task: &str) -> Result<Self> {
        let is_local = path.parent().is_some_and(file_system::is_local);
        Self::take_with(
            path,
            task,
            &|_| (),
            Timing { is_local, patience: Duration::ZERO, ..TIMING },
        )
    }

    fn take_with(path: &Path, task: &str, notice: &dyn Fn(String), timing: Timing) -> Result<Self> {
        let failed = |source| Error::File { action: "lock", path: path.to_owned(), source };
        let open = File::options().create(true).truncate(false).read(true).write(true).open(path);
        let file = open.map_err(failed)?;
        let has_lock = match lock(&file) {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => return Err(locked(path, read(path))),
            // The file system has no locks.
            Err(TryLockError::Error(_)) => false,
        };
        let is_lock_enough = has_lock && timing.is_local;
        if let Some(text) = read(path).filter(|_| !is_lock_enough) {
            wait_until_stale(path, &text, notice, timing.patience)?;
        }
        let owner = Owner::this_process(task);
        let lease =
            Self { path: path.to_owned(), owner, has_lock, file: Mutex::new(file), heart: None };
        lease.write(&lease.owner).map_err(failed)?;
        if !is_lock_enough {
            std::thread::sleep(timing.settle);
        }
        lease.check()?;
        lease.with_heartbeat(timing.beat).map_err(failed)
    }

    /// True if locks of the operating system work at this place.
    pub(crate) const fn has_lock(&self) -> bool {
        self.has_lock
    }

    /// Checks that no other process has taken over the lease.
    ///
    /// # Errors
    /// [`Error::Locked`] if one has.
    pub(crate) fn check(&self) -> Result<()> {
        /// A heartbeat at the same time may give a mixture of two texts.
        const ATTEMPTS: usize = 5;
        const PAUSE: Duration = Duration::from_millis(10);
        for _ in 1..ATTEMPTS {
            if self.is_own(read(&self.path).as_ref()) {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
        match read(&self.path) {
            text if self.is_own(text.as_ref()) => Ok(()),
            text => Err(locked(&self.path, text)),
        }
    }

    fn is_own(&self, text: Option<&Text>) -> bool {
        text.and_then(Text::owner).is_some_and(|owner| owner.is_same_lease(&self.owner))
    }

    fn with_heartbeat(mut self, beat: Duration) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let file = self.file.get_mut().unwrap_or_else(PoisonError::into_inner).try_clone()?;
        let (path, mut owner) = (self.path.clone(), self.owner.clone());
        let beats = move || {
            while stopped.recv_timeout(beat) == Err(RecvTimeoutError::Timeout) {
                let is_own = read(&path).and_then(|text| text.owner());
                if !is_own.is_some_and(|other| other.is_same_lease(&owner)) {
                    break;
                }
                owner.beat += 1;
                // If this fails, another host may take over, and the next check says so.
                let _ = write(&file, &owner);
            }
        };
        let thread = std::thread::Builder::new().name("heartbeat".to_owned()).spawn(beats)?;
        self.heart = Some((stop, thread));
        Ok(self)
    }

    fn write(&self, owner: &Owner) -> io::Result<()> {
        write(&self.file.lock().unwrap_or_else(PoisonError::into_inner), owner)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.heart.take() {
            drop(stop);
            let _ = thread.join();
        }
        if self.check().is_ok() {
            // If this fails, the text is stale and the next process takes over.
            let _ = self.file.lock().unwrap_or_else(PoisonError::into_inner).set_len(0);
        }
    }
}

/// Takes the system's lock. Waits for a moment, because [`check_free`] takes it for one.
fn lock(file: &File) -> Result<(), TryLockError> {
    const ATTEMPTS: usize = 5;
    const PAUSE: Duration = Duration::from_millis(10);
    for _ in 1..ATTEMPTS {
        match try_lock(file) {
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            done => return done,
        }
    }
    try_lock(file)
}

/// Checks that no process of this machine has the lease at `path` for a task that `counts`. Where locks of the system
/// reach other hosts, their processes are found too.
///
/// # Errors
/// [`Error::Locked`] if one has.
pub(crate) fn check_free(path: &Path, counts: impl Fn(&str) -> bool) -> Result<()> {
    let Ok(file) = File::open(path) else { return Ok(()) };
    let is_locked = matches!(try_lock(&file), Err(TryLockError::WouldBlock));
    let text = read(path);
    let owner = text.as_ref().and_then(Text::owner);
    let is_alive = owner.as_ref().and_then(Owner::is_alive) == Some(true);
    let counts = owner.is_none_or(|owner| counts(owner.task()));
    if counts && (is_locked || is_alive) { Err(locked(path, text)) } else { Ok(()) }
}

fn try_lock(file: &File) -> Result<(), TryLockError> {
    if std::env::var(OVERRIDE).is_ok_and(|locks| locks == "none") {
        return Err(TryLockError::Error(io::ErrorKind::Unsupported.into()));
    }
    file.try_lock()
}

/// Content of a lock file that is not empty.
#[derive(Debug, PartialEq, Eq)]
struct Text(Vec<u8>);

impl Text {
    /// The owner, unless the text is damaged or half written.
    fn owner(&self) -> Option<Owner> {
        serde_json::from_slice(&self.0).ok()
    }
}

/// Reads a lock file; `None` if no process has the lease.
fn read(path: &Path) -> Option<Text> {
    // Each read opens the file, because network file systems look for changes when a file is opened.
    fs::read(path).ok().filter(|bytes| !bytes.is_empty()).map(Text)
}

/// Length of the text, which never changes, so that the file is never half empty.
const LENGTH: usize = 1024;

fn write(mut file: &File, owner: &Owner) -> io::Result<()> {
    let mut text = serde_json::to_vec(owner)?;
    text.resize(LENGTH.max(text.len()), b' ');
    file.rewind()?;
    file.write_all(&text)?;
    file.sync_data()
}

/// Returns once the holder in `text` is known to be gone.
fn wait_until_stale(
    path: &Path,
    text: &Text,
    notice: &dyn Fn(String),
    patience: Duration,
) -> Result<()> {
    let owner = text.owner();
    match owner.as_ref().and_then(Owner::is_alive) {
        Some(true) => return Err(locked(path, read(path))),
        Some(false) => return Ok(()),
        None if patience.is_zero() => return Err(locked(path, read(path))),
        None => {}
    }
    let holder = owner.map_or_else(|| "an unknown process".to_owned(), |owner| owner.to_string());
    notice(format!(
        "{} names {holder}; waiting up to {} s for its heartbeat",
        path.display(),
        patience.as_secs()
    ));
    let start = Instant::now();
    while start.elapsed() < patience {
        std::thread::sleep(patience / 20);
        match read(path) {
            None => return Ok(()),
            Some(now) if now != *text => return Err(locked(path, Some(now))),
            Some(_) => {}
        }
    }
    Ok(())
}

fn locked(path: &Path, text: Option<Text>) -> Error {
    let owner = text.and_then(|text| text.owner());
    let holder = owner.map_or_else(String::new, |owner| format!(" ({owner})"));
    Error::Locked { path: path.to_owned(), holder }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const QUICK: Timing = Timing {
        is_local: false,
        beat: Duration::from_millis(20),
        patience: Duration::from_millis(400),
        settle: Duration::from_millis(1),
    };

    fn take(path: &Path) -> Result<Lease> {
        Lease::take_with(path, "run", &|_| (), QUICK)
    }

    /// A lock file in a new folder.
    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        (folder, path)
    }

    /// The text of a lease that a process of another machine holds.
    fn foreign() -> serde_json::Value {
        let mut owner = serde_json::to_value(Owner::this_process("run")).unwrap();
        owner["host"] = "elsewhere".into();
        owner["machine"] = "elsewhere".into();
        owner
    }

    #[test]
    fn a_lease_excludes_others_names_its_holder_and_ends_on_drop() {
        let (_folder, path) = place();
        let lease = take(&path).unwrap();
        lease.check().unwrap();
        let error = take(&path).expect_err("held").to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        drop(lease);
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
        take(&path).unwrap();
    }

    #[test]
    fn heartbeats_change_the_text() {
        let (_folder, path) = place();
        let _lease = take(&path).unwrap();
        let first = read(&path);
        let start = Instant::now();
        while read(&path) == first && start.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(QUICK.beat);
        }
        assert_ne!(read(&path), first);
    }

    #[test]
    fn stale_texts_are_taken_over_whatever_their_date() {
        for since in [0_u64, 1 << 40] {
            let (_folder, path) = place();
            let mut owner = foreign();
            owner["since"] = since.into();
            fs::write(&path, owner.to_string()).unwrap();
            let noticed = Cell::new(false);
            let notice = |_| noticed.set(true);
            let lease = Lease::take_with(&path, "run", &notice, QUICK).unwrap();
            assert!(noticed.get());
            lease.check().unwrap();
        }
        // A text that is none.
        let (_folder, path) = place();
        fs::write(&path, "{\"host\": 7").unwrap();
        take(&path).unwrap().check().unwrap();
    }

    #[test]
    fn without_patience_a_text_of_another_host_counts() {
        let (_folder, path) = place();
        fs::write(&path, foreign().to_string()).unwrap();
        let timing = Timing { patience: Duration::ZERO, ..QUICK };
        let taken = Lease::take_with(&path, "merge", &|_| (), timing);
        assert!(matches!(taken, Err(Error::Locked { .. })));
        // On a file system of one machine, the lock alone decides.
        Lease::take_with(&path, "run", &|_| (), Timing { is_local: true, ..timing }).unwrap();
    }

    #[test]
    fn leases_of_dead_processes_are_taken_over_at_once() {
        let (_folder, path) = place();
        let mut owner = serde_json::to_value(Owner::this_process("run")).unwrap();
        owner["start"] = 1.into();
        fs::write(&path, owner.to_string()).unwrap();
        let (start, patience) = (Instant::now(), Duration::from_secs(60));
        Lease::take_with(&path, "run", &|_| (), Timing { patience, ..QUICK }).unwrap();
        assert!(start.elapsed() < patience);
    }

    #[test]
    fn a_heartbeat_on_another_host_keeps_the_lease() {
        let (_folder, path) = place();
        let mut owner = foreign();
        fs::write(&path, owner.to_string()).unwrap();
        let place = path.as_path();
        std::thread::scope(|scope| {
            // Patient enough for a machine on which this thread waits for its turn.
            let timing = Timing { patience: Duration::from_secs(20), ..QUICK };
            let other = scope.spawn(move || Lease::take_with(place, "run", &|_| (), timing));
            for beat in 1..20 {
                std::thread::sleep(QUICK.beat);
                owner["beat"] = beat.into();
                fs::write(&path, owner.to_string()).unwrap();
            }
            let error = other.join().unwrap().expect_err("held").to_string();
            assert!(error.contains("on elsewhere"), "{error}");
        });
    }

    #[test]
    fn a_lost_lease_is_noticed_and_left_alone() {
        let (_folder, path) = place();
        let lease = take(&path).unwrap();
        let text = foreign().to_string();
        fs::write(&path, &text).unwrap();
        assert!(matches!(lease.check(), Err(Error::Locked { .. })));
        std::thread::sleep(3 * QUICK.beat);
        drop(lease);
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}
