use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

use super::{
    GlobalArgs, exit,
    report::{self, find},
    run::{self, note},
    run_state::RunState,
};
use crate::print::shell_word;
use isobath_report::count;
use isobath_runner::ShardWork;
use isobath_store::{MergeOutcome, RunFolder};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Run: its folder, or a prefix of its name
    run: String,
    /// Also merge the results in this run folder, such as a copy from another host; nothing in it changes
    #[arg(long, value_name = "DIR")]
    from: Vec<PathBuf>,
    /// Remove shard files once their results are in results.sqlite; files of running shards stay
    #[arg(long)]
    remove_shards: bool,
    /// Then run the predictors and write the report; if cells or trainings are missing, write the report of those that are
    /// there and fail
    #[arg(long)]
    report: bool,
    /// Print JSON
    #[arg(long, conflicts_with = "report")]
    json: bool,
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    let path = find(global, &arguments.run)?;
    let folder = RunFolder::lock_to_merge(path, &note)?;
    let outcome = isobath_store::merge(&folder, &arguments.from, arguments.remove_shards)?;
    let MergeOutcome { files, added, identical, removed, running } = outcome;
    if arguments.json {
        let outcome = json!({
            "files": files, "added": added, "identical": identical,
            "removed": removed, "running": running,
        });
        println!("{outcome}");
        return Ok(exit::DONE);
    }
    println!(
        "{} merged: {} added, {identical} already there",
        count(files, "file"),
        count(added, "record")
    );
    for path in removed {
        println!("removed {}", path.display());
    }
    for path in running {
        println!("kept {}, because its shard runs or may run on another host", path.display());
    }
    if arguments.report {
        let path = folder.path().to_owned();
        drop(folder);
        return conclude(global, &path);
    }
    Ok(exit::DONE)
}

/// Runs the predictors and writes the report of the run in `path`.
fn conclude(global: &GlobalArgs, path: &Path) -> Result<u8> {
    let state = RunState::read(path, 1)?;
    let ShardWork { cells, cells_left, trainings_left, .. } = state.shards[0];
    if state.is_computed() {
        let path = std::path::absolute(path)?;
        if path.file_name() != Some(state.plan.run_name().as_ref()) {
            bail!("{} was renamed; its name must be {}", path.display(), state.plan.run_name());
        }
        let runs = path.parent().map_or_else(|| global.runs.clone(), Path::to_owned);
        let global = GlobalArgs { runs, ..global.clone() };
        return run::main(&global, &run::Arguments::of(path.join(RunFolder::EXPERIMENT)));
    }
    if cells > 0 {
        report::main(global, &report::Arguments::of(path.display().to_string()))?;
    }
    let cells = count(cells_left, "cell");
    let trainings = count(trainings_left, "training");
    let run = shell_word(&path.to_string_lossy());
    bail!(
        "{cells} and {trainings} are missing; `cargo xtask status {run}` says how to compute them"
    )
}
