use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use super::{
    GlobalArgs, Usage, exit,
    run::{folders, note_programs},
};
use crate::print::{PROGRAM, shell_word};
use isobath_experiment as experiment;
use isobath_experiment::{Override, Plan};
use isobath_report as report;
use isobath_store::{RunFolder, Store, last_change, list_runs};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Run: its folder, or a prefix of its name
    run: String,
    /// Conclude with another value of a key of `[entropy]`, `[meanfield]` or `[report]`, for example
    /// 'entropy.cutoff={rule="saturation"}'; nothing is computed again
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<Override>,
    /// Print JSON: sentences, cut-offs of each point, files
    #[arg(long)]
    json: bool,
    /// Write only these formats: html, png, svg, csv
    #[arg(long, value_delimiter = ',')]
    formats: Option<Vec<experiment::Format>>,
}

impl Arguments {
    /// Arguments of `report RUN` without options.
    pub(super) const fn of(run: String) -> Self {
        Self { run, overrides: Vec::new(), json: false, formats: None }
    }
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    let (plan, record, path) = open(global, &arguments.run, &arguments.overrides)?;
    let formats = arguments.formats.as_ref().unwrap_or(&plan.file.report.formats);
    if !arguments.json {
        for sentence in report::verdict_sentences(&record) {
            println!("{sentence}");
        }
    }
    let files = report::write(&record, &path, formats).context("stage `report`")?;
    if arguments.json {
        println!("{}", with_files(report::json(&record), &path, &files));
        return Ok(exit::DONE);
    }
    for file in files {
        println!("{}", file.display());
    }
    Ok(exit::DONE)
}

/// Adds the run's folder and the written files to the JSON of a report.
pub(super) fn with_files(mut value: Value, folder: &Path, files: &[PathBuf]) -> Value {
    let name = |path: &Path| path.display().to_string();
    value["folder"] = name(folder).into();
    value["files"] = files.iter().map(|file| name(file)).collect::<Vec<_>>().into();
    value
}

/// Opens the plan, the results and the folder of a run. `overrides` may change only what is concluded from the
/// measurements.
pub(super) fn open(
    global: &GlobalArgs,
    run: &str,
    overrides: &[Override],
) -> Result<(Plan, isobath_store::RunRecord, PathBuf)> {
    let path = find(global, run)?;
    let file = path.join(RunFolder::EXPERIMENT);
    let measured = Plan::new(experiment::read(&file, &[])?)?;
    let store = Store::open_run(&path)?;
    note_programs(&store)?;
    if store.plan()?.is_some_and(|name| name != measured.run_name()) {
        bail!(
            "{} was changed after the run, so the stored results are not of this experiment; undo the change, or run the \
             changed file as an experiment of its own",
            file.display()
        );
    }
    let plan = Plan::new(experiment::read(&file, overrides)?)?;
    if plan.run_name() != measured.run_name() {
        return Err(Usage(
            "--set changes what was measured; run the experiment with this setting instead, or change only [entropy], \
             [meanfield] and [report]"
                .to_owned(),
        )
        .into());
    }
    let (verb, subject) =
        if overrides.is_empty() { ("run", file.as_path()) } else { ("report", path.as_path()) };
    let mut settings = String::new();
    for setting in overrides {
        settings += " --set ";
        settings += &shell_word(&setting.to_string());
    }
    let command = format!(
        "{PROGRAM} {verb} {}{settings}{}",
        shell_word(&subject.to_string_lossy()),
        folders(global)
    );
    let record = isobath_analysis::gather(&plan, &store, &command)?;
    Ok((plan, record, path))
}

pub(super) fn find(global: &GlobalArgs, run: &str) -> Result<PathBuf> {
    let path = Path::new(run);
    if path.join(RunFolder::EXPERIMENT).is_file() {
        return Ok(path.to_owned());
    }
    let runs = list_runs(&global.runs)?;
    let mut matching: Vec<&PathBuf> =
        runs.iter().filter(|path| name(path).starts_with(run)).collect();
    // The experiment's whole name is meant before names that it begins.
    if matching.iter().any(|path| is_whole(&name(path), run)) {
        matching.retain(|path| is_whole(&name(path), run));
    }
    match matching[..] {
        [one] => Ok(one.clone()),
        [] => {
            bail!("no run {run:?} in {}; `cargo xtask list` lists all runs", global.runs.display())
        }
        _ => {
            let lines: Vec<String> = matching.into_iter().map(|path| described(path)).collect();
            bail!(
                "{run:?} is ambiguous; give more of the name of one of these runs:\n{}",
                lines.join("\n")
            )
        }
    }
}

/// True if `folder` is a run of the experiment `name`, whose name it has before its hash.
fn is_whole(folder: &str, name: &str) -> bool {
    folder.rsplit_once('-').is_some_and(|(experiment, _)| experiment == name)
}

/// Name of a run's folder.
fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A run among several: its name, the date of its last change and its data.
fn described(path: &Path) -> String {
    let file = path.join(RunFolder::EXPERIMENT);
    let dataset = experiment::read(&file, &[]).map(|file| file.data.dataset.to_string());
    let changed = last_change(path).map(crate::date::local);
    let changed = changed.map_or_else(|_| String::new(), |date| format!(", {date}"));
    let dataset = dataset.map_or_else(|_| String::new(), |dataset| format!(", {dataset}"));
    format!("  {}{changed}{dataset}", name(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_are_told_from_their_beginnings() {
        assert!(is_whole("vgg-af5e1c73", "vgg") && is_whole("vgg-2-af5e1c73", "vgg-2"));
        assert!(!is_whole("vgg2-50a5b7eb", "vgg") && !is_whole("vgg-2-af5e1c73", "vgg"));
    }
}
