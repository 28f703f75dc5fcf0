//! Predictors on several grids of trained networks at once.

use std::{num::NonZero, path::PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use super::{GlobalArgs, Usage, compare_outcomes, exit, report::open};
use isobath_analysis::scoreboard;
use isobath_report as report;
use isobath_store::RunRecord;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Runs: one with trained networks is a grid; the cut-offs of one without are scored on the grids of --outcomes
    #[arg(value_name = "RUN", required_unless_present = "outcomes")]
    compared: Vec<String>,
    #[command(flatten)]
    outcomes: compare_outcomes::Arguments,
    /// Draw the figure into this folder, as scoreboard.svg and scoreboard.png
    #[arg(long, value_name = "DIR")]
    figure: Option<PathBuf>,
    /// Print JSON instead of Markdown
    #[arg(long)]
    json: bool,
    /// Bootstrap resamples per interval
    #[arg(long, value_name = "N", default_value = "1000")]
    bootstrap: NonZero<u32>,
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    let resamples = arguments.bootstrap.get() as usize;
    let (mut runs, mut folders): (Vec<RunRecord>, Vec<PathBuf>) = (Vec::new(), Vec::new());
    for name in &arguments.compared {
        let (_, run, folder) = open(global, name, &[])?;
        if folders.contains(&folder) {
            // A run that is calibrated on itself says nothing about other networks.
            return Err(Usage(format!("{} is given twice; give each run once", run.name)).into());
        }
        folders.push(folder);
        runs.push(run);
    }
    let (grids, measured): (Vec<&RunRecord>, Vec<&RunRecord>) =
        runs.iter().partition(|run| run.success.is_some());
    let path = arguments.outcomes.outcomes.as_deref();
    if let (None, Some(run)) = (path, measured.first()) {
        let name = &run.name;
        let message = format!("{name} trains no networks; give --outcomes FILE or omit {name}");
        return Err(Usage(message).into());
    }
    let score = |path| {
        let outcomes = &arguments.outcomes;
        let table = compare_outcomes::scores(global, path, &measured, outcomes, resamples)?;
        compare_outcomes::write_tables(&table, outcomes)?;
        Ok::<_, anyhow::Error>((compare_outcomes::file_name(path), table))
    };
    let table = path.map(score).transpose()?;
    let tables: Vec<_> = table.iter().map(|(name, table)| (name.as_ref(), table)).collect();
    let board = scoreboard::scoreboard(&grids, &tables, resamples)?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report::scoreboard::json(&board))?);
    } else {
        println!("{}", report::scoreboard::markdown(&board));
    }
    if let Some(folder) = &arguments.figure {
        let files = report::write_scoreboard(&board, folder).context("drawing the figure")?;
        files.iter().for_each(|file| eprintln!("{}", file.display()));
    }
    Ok(exit::DONE)
}
