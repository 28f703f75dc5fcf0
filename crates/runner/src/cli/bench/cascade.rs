//! One epoch of all decoders of one network.

use std::{panic::resume_unwind, sync::Barrier, thread::ScopedJoinHandle, time::Instant};

use anyhow::Result;
use cascade::{
    CascadeParams, CascadeValidParams, GradientCascade, InitialDecoders, Job, Reconstructor, Silent,
};
use clap::Args;
use datasets::{DatasetName, LoadRequest, Samples};
use indicatif::{DecimalBytes, HumanBytes};
use ndarray::{Array2, s};
use network::{DenseLayer, Layer, Network, NetworkSpec, Variances};
use serde_json::json;
use tensor::{Activation, BackendSpec, BackendTask, FullBackend};

use super::{Size, at_least_one, means::Means, summary::Summary};
use crate::{cli::exit, environment::peak_memory, pool::in_pool_or_waiting};

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
    /// Networks worked on at once, each on a stream of its own where the backend is a device; the time is for one
    #[arg(long, default_value_t = 1, value_parser = at_least_one)]
    at_once: usize,
    /// Times it is measured
    #[arg(long, default_value_t = 5, value_parser = at_least_one)]
    repeat: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One epoch.
#[derive(Clone, Copy)]
struct Epoch {
    /// For each network, where several are worked on at once.
    seconds: f64,
    /// The device's peak around it, operations per second.
    peak: f64,
    /// Mean squared errors on the last minibatch of the first and the last layer's decoder.
    losses: [f64; 2],
}

pub(super) fn main(arguments: &Arguments) -> Result<u8> {
    let Arguments { depth, size, means, at_once, repeat, json } = *arguments;
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
                "backend": description, "at_once": at_once, "precision": means.precision, "repeat": repeat, "seconds": seconds.median,
                "seconds_low": seconds.low, "seconds_high": seconds.high,
                "gflops": flops / seconds.median / 1e9, "peak_gflops": peak.median / 1e9,
                "ratio": share.median, "peak_memory_bytes": memory, "last_losses": epochs[0].losses,
            })
        );
        return Ok(exit::DONE);
    }
    println!(
        "{description} with {threads} threads: {}, {}",
        describe(depth, size),
        means.precision
    );
    let networks =
        if at_once > 1 { format!(" of one of {at_once} networks at once") } else { String::new() };
    println!("{seconds:.3} s per epoch{networks}, median and range of {repeat}");
    println!(
        "{:.1} GFLOP/s, {:.1}% of the {:.1} GFLOP/s peak",
        flops / seconds.median / 1e9,
        100.0 * share.median,
        peak.median / 1e9
    );
    println!(
        "at least {} read and written: each layer's activations twice over, {:.1} GB/s",
        DecimalBytes(size.least_bytes(depth) as u64),
        size.least_bytes(depth) / seconds.median / 1e9
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

/// The backend's description, and what was measured.
fn measure(arguments: &Arguments) -> Result<(String, Vec<Epoch>)> {
    let Arguments { depth, size: Size { width, images, batch }, means, at_once, .. } = *arguments;
    let layer =
        Layer::Dense(DenseLayer { inputs: width, outputs: width, activation: Activation::Tanh });
    let network =
        Network::random(NetworkSpec::new(vec![layer; depth])?, Variances::new(1.76, 0.05)?, 1);
    let samples = samples(images, width)?.images;
    let params =
        CascadeParams { batch, precision: means.precision, ..CascadeParams::default() }.check()?;
    let job = Job {
        network: &network,
        layers: depth,
        train: samples.view(),
        probe: samples.slice(s![..1, ..]),
        initial: InitialDecoders::Drawn { seed: 1 },
    };
    job.check()?;
    let turns = Turns { arguments, params, job, together: Barrier::new(at_once) };
    let network = |index| {
        let turns = OfNetwork { turns: &turns, index };
        match means.backend {
            BackendSpec::Cpu => turns.run(means.cpu()),
            other => other.dispatch(turns)?,
        }
    };
    let mut networks = std::thread::scope(|scope| {
        let network = &network;
        let threads: Vec<_> =
            (0..at_once).map(|index| scope.spawn(move || network(index))).collect();
        let join = |thread: ScopedJoinHandle<'_, Result<_>>| {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))
        };
        threads.into_iter().map(join).collect::<Result<Vec<_>>>()
    })?;
    let (description, mut epochs) = networks.swap_remove(0);
    for (index, epoch) in epochs.iter_mut().enumerate() {
        // All begin together; the last to end is the one that counts.
        let last = networks.iter().map(|(_, epochs)| epochs[index].seconds);
        epoch.seconds = last.fold(epoch.seconds, f64::max) / at_once as f64;
    }
    let gflops = |seconds: f64| arguments.size.flops(depth) / seconds / 1e9;
    for Epoch { seconds, peak, .. } in &epochs {
        eprintln!("{seconds:.3} s, {:.1} of {:.1} GFLOP/s", gflops(*seconds), peak / 1e9);
    }
    Ok((description, epochs))
}

/// Epochs of networks, beside each other and one after the other.
struct Turns<'a> {
    arguments: &'a Arguments,
    params: CascadeValidParams,
    job: Job<'a>,
    /// Where those at once wait for each other.
    together: Barrier,
}

/// Those of one of them.
struct OfNetwork<'a> {
    turns: &'a Turns<'a>,
    index: usize,
}

impl BackendTask for OfNetwork<'_> {
    type Output = Result<(String, Vec<Epoch>)>;

    fn run<B: FullBackend>(self, backend: B) -> Self::Output {
        let Turns { arguments, params, job, together } = self.turns;
        let Arguments { depth, means, repeat, .. } = **arguments;
        let cascade = GradientCascade::new(backend.clone(), params.clone());
        let epoch = |layers| {
            let job = Job { layers, ..*job };
            in_pool_or_waiting(means.backend, || cascade.reconstruct(&job, &Silent))
        };
        if means.backend != BackendSpec::Cpu {
            // Kernels are compiled and memory is taken on first use.
            epoch(1)?;
        }
        // By one of the networks, while the others wait.
        let peak = || match self.index {
            0 => backend.peak_flops(means.precision, PEAK_SECONDS),
            _ => Ok(0.0),
        };
        let timed = |_| {
            let before = peak();
            together.wait();
            let start = Instant::now();
            let fits = epoch(depth);
            let seconds = start.elapsed().as_secs_f64();
            together.wait();
            // The machine's speed drifts, so each time is held against the peak around it.
            let peak = f64::midpoint(before?, peak()?);
            let fits = fits?.fits;
            Ok(Epoch { seconds, peak, losses: [fits[0].last_loss, fits[depth - 1].last_loss] })
        };
        let epochs = (0..repeat).map(timed).collect::<Result<Vec<_>>>()?;
        Ok((backend.description(), epochs))
    }
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
