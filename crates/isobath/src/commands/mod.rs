//! Command line; one file per command.

mod bench;
mod calibrate;
mod check_reference;
mod compare;
mod compare_methods;
mod compare_outcomes;
mod data;
mod doctor;
mod export;
mod initialisation;
mod interpret;
mod list;
mod meanfield;
mod merge;
mod outcomes_network;
mod predict;
mod report;
mod run;
mod run_state;
mod scoreboard;
mod stages;
mod status;
mod submit;
mod theory;
mod validate;

use std::{num::NonZero, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::print::{PROGRAM, lost_lines};
use isobath_experiment::FileError;

/// Exit codes.
pub(crate) mod exit {
    /// The command succeeded.
    pub(crate) const DONE: u8 = 0;
    /// The command failed.
    pub(crate) const FAILED: u8 = 1;
    /// The command line or the experiment file is wrong.
    pub(crate) const USAGE: u8 = 2;
    /// Stopped by the signal of a scheduler; the same command resumes (`EX_TEMPFAIL`).
    pub(crate) const TRY_AGAIN: u8 = 75;
    /// Interrupted by Ctrl-C.
    pub(crate) const INTERRUPTED: u8 = 130;
}

/// Predict, before training, whether a deep network will train and how deep it can be
#[derive(Debug, Parser)]
#[command(name = "isobath", bin_name = PROGRAM, version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

/// Folders and number of threads.
#[derive(Clone, Debug, Args)]
struct GlobalArgs {
    /// Folder of datasets
    #[arg(long, global = true, env = "ISOBATH_DATA", default_value = "data", value_name = "DIR")]
    data: PathBuf,
    /// Folder of runs
    #[arg(long, global = true, env = "ISOBATH_RUNS", default_value = "runs", value_name = "DIR")]
    runs: PathBuf,
    /// Number of threads [default: one per core]; results do not depend on it
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Open no connection: a missing dataset is an error, and `data fetch` is refused
    #[arg(long, global = true)]
    offline: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an experiment file, or resume its run, and write the report
    Run(run::Arguments),
    /// List experiment files, and runs with the local date of their last change; both sorted by name
    List(list::Arguments),
    /// Check an experiment file and estimate its cost
    Validate(validate::Arguments),
    /// Write the report of a run again without computing anything
    Report(report::Arguments),
    /// Compute an experiment on a cluster: send its shards, and a job that merges them, to Slurm
    Submit(submit::Arguments),
    /// Show what a run that several processes share has stored, what runs, and what is missing
    Status(status::Arguments),
    /// Fold the files of a run's shards into its results.sqlite
    Merge(merge::Arguments),
    /// Compare every predictor with the trainings of a run, or with a table of trainings made elsewhere
    Compare(compare::Arguments),
    /// Compare every predictor on several grids of trained networks: which of them carries over?
    Scoreboard(scoreboard::Arguments),
    /// Show what the layers of a network with given parameters keep of its input: profile, reconstructions, class
    /// prototypes, channel images
    Interpret(Box<interpret::Arguments>),
    /// Compare runs of cheaper methods with a reference run on the same networks
    CompareMethods(compare_methods::Arguments),
    /// Tell whether a network will train, why not, and what to change
    Predict(predict::Arguments),
    /// Calibrate the verdict of `predict` on the trainings of runs
    Calibrate(calibrate::Arguments),
    /// Compute mean-field theory: points, ranges, the critical line, architectures, data, figures
    Meanfield(Box<meanfield::Arguments>),
    /// Repeat a stored reference computation and compare the results
    CheckReference(check_reference::Arguments),
    /// Download, import or list datasets
    Data(data::Arguments),
    /// Export the results of a run as CSV
    Export(export::Arguments),
    /// Show and verify backends, instruction sets and datasets
    Doctor(doctor::Arguments),
    /// Measure the speed of the cascade on this machine
    Bench(bench::Arguments),
}

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Printing fails only if the output is closed.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::DONE });
        }
    };
    let outcome = dispatch(cli);
    if let Some(sentence) = isobath_tensor::cuda_kernels_not_kept() {
        eprintln!("note: {sentence}");
    }
    match outcome {
        Ok(exit::DONE) if lost_lines() => {
            eprintln!("error: the output could not be written completely; is the disk full?");
            ExitCode::from(exit::FAILED)
        }
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {}", with_causes(&error));
            let usage = error.downcast_ref::<FileError>().is_some()
                || error.downcast_ref::<Usage>().is_some();
            ExitCode::from(if usage { exit::USAGE } else { exit::FAILED })
        }
    }
}

/// An error and its causes on one line, without those that the error before states already.
fn with_causes(error: &anyhow::Error) -> String {
    let mut last = error.to_string();
    let mut text = last.clone();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !last.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        last = cause;
    }
    text
}

/// Error in the command line that clap cannot detect.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

fn dispatch(cli: Cli) -> anyhow::Result<u8> {
    let Cli { global, command } = cli;
    if let Some(threads) = global.threads {
        // More threads than cores only wait for each other.
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads = usize::from(threads);
        if threads > cores {
            eprintln!(
                "note: --threads {threads} is more than the {cores} cores of this machine; using {cores}"
            );
        }
        rayon::ThreadPoolBuilder::new().num_threads(threads.min(cores)).build_global()?;
    }
    match command {
        Command::Run(arguments) => run::main(&global, &arguments),
        Command::List(arguments) => list::main(&global, &arguments),
        Command::Validate(arguments) => validate::main(&global, &arguments),
        Command::Report(arguments) => report::main(&global, &arguments),
        Command::Submit(arguments) => submit::main(&global, &arguments),
        Command::Status(arguments) => status::main(&global, &arguments),
        Command::Merge(arguments) => merge::main(&global, &arguments),
        Command::Meanfield(arguments) => meanfield::main(&global, &arguments),
        Command::Compare(arguments) => compare::main(&global, &arguments),
        Command::Scoreboard(arguments) => scoreboard::main(&global, &arguments),
        Command::Predict(arguments) => predict::main(&global, &arguments),
        Command::Calibrate(arguments) => calibrate::main(&global, &arguments),
        Command::CompareMethods(arguments) => compare_methods::main(&global, &arguments),
        Command::Interpret(arguments) => interpret::main(&global, &arguments),
        Command::CheckReference(arguments) => check_reference::main(&arguments),
        Command::Data(arguments) => data::main(&global, arguments),
        Command::Export(arguments) => export::main(&global, &arguments),
        Command::Bench(arguments) => bench::main(&arguments),
        Command::Doctor(arguments) => doctor::main(&global, &arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_stated_once() {
        let missing = isobath_datasets::OwnData::new("missing.csv").extent().unwrap_err();
        let text = with_causes(&anyhow::Error::from(missing).context("stage"));
        assert!(text.starts_with("stage: could not open missing.csv: "), "{text}");
        assert_eq!(text.matches("os error 2").count(), 1, "{text}");
        let silent = anyhow::anyhow!("inner").context("outer");
        assert_eq!(with_causes(&silent), "outer: inner");
    }
}
