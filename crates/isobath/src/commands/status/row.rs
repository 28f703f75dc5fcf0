//! State of one shard: the stores and lock files decide, Slurm only adds what they cannot know.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use crate::slurm::{JobState, Submission};
use isobath_runner::ShardWork;
use isobath_store::{Holder, Shard, ShardProcess};

/// State of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// All its cells and trainings are stored.
    Done,
    /// A process computes it.
    Running,
    /// A job waits for its start.
    Queued,
    /// A process has begun it and ended before everything was stored.
    Failed,
    /// No process has begun it.
    Missing,
}

impl State {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Running => "running",
            Self::Queued => "queued",
            Self::Failed => "failed",
            Self::Missing => "missing",
        }
    }
}

/// A shard.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) shard: Shard,
    pub(super) work: ShardWork,
    pub(super) state: State,
    /// The process, while it runs and has begun to compute.
    pub(super) holder: Option<Holder>,
    /// Why it failed.
    pub(super) reason: Option<String>,
    /// Last line of its log, if it failed.
    pub(super) last_line: Option<String>,
    /// Path of its log.
    pub(super) log: Option<PathBuf>,
}

impl Row {
    pub(super) fn new(
        shard: Shard,
        work: ShardWork,
        process: ShardProcess,
        slurm: Option<&JobState>,
        log: Option<PathBuf>,
    ) -> Self {
        let (state, reason) = state(&work, &process, slurm);
        let holder = match process {
            ShardProcess::Running(holder) if state == State::Running => Some(holder),
            _ => None,
        };
        let is_failed = state == State::Failed;
        let last_line = log.as_deref().filter(|_| is_failed).and_then(last_line);
        Self { shard, work, state, holder, reason, last_line, log }
    }
}

/// State of a shard and the reason of a failure.
fn state(
    work: &ShardWork,
    process: &ShardProcess,
    slurm: Option<&JobState>,
) -> (State, Option<String>) {
    if work.is_done() {
        return (State::Done, None);
    }
    if matches!(process, ShardProcess::Running(_)) || slurm.is_some_and(JobState::is_running) {
        return (State::Running, None);
    }
    if slurm.is_some_and(JobState::is_waiting) {
        return (State::Queued, None);
    }
    let seen = match process {
        ShardProcess::Killed(holder) => format!("killed on {}", holder.host),
        ShardProcess::Ended => "stopped early".to_owned(),
        _ if slurm.is_none() => return (State::Missing, None),
        _ => "ended before it began to compute".to_owned(),
    };
    let word = slurm.map(|job| job.word.as_str()).filter(|word| *word != "COMPLETED");
    let word = word.map(|word| format!("{}, ", word.to_lowercase().replace('_', " ")));
    (State::Failed, Some(word.unwrap_or_default() + &seen))
}

/// State of the task that `submission` sent for `shard`.
pub(super) fn task_state<'a>(
    jobs: &'a [JobState],
    submission: Option<&Submission>,
    shard: usize,
) -> Option<&'a JobState> {
    let array = submission?.array_job.as_ref()?;
    jobs.iter().find(|one| one.job == *array && one.task == Some(shard))
}

/// Last line of a log that is not empty.
fn last_line(path: &Path) -> Option<String> {
    /// Bytes to read, from the end.
    const END: u64 = 4096;
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(END))).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn holder() -> Holder {
        Holder { host: "n1".to_owned(), pid: 7, heartbeat: Duration::from_secs(3) }
    }

    #[track_caller]
    fn check(
        cells_left: usize,
        process: ShardProcess,
        slurm: Option<&str>,
        expected: State,
        reason: &str,
    ) {
        let work = ShardWork { cells: 1, cells_left, ..ShardWork::default() };
        let slurm = slurm.map(|word| JobState {
            job: "1".to_owned(),
            task: Some(1),
            word: word.to_owned(),
        });
        let (state, found) = state(&work, &process, slurm.as_ref());
        assert_eq!((state, found.unwrap_or_default().as_str()), (expected, reason));
    }

    #[test]
    fn stored_results_decide() {
        check(0, ShardProcess::Running(holder()), Some("FAILED"), State::Done, "");
        check(0, ShardProcess::NotStarted, None, State::Done, "");
        check(1, ShardProcess::NotStarted, None, State::Missing, "");
        check(1, ShardProcess::Ended, None, State::Failed, "stopped early");
        check(1, ShardProcess::Ended, Some("COMPLETED"), State::Failed, "stopped early");
        check(1, ShardProcess::Killed(holder()), None, State::Failed, "killed on n1");
    }

    #[test]
    fn slurm_adds_what_files_cannot_know() {
        check(1, ShardProcess::Running(holder()), None, State::Running, "");
        check(1, ShardProcess::NotStarted, Some("RUNNING"), State::Running, "");
        check(1, ShardProcess::Ended, Some("PENDING"), State::Queued, "");
        let killed = ShardProcess::Killed(holder());
        check(1, killed, Some("NODE_FAIL"), State::Failed, "node fail, killed on n1");
        let reason = "failed, ended before it began to compute";
        check(1, ShardProcess::NotStarted, Some("FAILED"), State::Failed, reason);
    }

    #[test]
    fn the_last_line_of_a_log_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("1.log");
        assert_eq!(last_line(&log), None);
        std::fs::write(&log, format!("{}\nerror: full\n\n", "x".repeat(9000))).unwrap();
        assert_eq!(last_line(&log).as_deref(), Some("error: full"));
    }
}
