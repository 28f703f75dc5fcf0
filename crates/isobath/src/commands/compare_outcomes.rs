//! Predictors against a table of trainings made elsewhere: `compare --outcomes`.

use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::{GlobalArgs, outcomes_network, report::open};
use crate::{commands::exit, print::shell_word};
use isobath_analysis::outcomes::{ColumnHeader, Table, TableScores, TableSettings, score};
use isobath_architecture::Activation;
use isobath_experiment as experiment;
use isobath_experiment::{NetworkKind, Plan};
use isobath_report::outcomes;
use isobath_store::RunRecord;

/// Options of a table of outcomes.
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// Compare with the trainings in this CSV table, one network a line: columns `sigma_w2`, `depth`, and
    /// `accuracy` or `success`; optional `sigma_b2`, `activation`, `width`, `weights` (gaussian or orthogonal),
    /// `keep` (dropout), `seed`, `grid`
    #[arg(long, value_name = "FILE")]
    pub(super) outcomes: Option<PathBuf>,
    /// Header of a column that has another name, as in `accuracy=train_acc`; may be repeated
    #[arg(long = "column", value_name = "COLUMN=HEADER", requires = "outcomes")]
    columns: Vec<ColumnHeader>,
    /// Activation of the table's networks, if it has no such column [default: that of RUN]
    #[arg(long, value_name = "NAME", requires = "outcomes")]
    activation: Option<Activation>,
    /// Bias variance of the table's networks, if it has no such column [default: that of RUN]
    #[arg(long, value_name = "NUMBER", requires = "outcomes", value_parser = variance)]
    sigma_b2: Option<f64>,
    /// Units of the hidden layers of the table's networks, if it has no such column [default: unknown]
    #[arg(long, value_name = "UNITS", requires = "outcomes", value_parser = width)]
    width: Option<usize>,
    /// Least accuracy that counts as success [default: 0.5]
    #[arg(long, value_name = "ACCURACY", requires = "outcomes", value_parser = accuracy)]
    success_accuracy: Option<f64>,
    /// Score only this grid of the table
    #[arg(long, value_name = "NAME", requires = "outcomes")]
    grid: Option<String>,
    /// Measure networks like those of the table now: this file has their data, width and training, as for `predict`;
    /// variances and depths come from the table
    #[arg(long, value_name = "FILE.toml", requires = "outcomes")]
    network: Option<PathBuf>,
    /// Number of depths to measure at; scores in between are interpolated
    #[arg(long, value_name = "N", default_value_t = 8, requires = "network")]
    measured_depths: usize,
    /// Also write the results as CSV tables into this folder
    #[arg(long, value_name = "DIR", requires = "outcomes")]
    csv: Option<PathBuf>,
}

fn variance(text: &str) -> Result<f64, String> {
    number(text, 1e30, "a variance from 0 to 1e30")
}

fn width(text: &str) -> Result<usize, String> {
    let width = text.parse().ok().filter(|width| (1..=1_000_000).contains(width));
    width.ok_or_else(|| "it must be a whole number from 1 to 1000000".to_owned())
}

fn accuracy(text: &str) -> Result<f64, String> {
    number(text, 1.0, "an accuracy from 0 to 1")
}

fn number(text: &str, most: f64, words: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| (0.0..=most).contains(number));
    number.map(|number| number + 0.0).ok_or_else(|| format!("it must be {words}"))
}

pub(super) fn main(
    global: &GlobalArgs,
    path: &Path,
    runs: &[String],
    arguments: &Arguments,
    resamples: usize,
    json: bool,
) -> Result<u8> {
    let runs: Vec<RunRecord> = runs.iter().map(|run| record(global, run)).collect::<Result<_>>()?;
    let runs: Vec<&RunRecord> = runs.iter().collect();
    let board = scores(global, path, &runs, arguments, resamples)?;
    let name = file_name(path);
    if json {
        println!("{}", serde_json::to_string_pretty(&outcomes::json(&name, &board))?);
    } else {
        println!("{}", outcomes::markdown(&name, &board));
    }
    write_tables(&board, arguments)?;
    Ok(exit::DONE)
}

