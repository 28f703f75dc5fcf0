use std::num::NonZero;

use anyhow::{Context, Result};
use clap::Args;

use super::{GlobalArgs, Usage, compare_outcomes, exit, report::open};
use isobath_analysis::comparison::{self, Comparison, Settings};
use isobath_report as report;
use isobath_store::RunRecord;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Run with trained networks: its folder, or a prefix of its name. With --outcomes, runs (or their experiment files)
    /// whose cut-offs are scored too
    #[arg(value_name = "RUN", required_unless_present = "outcomes")]
    compared: Vec<String>,
    #[command(flatten)]
    outcomes: compare_outcomes::Arguments,
    /// Calibrate on the trainings of other runs instead of cross-validating over the weight variances of this one; may be
    /// repeated
    #[arg(long, value_name = "RUN", conflicts_with = "outcomes")]
    calibrate_on: Vec<String>,
    /// Training recipe [default: all recipes of the run]
    #[arg(long, value_name = "NAME", conflicts_with = "outcomes")]
    recipe: Option<String>,
    /// Count as a success only what succeeds within this number of training steps
    #[arg(long, value_name = "STEPS", conflicts_with = "outcomes")]
    budget: Option<usize>,
    /// Print JSON instead of Markdown
    #[arg(long)]
    json: bool,
    /// Bootstrap resamples per interval
    #[arg(long, value_name = "N", default_value = "1000")]
    bootstrap: NonZero<u32>,
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    let resamples = arguments.bootstrap.get() as usize;
    if let Some(table) = &arguments.outcomes.outcomes {
        let Arguments { compared, outcomes, json, .. } = arguments;
        return compare_outcomes::main(global, table, compared, outcomes, resamples, *json);
    }
    let [run] = &arguments.compared[..] else {
        return Err(Usage("give one run; only --outcomes takes several".to_owned()).into());
    };
    let (_, mut run, folder) = open(global, run, &[])?;
    if let Some(steps) = arguments.budget {
        comparison::limit_budget(&mut run, steps)?;
    }
    let others = arguments.calibrate_on.iter().map(|other| Ok(open(global, other, &[])?.1));
    let others: Vec<RunRecord> = others.collect::<Result<_>>()?;
    let others: Vec<&RunRecord> = others.iter().collect();
    let settings = Settings { calibrate_on: &others, resamples };
    let recipes = comparison::recipes(&run, arguments.recipe.as_deref())?;
    let (mut all, mut failed): (Vec<Comparison>, Vec<comparison::Error>) = (Vec::new(), Vec::new());
    for recipe in recipes {
        match comparison::compare(&run, recipe, &settings) {
            Ok(comparison) => all.push(comparison),
            Err(error) => failed.push(error),
        }
    }
    // A recipe with a single outcome does not prevent the comparison for the others.
    if all.is_empty()
        && let Some(error) = failed.pop()
    {
        return Err(error.into());
    }
    for error in failed {
        eprintln!("skipped: {error}");
    }
    if arguments.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&isobath_report::comparison::json(&run, &all))?
        );
    } else {
        println!("{}", isobath_report::comparison::markdown(&run, &all));
    }
    for file in report::write_comparison(&run, &all, &folder).context("writing the comparison")? {
        eprintln!("{}", file.display());
    }
    Ok(exit::DONE)
}
