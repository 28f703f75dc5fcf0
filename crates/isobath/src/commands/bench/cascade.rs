//! One epoch of all decoders of one network.

use std::time::Instant;

use anyhow::Result;
use clap::Args;
use indicatif::{DecimalBytes, HumanBytes};
use isobath_architecture::Activation;
use isobath_architecture::{DenseLayer, Layer, NetworkSpec, Variances};
use isobath_cascade::{
    CascadeParams, CascadeValidParams, GradientCascade, InitialDecoders, Job, Reconstructor, Silent,
};
use isobath_datasets::{DatasetName, LoadRequest, Samples};
use isobath_network::Network;
use isobath_tensor::{BackendSpec, BackendTask, FullBackend, Precision};
use ndarray::{Array2, s};
use serde_json::json;

use super::{Size, at_least_one, means::Means, memory, summary::Summary};
use isobath_runner::{networks_on_device, pool::run_concurrently};
use isobath_store::environment::peak_memory;

use crate::commands::exit;

/// Seconds of each peak measurement, before and after each run.
const PEAK_SECONDS: f64 = 0.2;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Number of layers
    #[arg(long, default_value_t = 20, value_parser = at_least_one)]
    depth: usize,
    #[command(flatten)]
    size: Size,
    #[command(flatten)]
    means: Means,
    /// Number of concurrent networks, each on its own stream on a device; the time is per network [default: one, or as
    /// many as keep a device busy]
    #[arg(long, value_parser = at_least_one)]
    at_once: Option<usize>,
    /// Number of measurements
    #[arg(long, default_value_t = 5, value_parser = at_least_one)]
    repeat: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn networks(&self) -> usize {
        let usual = match self.means.backend {
            BackendSpec::Cuda { .. } => networks_on_device(self.size.width),
            _ => 1,
        };
        self.at_once.unwrap_or(usual)
    }
}

/// Measurement of one epoch.
struct Epoch {
    /// Seconds per network.
    seconds: f64,
    /// Peak of the device around the measurement, operations per second.
    peak: f64,
    /// Mean squared errors of the first and the last layer's decoder on the last minibatch.
    losses: [f64; 2],
}

pub(super) fn main(arguments: &Arguments) -> Result<u8> {
    let Arguments { depth, size, means, repeat, json, .. } = *arguments;
    let at_once = arguments.networks();
    let options = "--width, --images, --depth or --at-once";
    memory::check(memory::cascade(depth, size, means), at_once, options)?;
    let flops = size.flops(depth);
    let threads = rayon::current_num_threads();
    let (description, epochs) = measure(arguments)?;
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
                "backend": description, "at_once": at_once, "precision": means.precision,
                "forward_precision": means.forward_precision, "repeat": repeat, "seconds": seconds.median,
                "seconds_low": seconds.low, "seconds_high": seconds.high,
                "gflops": flops / seconds.median / 1e9, "peak_gflops": peak.median / 1e9,
                "ratio": share.median, "peak_memory_bytes": memory, "last_losses": epochs[0].losses,
            })
        );
        return Ok(exit::DONE);
    }
    println!(
        "{description} with {threads} threads: {}, decoders in {}, forward pass in {}",
        describe(depth, size),
        means.precision,
        means.forward_precision
    );
    let networks = if at_once > 1 {
        format!(" per network, {at_once} concurrent networks")
    } else {
        String::new()
    };
    println!("{seconds:.3} s per epoch{networks}, median and range of {repeat}");
    println!(
        "{:.1} GFLOP/s, {:.1}% of the {:.1} GFLOP/s peak",
        flops / seconds.median / 1e9,
        100.0 * share.median,
        peak.median / 1e9
    );
    println!(
        "at least {} read and written (each layer's activations twice), {:.1} GB/s",
        DecimalBytes(size.least_bytes(depth) as u64),
        size.least_bytes(depth) / seconds.median / 1e9
    );
    if let Some(bytes) = memory {
        println!("peak memory of the process: {}, including samples", HumanBytes(bytes));
    }
    Ok(exit::DONE)
}

/// `depth 20, width 784, 60000 images, batch 64`
pub(super) fn describe(depth: usize, Size { width, images, batch }: Size) -> String {
    format!("depth {depth}, width {width}, {images} images, batch {batch}")
}

