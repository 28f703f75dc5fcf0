//! The command line: one file for each command.

mod bench;
mod check_reference;
mod compare;
mod compare_methods;
mod data;
mod doctor;
mod export;
mod list;
mod meanfield;
mod report;
mod run;
mod theory;
mod validate;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use isobath_experiment::FileError;

/// Exit codes.
pub(crate) mod exit {
    /// The command did what it was asked to.
    pub(crate) const DONE: u8 = 0;
    /// It failed.
    pub(crate) const FAILED: u8 = 1;
    /// The command line or the experiment file is wrong.
    pub(crate) const USAGE: u8 = 2;
    /// Ctrl-C.
    pub(crate) const INTERRUPTED: u8 = 130;
}

/// Predicts, before training, whether a deep network will train, and how deep it may be.
#[derive(Debug, Parser)]
#[command(name = "isobath", bin_name = "cargo xtask", version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

/// Where things are, and how many hands there are.
#[derive(Clone, Debug, Args)]
struct GlobalArgs {
    /// Folder of datasets
    #[arg(long, global = true, env = "ISOBATH_DATA", default_value = "data", value_name = "DIR")]
    data: PathBuf,
    /// Folder of runs
    #[arg(long, global = true, env = "ISOBATH_RUNS", default_value = "runs", value_name = "DIR")]
    runs: PathBuf,
    /// Threads; default: one for each core. Results do not depend on it
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an experiment file, or what is left of its run, and draw the report
    Run(run::Arguments),
    /// List experiment files and runs
    List(list::Arguments),
    /// Check an experiment file and say what it would cost
    Validate(validate::Arguments),
    /// Draw a run's report again, computing nothing
    Report(report::Arguments),
    /// Hold every predictor against the trainings of a run: who is right, by how much, at what cost
    Compare(compare::Arguments),
    /// Hold runs that did less against one that did everything, on the same networks
    CompareMethods(compare_methods::Arguments),
    /// Mean-field theory: points, ranges, the critical line, architectures, data, figures
    Meanfield(Box<meanfield::Arguments>),
    /// Repeat a stored reference computation and compare
    CheckReference(check_reference::Arguments),
    /// Fetch, import or list datasets
    Data(data::Arguments),
    /// Write a run's results as CSV
    Export(export::Arguments),
    /// Say what backends, instructions and data are there, and whether they work
    Doctor(doctor::Arguments),
    /// Measure how fast the cascade is on this machine
    Bench(bench::Arguments),
}

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Printing fails only where nobody is left to read.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::DONE });
        }
    };
    let outcome = dispatch(cli);
    if let Some(sentence) = isobath_tensor::cuda_kernels_not_kept() {
        eprintln!("note: {sentence}");
    }
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            let usage = error.downcast_ref::<FileError>().is_some()
                || error.downcast_ref::<Usage>().is_some();
            ExitCode::from(if usage { exit::USAGE } else { exit::FAILED })
        }
    }
}

/// The command line is wrong in a way its grammar does not show.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

fn dispatch(cli: Cli) -> anyhow::Result<u8> {
    let Cli { global, command } = cli;
    if let Some(threads) = global.threads {
        rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build_global()?;
    }
    match command {
        Command::Run(arguments) => run::main(&global, &arguments),
        Command::List(arguments) => list::main(&global, &arguments),
        Command::Validate(arguments) => validate::main(&global, &arguments),
        Command::Report(arguments) => report::main(&global, &arguments),
        Command::Meanfield(arguments) => meanfield::main(&global, &arguments),
        Command::Compare(arguments) => compare::main(&global, &arguments),
        Command::CompareMethods(arguments) => compare_methods::main(&global, &arguments),
        Command::CheckReference(arguments) => check_reference::main(&arguments),
        Command::Data(arguments) => data::main(&global, arguments),
        Command::Export(arguments) => export::main(&global, &arguments),
        Command::Bench(arguments) => bench::main(&arguments),
        Command::Doctor(arguments) => doctor::main(&global, &arguments),
    }
}
