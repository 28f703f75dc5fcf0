//! How fast the cascade is: against the machine, against other programs, over depth.
//!
//! Whatever is compared runs as a process of its own, so that no memory, thread or cache of one is left to the next, and
//! the processes take turns, so that a machine whose speed drifts is as slow for one as for the other.

mod cascade;
mod compare;
mod depth;
mod external;
mod isobath;
mod line;
mod means;
mod summary;
mod train;

use anyhow::Result;
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One epoch of all decoders of one network, against the machine's peak
    Cascade(cascade::Arguments),
    /// The same work done by PyTorch programs, in turns
    Compare(compare::Arguments),
    /// Training of whole networks
    Train(train::Arguments),
    /// Time and peak memory over depth
    Depth(depth::Arguments),
}

/// The work of one epoch but for the network's depth.
#[derive(Clone, Copy, Debug, Args)]
struct Size {
    /// Width of all layers
    #[arg(long, default_value_t = 784, value_parser = at_least_one)]
    width: usize,
    /// Training samples
    #[arg(long, default_value_t = 60_000, value_parser = at_least_one)]
    images: usize,
    /// Samples per minibatch
    #[arg(long, default_value_t = 64, value_parser = at_least_one)]
    batch: usize,
}

impl Size {
    /// Floating-point operations of an epoch of `depth` layers as the literature counts them: `6 w²` for each layer and
    /// sample, of which the network's forward pass, the decoder's and the gradient of its weights have a third each.
    fn flops(&self, depth: usize) -> f64 {
        6.0 * self.images as f64 * (self.width * self.width * depth) as f64
    }

    /// Bytes that an epoch of `depth` layers reads and writes at least, whatever stays in caches: the forward pass reads
    /// the activations of a layer's input and writes those of its output, its decoder reads both.
    fn least_bytes(&self, depth: usize) -> f64 {
        (4 * size_of::<f32>() * self.images * self.width * depth) as f64
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(error.to_string()),
    }
}

pub(super) fn main(arguments: &Arguments) -> Result<u8> {
    match &arguments.command {
        Command::Cascade(arguments) => cascade::main(arguments),
        Command::Compare(arguments) => compare::main(arguments),
        Command::Train(arguments) => train::main(arguments),
        Command::Depth(arguments) => depth::main(arguments),
    }
}
