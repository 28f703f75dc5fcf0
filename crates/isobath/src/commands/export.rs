use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use super::{GlobalArgs, exit};
use isobath_experiment::Format;
use isobath_report as report;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Run: its folder, or a prefix of its name
    run: String,
    /// Conclude with another value of a key of `[entropy]`, for example 'entropy.cutoff={rule="decay"}'
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<isobath_experiment::Override>,
    /// Format
    #[arg(long, default_value = "csv")]
    format: ExportFormat,
    /// Output folder [default: the run's folder]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ExportFormat {
    Csv,
    /// Needs a build with the feature `parquet`, which is no default
    Parquet,
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    let (_, record, path) = super::report::open(global, &arguments.run, &arguments.overrides)?;
    let folder = arguments.to.as_ref().unwrap_or(&path);
    let files = match arguments.format {
        ExportFormat::Csv => {
            report::write(&record, folder, &[Format::Csv]).map_err(anyhow::Error::from)
        }
        ExportFormat::Parquet => parquet(&record, folder),
    };
    for file in files.context("cannot export")? {
        println!("{}", file.display());
    }
    Ok(exit::DONE)
}

#[cfg(feature = "parquet")]
fn parquet(record: &isobath_store::RunRecord, folder: &std::path::Path) -> Result<Vec<PathBuf>> {
    isobath_report::write_parquet(record, folder).map_err(anyhow::Error::from)
}

#[cfg(not(feature = "parquet"))]
fn parquet(_: &isobath_store::RunRecord, _: &std::path::Path) -> Result<Vec<PathBuf>> {
    anyhow::bail!(
        "this build cannot write Parquet; use `cargo xtask export RUN --format parquet`, or build with --features parquet"
    )
}