/// Measures and returns the backend's description and the epochs.
fn measure(arguments: &Arguments) -> Result<(String, Vec<Epoch>)> {
    let Arguments { depth, size: Size { width, images, batch }, means, .. } = *arguments;
    let at_once = arguments.networks();
    let layer =
        Layer::Dense(DenseLayer { inputs: width, outputs: width, activation: Activation::Tanh });
    let network =
        Network::random(NetworkSpec::new(vec![layer; depth])?, Variances::new(1.76, 0.05)?, 1);
    let samples = samples(images, width)?.images;
    let Means { precision, forward_precision, .. } = means;
    let params = CascadeParams { batch, precision, forward_precision, ..CascadeParams::default() }
        .check()?;
    let job = Job {
        network: &network,
        layers: depth,
        train: samples.view(),
        order: None,
        probe: samples.slice(s![..1, ..]),
        initial: InitialDecoders::Drawn { seed: 1 },
    };
    job.check()?;
    let epochs_of = |layers| {
        let of_network = |_| {
            let task = OfNetwork { params: &params, job: &job, layers };
            match means.backend {
                BackendSpec::Cpu => task.run(means.cpu()),
                other => other.dispatch(task)?,
            }
        };
        let losses = run_concurrently(at_once, means.backend, of_network);
        losses.into_iter().collect::<Result<Vec<_>>>()
    };
    if means.backend != BackendSpec::Cpu {
        // The first use compiles kernels and allocates memory.
        epochs_of(1)?;
    }
    let yardstick = || -> Result<(String, f64)> {
        let task = Yardstick { precision: means.precision };
        Ok(match means.backend {
            BackendSpec::Cpu => task.run(means.cpu())?,
            other => other.dispatch(task)??,
        })
    };
    let (description, _) = yardstick()?;
    let epoch = |_| {
        let (_, before) = yardstick()?;
        let start = Instant::now();
        let losses = epochs_of(depth)?;
        let seconds = start.elapsed().as_secs_f64() / at_once as f64;
        // The machine's speed drifts, so each time is compared with the peak around it.
        let peak = f64::midpoint(before, yardstick()?.1);
        let gflops = arguments.size.flops(depth) / seconds / 1e9;
        eprintln!("{seconds:.3} s, {gflops:.1} of {:.1} GFLOP/s", peak / 1e9);
        Ok(Epoch { seconds, peak, losses: losses[0] })
    };
    Ok((description, (0..arguments.repeat).map(epoch).collect::<Result<_>>()?))
}

/// Runs one epoch of one network. Returns the last losses of its first and last decoder.
struct OfNetwork<'a> {
    params: &'a CascadeValidParams,
    job: &'a Job<'a>,
    layers: usize,
}

impl BackendTask for OfNetwork<'_> {
    type Output = Result<[f64; 2]>;

    fn run<B: FullBackend>(self, backend: B) -> Self::Output {
        let Self { params, job, layers } = self;
        let job = Job { layers, ..*job };
        let fits = GradientCascade::new(backend, params.clone()).reconstruct(&job, &Silent)?.fits;
        Ok([fits[0].last_loss, fits[fits.len() - 1].last_loss])
    }
}

/// Task that returns a backend's description and its peak in a precision, operations per second.
pub(super) struct Yardstick {
    pub(super) precision: Precision,
}

impl BackendTask for Yardstick {
    type Output = isobath_tensor::Result<(String, f64)>;

    fn run<B: FullBackend>(self, backend: B) -> Self::Output {
        Ok((backend.description(), backend.peak_flops(self.precision, PEAK_SECONDS)?))
    }
}

/// Digits if the width matches theirs, noise otherwise. Values do not affect the speed unless they are zero.
pub(super) fn samples(images: usize, width: usize) -> Result<Samples> {
    if width == 784 {
        let request = LoadRequest {
            train: Some(images),
            test: Some(0),
            ..LoadRequest::new(DatasetName::Digits, "")
        };
        return Ok(isobath_datasets::load(&request)?.train);
    }
    let noise = isobath_tensor::RandomStream::Uniform { seed: 1, stream: 0, bound: 0.5 }
        .take(images * width);
    let images = Array2::from_shape_vec((images, width), noise)? + 0.5;
    Ok(Samples { labels: vec![0; images.nrows()], images })
}
