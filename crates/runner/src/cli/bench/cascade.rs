//! One epoch of all decoders of one network.

use std::time::Instant;

use anyhow::Result;
use cascade::{CascadeParams, GradientCascade, InitialDecoders, Job, Reconstructor, Silent};
use clap::Args;
use datasets::{DatasetName, LoadRequest, Samples};
use indicatif::HumanBytes;
use ndarray::{Array2, s};
use network::{DenseLayer, Layer, Network, NetworkSpec, Variances};
use serde_json::json;
use tensor::{Activation, Backend};

use super::{Size, at_least_one, means::Means, summary::Summary};
use crate::{cli::exit, environment::peak_memory, pool::in_pool};

/// Seconds that the peak is measured for, before and after each run.
pub(super) const PEAK_SECONDS: f64 = 0.2;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Layers
    #[arg(long, default_value_t = 20, value_parser = at_least_one)]
    depth: usize,
    #[command(flatten)]
    size: Size,
    #[command(flatten)]
    means: Means,
    /// Times it is measured
    #[arg(long, default_value_t = 5, value_parser = at_least_one)]
    repeat: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One epoch.
struct Epoch {
    seconds: f64,
    /// The machine's peak around it, operations per second.
    peak: f64,
    /// Mean squared errors on the last minibatch of the first and the last layer's decoder.
    losses: [f64; 2],
}

pub(super) fn main(arguments: &Arguments) -> Result<u8> {
    let Arguments { depth, size, means, repeat, json } = *arguments;
    let flops = size.flops(depth);
    let (cpu, threads) = (means.cpu(), rayon::current_num_threads());
    let epochs = measure(means, depth, size, repeat)?;
    let seconds = Summary::of(epochs.iter().map(|epoch| epoch.seconds));
    let peak = Summary::of(epochs.iter().map(|epoch| epoch.peak));
    let share = Summary::of(epochs.iter().map(|epoch| flops / epoch.seconds / epoch.peak));
    let memory = peak_memory();
    if json {
        let Size { width, images, batch } = size;
        println!(
            "{}",
            json!({
                "depth": depth, "width": width, "images": images, "batch": batch, "threads": threads,
                "backend": cpu.description(), "precision": means.precision, "repeat": repeat, "seconds": seconds.median,
                "seconds_low": seconds.low, "seconds_high": seconds.high,
                "gflops": flops / seconds.median / 1e9, "peak_gflops": peak.median / 1e9,
                "ratio": share.median, "peak_memory_bytes": memory, "last_losses": epochs[0].losses,
            })
        );
        return Ok(exit::DONE);
    }
    println!(
        "{} with {threads} threads: {}, {}",
        cpu.description(),
        describe(depth, size),
        means.precision
    );
    println!("{seconds:.3} s per epoch, median and range of {repeat}");
    println!(
        "{:.1} GFLOP/s, {:.1}% of the {:.1} GFLOP/s peak",
        flops / seconds.median / 1e9,
        100.0 * share.median,
        peak.median / 1e9
    );
    if let Some(bytes) = memory {
        println!("peak memory of the process {}, samples included", HumanBytes(bytes));
    }
    Ok(exit::DONE)
}

/// `depth 20, width 784, 60000 images, batch 64`
pub(super) fn describe(depth: usize, Size { width, images, batch }: Size) -> String {
    format!("depth {depth}, width {width}, {images} images, batch {batch}")
}

fn measure(means: Means, depth: usize, size: Size, repeat: usize) -> Result<Vec<Epoch>> {
    let (cpu, precision) = (means.cpu(), means.precision);
    let Size { width, images, batch } = size;
    let layer =
        Layer::Dense(DenseLayer { inputs: width, outputs: width, activation: Activation::Tanh });
    let network =
        Network::random(NetworkSpec::new(vec![layer; depth])?, Variances::new(1.76, 0.05)?, 1);
    let samples = samples(images, width)?.images;
    let params = CascadeParams { batch, precision, ..CascadeParams::default() }.check()?;
    let cascade = GradientCascade::new(cpu, params);
    let job = Job {
        network: &network,
        layers: depth,
        train: samples.view(),
        probe: samples.slice(s![..1, ..]),
        initial: InitialDecoders::Drawn { seed: 1 },
    };
    job.check()?;
    let epoch = |_| {
        let before = cpu.peak_flops(PEAK_SECONDS);
        let start = Instant::now();
        let fits = in_pool(|| cascade.reconstruct(&job, &Silent))?.fits;
        let seconds = start.elapsed().as_secs_f64();
        // The machine's speed drifts, so each time is held against the peak around it.
        let peak = f64::midpoint(before, cpu.peak_flops(PEAK_SECONDS));
        let gflops = size.flops(depth) / seconds / 1e9;
        eprintln!("{seconds:.3} s, {gflops:.1} of {:.1} GFLOP/s", peak / 1e9);
        Ok(Epoch { seconds, peak, losses: [fits[0].last_loss, fits[depth - 1].last_loss] })
    };
    (0..repeat).map(epoch).collect()
}

/// Digits where the width is theirs, noise otherwise: the values do not matter for speed, as long as they are not zero.
pub(super) fn samples(images: usize, width: usize) -> Result<Samples> {
    if width == 784 {
        let request = LoadRequest {
            train: Some(images),
            test: Some(0),
            ..LoadRequest::new(DatasetName::Digits, "")
        };
        return Ok(datasets::load(&request)?.train);
    }
    let noise =
        tensor::RandomStream::Uniform { seed: 1, stream: 0, bound: 0.5 }.take(images * width);
    let images = Array2::from_shape_vec((images, width), noise)? + 0.5;
    Ok(Samples { labels: vec![0; images.nrows()], images })
}