/// The table's file without its folder.
pub(super) fn file_name(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy()
}

/// Writes the results as CSV tables, if they are asked for.
pub(super) fn write_tables(board: &TableScores, arguments: &Arguments) -> Result<()> {
    if let Some(folder) = &arguments.csv {
        for file in outcomes::write_csv(board, folder).context("writing the tables")? {
            eprintln!("{}", file.display());
        }
    }
    Ok(())
}

/// Reads the table and scores every predictor on it, the cut-offs of `runs` included.
pub(super) fn scores(
    global: &GlobalArgs,
    path: &Path,
    runs: &[&RunRecord],
    arguments: &Arguments,
    resamples: usize,
) -> Result<TableScores> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the table {}", path.display()))?;
    let mut table = Table::read(&text, &settings(arguments, runs))
        .with_context(|| path.display().to_string())?;
    if let Some(name) = &arguments.grid {
        choose(&mut table, name)?;
    }
    let measured = match &arguments.network {
        Some(file) => {
            vec![outcomes_network::measure(global, file, &table, arguments.measured_depths)?]
        }
        None => Vec::new(),
    };
    let board = score(&table, runs, &measured, resamples);
    note_unused(runs, &board);
    Ok(board)
}

/// Keeps only the grid of this name.
fn choose(table: &mut Table, name: &str) -> Result<()> {
    let names: Vec<String> = table.grids.iter().map(|grid| format!("`{}`", grid.name)).collect();
    table.grids.retain(|grid| grid.name == name);
    if table.grids.is_empty() {
        bail!("the table has no grid `{name}`; it has {}", names.join(", "));
    }
    Ok(())
}

/// Says which runs predict nothing about the table.
fn note_unused(runs: &[&RunRecord], board: &TableScores) {
    let is_unused = |run: &&&RunRecord| !board.grids.iter().any(|grid| grid.covers(&run.name));
    for run in runs.iter().filter(is_unused) {
        eprintln!(
            "note: {} has no cut-off for any network of the table: activation and sigma_b2 must be equal, and sigma_w2 within \
             the run's range",
            run.name
        );
    }
}

/// Results of a run, or of the run of an experiment file.
fn record(global: &GlobalArgs, run: &str) -> Result<RunRecord> {
    let path = Path::new(run);
    let is_file = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("toml"));
    if !is_file {
        return Ok(open(global, run, &[])?.1);
    }
    let plan = Plan::new(experiment::read(path, &[])?)?;
    let folder = global.runs.join(plan.run_name());
    if !folder.is_dir() {
        let file = shell_word(run);
        bail!("{run} has no run yet; compute it with: cargo xtask run {file}, or omit it");
    }
    Ok(open(global, &folder.to_string_lossy(), &[])?.1)
}

/// Settings of the table: from the command line, otherwise from runs that agree.
fn settings(arguments: &Arguments, runs: &[&RunRecord]) -> TableSettings {
    let runs = || runs.iter().filter(|run| run.kind == NetworkKind::Mlp);
    let activations = runs().flat_map(|run| &run.variants).map(|one| one.activation.parse().ok());
    let biases = runs().flat_map(|run| &run.curves).map(|curves| Some(curves.sigma_b2));
    TableSettings {
        columns: arguments.columns.clone(),
        activation: arguments.activation.or_else(|| common(activations)),
        sigma_b2: arguments.sigma_b2.or_else(|| common(biases)),
        width: arguments.width,
        success_accuracy: arguments.success_accuracy,
    }
}

/// The value that all have, if there is one.
fn common<T: PartialEq>(mut values: impl Iterator<Item = Option<T>>) -> Option<T> {
    let first = values.next()??;
    values.all(|value| value.as_ref() == Some(&first)).then_some(first)
}
