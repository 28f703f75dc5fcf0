mod row;
mod view;

use std::{num::NonZero, path::Path};

use anyhow::Result;
use clap::Args;

use super::{GlobalArgs, exit, report::find, run::folders, run_state::RunState};
use crate::{
    print::shell_word,
    slurm::{self, JobState, Submissions},
};
use isobath_store::{RunFolder, Shard, ShardProcess};
use row::{Row, State};

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 if everything is stored, 75 if work is queued or running, 1 if work is missing and \
                        nothing is queued or running (or the command failed)."
)]
pub(super) struct Arguments {
    /// Run: its folder, or a prefix of its name
    run: String,
    /// Number of shards [default: that of the last submission, or of the last shard that began]
    #[arg(long, value_name = "N")]
    tasks: Option<NonZero<usize>>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Everything that `status` shows.
struct Status {
    run: RunState,
    rows: Vec<Row>,
    submissions: Submissions,
    /// States of Slurm's jobs; empty without Slurm.
    jobs: Vec<JobState>,
    /// Command that computes what is missing; `None` if nothing is, or if it is queued or running.
    resubmit: Option<String>,
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    let path = find(global, &arguments.run)?;
    let status = Status::read(global, &path, arguments.tasks)?;
    if arguments.json {
        println!("{}", view::json(&status));
    } else {
        view::print(&status);
    }
    Ok(status.code())
}

impl Status {
    fn read(global: &GlobalArgs, path: &Path, tasks: Option<NonZero<usize>>) -> Result<Self> {
        let submissions = Submissions::read(path)?;
        let submitted = submissions.0.last().map(|last| last.tasks);
        let tasks = tasks.map(NonZero::get).or(submitted).or_else(|| Shard::last_count(path));
        let run = RunState::read(path, tasks.unwrap_or(1))?;
        let jobs = job_states(&submissions);
        let row = |(index, work)| {
            let shard = Shard { index, count: run.shards.len() };
            let process = match tasks {
                Some(_) => ShardProcess::of(path, shard),
                None => ShardProcess::of_run(path),
            };
            let submission = submissions.of_shard(index, shard.count);
            let log = submission.map(|_| path.join(format!("submit/logs/{index}.log")));
            Row::new(shard, work, process, row::task_state(&jobs, submission, index), log)
        };
        let rows = (1..).zip(run.shards.iter().copied()).map(row).collect();
        let mut status = Self { run, rows, submissions, jobs, resubmit: None };
        status.resubmit = status.resubmit_command(global);
        Ok(status)
    }

    /// True if a shard or a job of the run is queued or running.
    fn is_active(&self) -> bool {
        let is_active = |row: &Row| matches!(row.state, State::Running | State::Queued);
        self.rows.iter().any(is_active) || self.jobs.iter().any(JobState::is_active)
    }

    fn is_complete(&self) -> bool {
        self.run.is_computed() && self.run.has_scores
    }

    /// Exit code, by which scripts wait for the end and find out what to do then.
    fn code(&self) -> u8 {
        match (self.is_complete(), self.is_active()) {
            (_, true) => exit::TRY_AGAIN,
            (true, false) => exit::DONE,
            (false, false) => exit::FAILED,
        }
    }

    fn resubmit_command(&self, global: &GlobalArgs) -> Option<String> {
        if self.is_complete() || self.is_active() {
            return None;
        }
        if let Some(last) = self.submissions.0.last() {
            return Some(last.command.clone());
        }
        let folder = shell_word(&self.run.path.to_string_lossy());
        let (folders, tasks) = (folders(global), self.rows.len());
        if self.run.is_computed() {
            return Some(format!("cargo xtask merge {folder} --report{folders}"));
        }
        let file = self.run.path.join(RunFolder::EXPERIMENT);
        let run = format!("cargo xtask run {}", shell_word(&file.to_string_lossy()));
        if tasks == 1 {
            return Some(format!("{run}{folders}"));
        }
        let missing = self.rows.iter().filter(|row| row.state != State::Done);
        let missing: Vec<String> = missing.map(|row| row.shard.index.to_string()).collect();
        let run = format!("{run} --shard {{}}/{tasks}{folders}");
        Some(format!("printf '%s\\n' {} | xargs -P 2 -I{{}} {run}", missing.join(" ")))
    }
}

/// States of all jobs of a run that Slurm still knows.
fn job_states(submissions: &Submissions) -> Vec<JobState> {
    let jobs = submissions.jobs();
    if jobs.is_empty() {
        return Vec::new();
    }
    // Results do not depend on what Slurm says, so its failures do not matter here.
    let mut states = slurm::queue(&jobs).unwrap_or_default();
    let is_known = |other: &JobState, states: &[JobState]| {
        states.iter().any(|one| one.job == other.job && one.task == other.task)
    };
    let mut ended = slurm::accounts(&jobs);
    ended.retain(|one| !one.is_active() && !is_known(one, &states));
    states.append(&mut ended);
    states
}
