use std::num::NonZero;

use anyhow::{Context, Result};
use clap::Args;

use super::{GlobalArgs, exit, report::open};
use isobath_analysis::comparison::{self, Comparison, Settings};
use isobath_report as report;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The run whose networks were trained: its folder, or its name or the beginning of it
    run: String,
    /// Calibrate on the trainings of another run instead of on the other weight variances of this one
    #[arg(long, value_name = "RUN")]
    calibrate_on: Option<String>,
    /// Only this way of training; default: all that the run has
    #[arg(long, value_name = "NAME")]
    recipe: Option<String>,
    /// Print JSON instead of Markdown
    #[arg(long)]
    json: bool,
    /// Resamples behind each interval
    #[arg(long, value_name = "N", default_value = "1000")]
    bootstrap: NonZero<u32>,
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    let (_, run, folder) = open(global, &arguments.run)?;
    let other = match &arguments.calibrate_on {
        Some(other) => Some(open(global, other)?.1),
        None => None,
    };
    let resamples = arguments.bootstrap.get() as usize;
    let settings = Settings { calibrate_on: other.as_ref(), resamples };
    let recipes = comparison::recipes(&run, arguments.recipe.as_deref())?;
    let (mut all, mut failed): (Vec<Comparison>, Vec<comparison::Error>) = (Vec::new(), Vec::new());
    for recipe in recipes {
        match comparison::compare(&run, recipe, &settings) {
            Ok(verdicts) => all.push(verdicts),
            Err(error) => failed.push(error),
        }
    }
    // One recipe that trains everything or nothing does not keep the others from being judged.
    if all.is_empty()
        && let Some(error) = failed.pop()
    {
        return Err(error.into());
    }
    for error in failed {
        eprintln!("left out: {error}");
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
