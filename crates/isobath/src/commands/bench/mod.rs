//! Benchmarks of the cascade: against the machine's peak, against other programs, and over depth.
//!
//! Every competitor runs in its own process, so that memory, threads and caches do not carry over. The processes
//! alternate, so that drifts of the machine's speed affect all of them equally.

mod cascade;
mod cnn;
mod compare;
mod depth;
mod external;
mod isobath;
mod line;
mod means;
mod memory;
mod summary;
mod train;
mod widths;
mod worker;

use anyhow::Result;
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Time one epoch of all decoders of one network, relative to the machine's peak
    Cascade(cascade::Arguments),
    /// Compare with PyTorch programs that do the same work, in alternation
    Compare(compare::Arguments),
    /// Time the training of whole networks
    Train(train::Arguments),
    /// Measure time and peak memory over depth
    Depth(depth::Arguments),
    /// Measure one layer's decoder over widths, per instruction set, in alternation with PyTorch
    Widths(widths::Arguments),
}

/// Size of one epoch, except the network's depth.
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
    /// Floating-point operations of an epoch of `depth` layers by the convention of the literature: `6 w²` per layer
    /// and sample, one third each for the network's forward pass, the decoder's forward pass and the gradient of its
    /// weights.
    fn flops(&self, depth: usize) -> f64 {
        6.0 * self.images as f64 * (self.width * self.width * depth) as f64
    }

    /// Minimum bytes read and written in an epoch of `depth` layers, regardless of caches: the forward pass reads the
    /// activations of a layer's input and writes those of its output; its decoder reads both.
    fn least_bytes(&self, depth: usize) -> f64 {
        (4 * size_of::<f32>() * self.images * self.width * depth) as f64
    }
}

/// Parses a number from 1 to 10,000,000; a larger one is a typing error.
fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(10_000_001..) => Err("must be at most 10,000,000".to_owned()),
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
        Command::Widths(arguments) => widths::main(arguments),
    }
}
