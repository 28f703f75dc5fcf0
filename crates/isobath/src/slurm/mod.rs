//! Slurm's commands, as processes. None of them is needed for anything but submission; results never depend on them.

mod jobs;

use std::{
    io,
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context, Result, bail};

pub(crate) use jobs::{Submission, Submissions};

/// State of a job or of one task of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JobState {
    /// Number of the job.
    pub(crate) job: String,
    /// Number of the task, if the job is an array.
    pub(crate) task: Option<usize>,
    /// Slurm's word, such as `RUNNING` or `NODE_FAIL`.
    pub(crate) word: String,
}

/// States of jobs that wait for their start.
const WAITING: [&str; 5] = ["PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"];

/// States of jobs that have begun and not ended.
const RUNNING: [&str; 8] = [
    "CONFIGURING",
    "RUNNING",
    "COMPLETING",
    "SUSPENDED",
    "RESIZING",
    "SIGNALING",
    "STAGE_OUT",
    "STOPPED",
];

impl JobState {
    /// True if the job waits for its start.
    pub(crate) fn is_waiting(&self) -> bool {
        WAITING.contains(&self.word.as_str())
    }

    /// True if the job has begun and not ended.
    pub(crate) fn is_running(&self) -> bool {
        RUNNING.contains(&self.word.as_str())
    }

    /// True if the job has not ended.
    pub(crate) fn is_active(&self) -> bool {
        self.is_waiting() || self.is_running()
    }
}

/// True if `sbatch` is on the `PATH`.
pub(crate) fn is_installed() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join("sbatch").is_file())
}

/// Sends the batch script at `script` and returns the job's number. With `after`, the job starts when that one has ended,
/// however it ended.
///
/// # Errors
/// When Slurm rejects the script or cannot be reached.
pub(crate) fn submit(script: &Path, after: Option<&str>) -> Result<String> {
    let mut command = Command::new("sbatch");
    command.arg("--parsable");
    command.args(after.map(|job| format!("--dependency=afterany:{job}")));
    let output = command.arg(script).output().context("cannot start `sbatch`")?;
    if !output.status.success() {
        bail!("`sbatch` rejected {}: {}", script.display(), message(&output));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    // On a federation, the name of the cluster follows.
    let job = text.lines().last().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if job.is_empty() || !job.bytes().all(|byte| byte.is_ascii_digit()) {
        bail!("`sbatch` printed no job number but {:?}", text.trim());
    }
    Ok(job.to_owned())
}

/// States of `jobs` in the queue, and of those that ended within the last minutes.
///
/// # Errors
/// When `squeue` does not exist or Slurm cannot be reached.
pub(crate) fn queue(jobs: &[&str]) -> Result<Vec<JobState>> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let arguments = ["--noheader", "--array", "--states=all", "--format=%F|%K|%T"];
    let jobs = format!("--jobs={}", jobs.join(","));
    let output = Command::new("squeue").args(arguments).arg(jobs).output();
    let output = output.context("cannot start `squeue`")?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(queued).collect());
    }
    let message = message(&output);
    if message.contains("Invalid job id") {
        return Ok(Vec::new());
    }
    bail!("`squeue` failed: {message}")
}

/// States of `jobs` in Slurm's accounting; none if the cluster keeps no accounts.
pub(crate) fn accounts(jobs: &[&str]) -> Vec<JobState> {
    let arguments = ["--noheader", "--parsable2", "--allocations", "--format=JobID,State"];
    let run = || -> io::Result<Output> {
        Command::new("sacct").args(arguments).arg(format!("--jobs={}", jobs.join(","))).output()
    };
    match run() {
        Ok(output) if !jobs.is_empty() && output.status.success() => {
            String::from_utf8_lossy(&output.stdout).lines().filter_map(accounted).collect()
        }
        _ => Vec::new(),
    }
}

/// Parses a line of `squeue`: `17|3|RUNNING`, or `18|N/A|PENDING` for a job that is no array.
fn queued(line: &str) -> Option<JobState> {
    let mut words = line.trim().split('|');
    let (job, task, word) = (words.next()?, words.next()?, words.next()?);
    Some(JobState { job: job.to_owned(), task: task.parse().ok(), word: first_word(word)? })
}

/// Parses a line of `sacct`: `17_3|CANCELLED by 1000`. Tasks that wait, such as `17_[4-8]`, are in the queue.
fn accounted(line: &str) -> Option<JobState> {
    let (id, word) = line.trim().split_once('|')?;
    let (job, task) = match id.split_once('_') {
        Some((job, task)) => (job, Some(task.parse().ok()?)),
        None => (id, None),
    };
    Some(JobState { job: job.to_owned(), task, word: first_word(word)? })
}

fn first_word(text: &str) -> Option<String> {
    text.split_whitespace().next().map(str::to_owned)
}

/// A command's messages in one line.
fn message(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { output.status.to_string() } else { lines.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(job: &str, task: Option<usize>, word: &str) -> JobState {
        JobState { job: job.to_owned(), task, word: word.to_owned() }
    }

    #[test]
    fn lines_of_the_queue_parse() {
        assert_eq!(queued("17|3|RUNNING"), Some(state("17", Some(3), "RUNNING")));
        assert_eq!(queued(" 18|N/A|PENDING "), Some(state("18", None, "PENDING")));
        assert_eq!(queued("slurm is busy"), None);
    }

    #[test]
    fn lines_of_the_accounting_parse() {
        let cancelled = state("17", Some(3), "CANCELLED");
        assert_eq!(accounted("17_3|CANCELLED by 1000"), Some(cancelled));
        assert_eq!(accounted("18|COMPLETED"), Some(state("18", None, "COMPLETED")));
        assert_eq!(accounted("17_[4-8%2]|PENDING"), None);
    }

    #[test]
    fn states_are_active_or_ended() {
        for word in ["PENDING", "RUNNING", "COMPLETING", "REQUEUED"] {
            assert!(state("1", None, word).is_active(), "{word}");
        }
        for word in ["COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED"] {
            assert!(!state("1", None, word).is_active(), "{word}");
        }
    }
}
