//! `meanfield`: what infinitely wide networks do, as tables, JSON and figures.

mod architecture;
mod critical;
pub(super) mod figure;
mod numbers;
mod plot;
mod point;
mod profile;
mod residual;
mod ridge;
mod sample;
mod table;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{GlobalArgs, Usage};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    point: point::Arguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Where order and chaos meet: the critical weight variance of each bias variance
    Critical(critical::Arguments),
    /// Lengths, correlations and gradients of a dataset's own samples, layer by layer
    Profile(profile::Arguments),
    /// Random networks of finite width beside the theory, with standard errors
    Sample(sample::Arguments),
    /// What ridge decoders reconstruct of a dataset from infinitely wide networks, and from real ones
    Ridge(ridge::Arguments),
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    match &arguments.command {
        Some(Command::Critical(arguments)) => critical::main(arguments),
        Some(Command::Profile(arguments)) => profile::main(global, arguments),
        Some(Command::Sample(arguments)) => sample::main(arguments),
        Some(Command::Ridge(arguments)) => ridge::main(global, arguments),
        None => point::main(&arguments.point),
    }
}

/// A number outside its range is a matter of the command line.
fn out_of_range(error: isobath_meanfield::Error) -> anyhow::Error {
    match error {
        isobath_meanfield::Error::OutOfRange { .. } => Usage(error.to_string()).into(),
        other => other.into(),
    }
}
