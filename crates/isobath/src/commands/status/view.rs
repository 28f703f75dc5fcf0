//! Output of `status`.

use std::time::Duration;

use indicatif::HumanDuration;
use serde_json::{Value, json};

use super::{
    Status,
    row::{Row, State},
};
use isobath_runner::ShardWork;

/// From this number of shards on, those that are done are not listed.
const MANY: usize = 32;

/// Prints sentences and a table.
pub(super) fn print(status: &Status) {
    println!("{}", status.run.path.display());
    let is_listed = |row: &&Row| status.rows.len() < MANY || row.state != State::Done;
    println!("{:>9}  {:<8}  {:>11}  {:>11}  note", "shard", "state", "cells", "trainings");
    for row in status.rows.iter().filter(is_listed) {
        print_row(&row.shard.to_string(), row.state.word(), &row.work, &note(row));
    }
    let total = ShardWork::total(&status.run.shards);
    let states = [State::Done, State::Running, State::Queued, State::Failed, State::Missing];
    let counts =
        states.map(|state| (status.rows.iter().filter(|row| row.state == state).count(), state));
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> =
        counts.map(|(count, state)| format!("{count} {}", state.word())).collect();
    print_row("total", "", &total, &counts.join(", "));
    print_rest(status, &total);
}

fn print_row(name: &str, state: &str, work: &ShardWork, note: &str) {
    let part = |done: usize, left: usize| match done + left {
        0 => "-".to_owned(),
        all => format!("{done} of {all}"),
    };
    let cells = part(work.cells, work.cells_left);
    let trainings = part(work.trainings, work.trainings_left);
    let line = format!("{name:>9}  {state:<8}  {cells:>11}  {trainings:>11}  {note}");
    println!("{}", line.trim_end());
}

fn note(row: &Row) -> String {
    match row.state {
        State::Running => row.holder.as_ref().map_or_else(
            || "started, computes nothing yet".to_owned(),
            |holder| format!("on {}, heartbeat {} s ago", holder.host, holder.heartbeat.as_secs()),
        ),
        State::Failed => {
            let reason = row.reason.clone().unwrap_or_default();
            let line = row.last_line.as_ref().map(|line| format!("; last line: {line}"));
            reason + &line.unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// Prints what is left and what to do.
fn print_rest(status: &Status, total: &ShardWork) {
    match total.seconds_left {
        Some(seconds) if seconds > 0.0 => {
            let time = HumanDuration(Duration::from_secs_f64(seconds));
            println!(
                "left: about {time} of computing, divided by the tasks that run at the same time"
            );
        }
        None => println!("left: unknown time, because too few results are stored yet"),
        _ => {}
    }
    if total.is_done() && !status.run.has_scores {
        println!("left: the predictors, which run when the shards are merged");
    }
    let report = status.submissions.0.last().and_then(|last| last.report_job.as_ref());
    for job in status.jobs.iter().filter(|job| report == Some(&job.job)) {
        println!("job {} (merge and report): {}", job.job, job.word.to_lowercase());
    }
    if let Some(command) = &status.resubmit {
        println!("to compute what is missing: {command}");
    } else if status.is_complete() {
        println!("complete");
    }
}

/// JSON of the whole status.
pub(super) fn json(status: &Status) -> Value {
    let total = ShardWork::total(&status.run.shards);
    let jobs = status.jobs.iter();
    let jobs = jobs.map(|job| json!({ "job": job.job, "task": job.task, "state": job.word }));
    json!({
        "folder": status.run.path,
        "complete": status.is_complete(),
        "active": status.is_active(),
        "predictors_done": status.run.has_scores,
        "total": work(&total),
        "shards": status.rows.iter().map(shard).collect::<Vec<_>>(),
        "jobs": jobs.collect::<Vec<_>>(),
        "resubmit": status.resubmit,
    })
}

fn shard(row: &Row) -> Value {
    let mut value = work(&row.work);
    value["shard"] = row.shard.to_string().into();
    value["state"] = row.state.word().into();
    value["reason"] = json!(row.reason);
    value["last_line"] = json!(row.last_line);
    value["log"] = json!(row.log);
    value["host"] = json!(row.holder.as_ref().map(|holder| &holder.host));
    value["heartbeat_seconds"] = json!(row.holder.as_ref().map(|one| one.heartbeat.as_secs()));
    value
}

fn work(work: &ShardWork) -> Value {
    json!({
        "cells": work.cells,
        "cells_left": work.cells_left,
        "trainings": work.trainings,
        "trainings_left": work.trainings_left,
        "seconds_left": work.seconds_left,
    })
}
