//! `meanfield`: theory of infinitely wide networks as tables, JSON and figures.

mod architecture;
mod critical;
pub(super) mod dataset;
mod described_network;
pub(super) mod figure;
mod modes;
mod network;
mod numbers;
mod plot;
mod point;
mod profile;
mod residual;
mod ridge;
mod sample;
mod table;
pub(super) use table::short;
mod usable;

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
    /// Compute the critical weight variance of each bias variance
    Critical(critical::Arguments),
    /// Compute the weight variances that a given depth allows
    Usable(usable::Arguments),
    /// Compute lengths, correlations and gradients of a dataset's samples, layer by layer
    Profile(profile::Arguments),
    /// Compute lengths, correlations and gradients of a whole network of any layers, stage by stage
    Network(network::Arguments),
    /// Compute the depth scales of the spatial frequencies of circular convolutions
    Modes(modes::Arguments),
    /// Compare random networks of finite width with the theory, with standard errors
    Sample(sample::Arguments),
    /// Predict the reconstructions of ridge decoders for infinitely wide networks, and measure real ones
    Ridge(ridge::Arguments),
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    match &arguments.command {
        Some(Command::Critical(arguments)) => critical::main(arguments),
        Some(Command::Usable(arguments)) => usable::main(arguments),
        Some(Command::Profile(arguments)) => profile::main(global, arguments),
        Some(Command::Network(arguments)) => network::main(global, arguments),
        Some(Command::Modes(arguments)) => modes::main(arguments),
        Some(Command::Sample(arguments)) => sample::main(arguments),
        Some(Command::Ridge(arguments)) => ridge::main(global, arguments),
        None => point::main(&arguments.point),
    }
}

/// Converts numbers outside their range to usage errors.
fn out_of_range(error: isobath_meanfield::Error) -> anyhow::Error {
    match error {
        isobath_meanfield::Error::OutOfRange { .. } => Usage(error.to_string()).into(),
        other => other.into(),
    }
}
