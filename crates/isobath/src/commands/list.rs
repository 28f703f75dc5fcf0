use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use super::{GlobalArgs, exit, run_state::has_scores, theory, with_causes};
use crate::date;
use isobath_experiment as experiment;
use isobath_experiment::{Plan, Search};
use isobath_report::count;
use isobath_store::{RunFolder, Store, last_change, list_runs};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of experiment files
    #[arg(long, default_value = "experiments", value_name = "DIR")]
    experiments: PathBuf,
    /// Print JSON; dates are in universal time
    #[arg(long)]
    json: bool,
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    let files = experiment_files(&arguments.experiments)?;
    if arguments.json {
        let experiments: Vec<_> = files.iter().map(|path| entry(path, summary(path))).collect();
        let runs = list_runs(&global.runs)?;
        let runs: Vec<_> = runs.iter().map(|path| run_entry(path)).collect();
        println!("{}", json!({ "experiments": experiments, "runs": runs }));
        return Ok(exit::DONE);
    }
    println!("experiments in {}:", arguments.experiments.display());
    for path in &files {
        let line =
            summary(path).unwrap_or_else(|error| format!("unusable: {}", with_causes(&error)));
        println!("  {:<40} {line}", path.display().to_string());
    }
    if files.is_empty() {
        println!("  none");
    }
    println!("runs in {}:", global.runs.display());
    let runs = list_runs(&global.runs)?;
    for path in &runs {
        let line =
            state(path).unwrap_or_else(|error| format!("unreadable: {}", with_causes(&error)));
        let changed = last_change(path).map_or_else(|_| "unknown".to_owned(), date::local);
        println!("  {:<40} {changed:<16}  {line}", path.display().to_string());
    }
    if runs.is_empty() {
        println!("  none");
    }
    Ok(exit::DONE)
}

/// JSON of an experiment file or a run.
fn entry(path: &Path, state: Result<String>) -> Value {
    let path = path.display().to_string();
    match state {
        Ok(state) => json!({ "path": path, "state": state.trim() }),
        Err(error) => json!({ "path": path, "error": with_causes(&error) }),
    }
}

/// JSON of a run, with the time of its last change.
fn run_entry(path: &Path) -> Value {
    let mut entry = entry(path, state(path));
    entry["changed"] = json!(last_change(path).ok().map(date::utc));
    entry
}

fn experiment_files(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Size and description of the experiment.
fn summary(path: &Path) -> Result<String> {
    let (size, description) = if let Some(figure) = theory::read(path, &[])? {
        ("theory".to_owned(), figure.description)
    } else {
        let plan = plan(path)?;
        (count(plan.cells.len(), "cell"), plan.file.description)
    };
    Ok(format!("{size:>11}  {description}"))
}

fn plan(path: &Path) -> Result<Plan> {
    Ok(Plan::new(experiment::read(path, &[])?)?)
}

fn state(path: &Path) -> Result<String> {
    let file = path.join(RunFolder::EXPERIMENT);
    if theory::read(&file, &[])?.is_some() {
        return Ok("figure of theory".to_owned());
    }
    let plan = plan(&file)?;
    let store = Store::open_run(path)?;
    let there = store.keys()?.len();
    let planned = plan.cells.len();
    let cells = if there >= planned {
        format!("done, {}", count(planned, "cell"))
    } else {
        format!("{there} of {}", count(planned, "cell"))
    };
    let Some(train) = &plan.train else { return Ok(cells) };
    let (done, planned) = (store.accuracies()?.len(), train.trainings.len());
    if train.section.search == Search::Grid && done < planned {
        return Ok(format!("{cells}; {done} of {}", count(planned, "training")));
    }
    let done = count(done, "training");
    // A search leaves out trainings of the grid, so only the scores, which come last, show that it is complete.
    Ok(if has_scores(&plan, Some(&store))? {
        format!("{cells}; {done} and all predictors")
    } else {
        format!("{cells}; {done} so far, predictors not run yet")
    })
}
