//! Sends the missing shards of a run, and the job that merges them.

use std::{fs, path::Path, time::SystemTime};

use anyhow::{Context, Result, bail};

use super::{
    ARRAY, Arguments, REPORT, missing,
    script::{Scripts, ranges},
};
use crate::{
    commands::{
        GlobalArgs, exit,
        run::{folders, note},
        run_state::has_scores,
    },
    date,
    slurm::{self, Submission, Submissions},
};
use isobath_experiment::Plan;
use isobath_report::count;
use isobath_runner::{ShardWork, WorkKeys, shard_work};
use isobath_store::{RunFolder, Shard, ShardProcess, Store};

/// Writes and sends the scripts.
pub(super) fn send(
    global: &GlobalArgs,
    arguments: &Arguments,
    plan: &Plan,
    keys: &WorkKeys,
    scripts: &Scripts<'_>,
) -> Result<u8> {
    let folder = RunFolder::lock_to_merge(global.runs.join(plan.run_name()), &note)?;
    let mut submissions = Submissions::read(folder.path())?;
    if !arguments.force {
        reject_active(&submissions)?;
    }
    let store = prepare(&folder, plan, keys)?;
    let work = shard_work(plan, keys, Some(&store), scripts.tasks)?;
    let missing = missing(&work);
    if missing.is_empty() && is_merged(&folder, keys)? && has_scores(plan, Some(&store))? {
        println!("nothing is missing; `cargo xtask report {}` writes the report", plan.run_name());
        return Ok(exit::DONE);
    }
    drop(store);
    let shards = idle(folder.path(), missing, scripts.tasks);
    let array_job = send_array(&folder, scripts, &shards)?;
    if let Some(job) = &array_job {
        println!("job {job}: shards {} of {}, {}", ranges(&shards), scripts.tasks, left(&work));
    }
    submissions.0.push(Submission {
        sent: date::utc(SystemTime::now()),
        tasks: scripts.tasks,
        shards,
        array_job: array_job.clone(),
        report_job: None,
        command: arguments.command(global),
    });
    submissions.write(folder.path())?;
    let report_job = send_report(folder, scripts, array_job.as_deref())?;
    println!("job {report_job}: merges the shards and writes the report after that");
    if let Some(last) = submissions.0.last_mut() {
        last.report_job = Some(report_job);
    }
    submissions.write(scripts.run)?;
    println!("follow: cargo xtask status {}{}", plan.run_name(), folders(global));
    println!("logs:   {}", scripts.logs.display());
    Ok(exit::DONE)
}

/// Sends the array for `shards`, if there are any. Returns its number.
fn send_array(
    folder: &RunFolder,
    scripts: &Scripts<'_>,
    shards: &[usize],
) -> Result<Option<String>> {
    fs::create_dir_all(scripts.logs)
        .with_context(|| format!("cannot make the folder {}", scripts.logs.display()))?;
    if shards.is_empty() {
        return Ok(None);
    }
    folder.write(&format!("{}/{ARRAY}", Submissions::FOLDER), &scripts.array(shards))?;
    slurm::submit(&scripts.run.join(Submissions::FOLDER).join(ARRAY), None).map(Some)
}

/// Sends the job that merges the shards after `array_job`. Returns its number.
fn send_report(
    folder: RunFolder,
    scripts: &Scripts<'_>,
    array_job: Option<&str>,
) -> Result<String> {
    folder.write(&format!("{}/{REPORT}", Submissions::FOLDER), &scripts.report())?;
    // The job takes the lock as soon as it starts.
    drop(folder);
    slurm::submit(&scripts.run.join(Submissions::FOLDER).join(REPORT), array_job).with_context(
        || {
            let array = array_job.map(|job| format!("job {job} computes the shards, but "));
            let array = array.unwrap_or_default();
            format!(
                "{array}nothing merges them; run `cargo xtask merge --report` when they have ended"
            )
        },
    )
}

/// Rejects a submission while jobs of an earlier one wait or run.
fn reject_active(submissions: &Submissions) -> Result<()> {
    let states = slurm::queue(&submissions.jobs())
        .context("cannot tell whether jobs of this run are queued; --force sends anyway")?;
    let Some(active) = states.iter().find(|state| state.is_active()) else { return Ok(()) };
    bail!(
        "job {} of this run is {}; wait until it has ended, cancel it with `scancel {0}`, or send anyway with --force",
        active.job,
        active.word.to_lowercase()
    )
}

/// Stores the plan in the run's folder, from which the tasks read it, and opens the results.
fn prepare(folder: &RunFolder, plan: &Plan, keys: &WorkKeys) -> Result<Store> {
    let mut store = folder.store()?;
    store.notes().iter().cloned().for_each(note);
    folder.write(RunFolder::EXPERIMENT, &plan.resolved_toml())?;
    store.set_grid(&keys.cells)?;
    store.set_plan(&plan.run_name())?;
    if plan.train.is_some() {
        store.set_training_grid(&keys.trainings)?;
    }
    Ok(store)
}

/// True if the results of all shards are in the run's own file.
fn is_merged(folder: &RunFolder, keys: &WorkKeys) -> Result<bool> {
    let own = folder.own_store()?;
    let (cells, trainings) = (own.keys()?, own.accuracies()?);
    let is_trained = trainings.len() >= folder.store()?.accuracies()?.len();
    Ok(keys.cells.iter().all(|key| cells.contains(key)) && is_trained)
}

/// Those of `shards` that no process computes now.
fn idle(folder: &Path, mut shards: Vec<usize>, count: usize) -> Vec<usize> {
    shards.retain(|&index| {
        let shard = Shard { index, count };
        let ShardProcess::Running(holder) = ShardProcess::of(folder, shard) else { return true };
        note(format!(
            "shard {shard} is not sent, because process {} on {} computes it",
            holder.pid, holder.host
        ));
        false
    });
    shards
}

/// Work that is left, in words.
fn left(work: &[ShardWork]) -> String {
    let total = ShardWork::total(work);
    let cells = count(total.cells_left, "cell");
    match total.trainings_left {
        0 => format!("{cells} missing"),
        trainings => format!("{cells} and {} missing", count(trainings, "training")),
    }
}
