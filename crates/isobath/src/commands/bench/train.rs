//! Training of whole networks, one or several concurrently.

use std::{
    num::NonZero,
    ops::Range,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use isobath_architecture::Activation;
use isobath_architecture::{
    Layer, MlpParams, NetworkSpec, Shrink, ShrinkLaw, Variances, WidthRule,
};
use isobath_datasets::{Dataset, DatasetName, LoadRequest, Samples};
use isobath_network::Network;
use isobath_tensor::{BackendSpec, BackendTask, FullBackend, Optimizer};
use isobath_trainer::{
    Entry, Job, Labelled, Observer, Silent, TrainParams, TrainValidParams, Trainer,
};
use serde_json::json;

use super::{at_least_one, memory, summary::Summary};
use isobath_runner::pool::run_concurrently;

use crate::commands::exit;

/// Widths of the digit images and of the readout.
const ENDS: (usize, usize) = (784, 10);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Shape of the network
    #[arg(long, value_enum, default_value_t = Shape::Wide)]
    shape: Shape,
    /// Number of layers, including the readout
    #[arg(long, default_value_t = 20, value_parser = at_least_one)]
    depth: usize,
    /// Training samples per epoch
    #[arg(long, default_value_t = 60_000, value_parser = at_least_one)]
    images: usize,
    /// Samples per minibatch
    #[arg(long, default_value_t = 64, value_parser = at_least_one)]
    batch: usize,
    /// Number of timed steps [default: one epoch]
    #[arg(long, value_parser = at_least_one)]
    steps: Option<usize>,
    /// Backend: cpu, reference or cuda:N
    #[arg(long, default_value = "cpu")]
    backend: BackendSpec,
    /// Number of networks to train concurrently: on threads that share all cores, or together on a device
    #[arg(long, default_value = "1")]
    at_once: NonZero<usize>,
    /// Number of measurements
    #[arg(long, default_value_t = 5, value_parser = at_least_one)]
    repeat: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Widths of a network's layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Shape {
    /// All layers as wide as the input, except the readout
    Wide,
    /// Decreasing evenly from the input's width to the number of classes
    Shrinking,
}

impl Shape {
    pub(super) const ALL: [Self; 2] = [Self::Wide, Self::Shrinking];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Shrinking => "shrinking",
        }
    }

    /// Builds a tanh network of `depth` layers with a linear readout.
    pub(super) fn spec(self, depth: usize) -> Result<NetworkSpec> {
        let width = match self {
            Self::Wide => WidthRule::Fixed(ENDS.0),
            Self::Shrinking => WidthRule::Shrink(Shrink { shrink: ShrinkLaw::Linear }),
        };
        Ok(MlpParams::new(depth, width, Activation::Tanh).check(ENDS.0, ENDS.1)?.spec())
    }

    /// Floating-point operations per training step and sample: `6 w_l w_{l-1}` per layer, less the input gradient of
    /// the first layer.
    pub(super) fn flops_per_sample(self, depth: usize) -> Result<f64> {
        let spec = self.spec(depth)?;
        let weights = |layer: &Layer| (layer.inputs() * layer.outputs()) as f64;
        let all = spec.layers().iter().map(|layer| 6.0 * weights(layer)).sum::<f64>();
        Ok(all - 2.0 * weights(&spec.layers()[0]))
    }
}

/// One measurement.
struct Epoch {
    /// Seconds per epoch and network; for concurrent networks, the total time divided by their number.
    seconds: f64,
    /// Loss of the last minibatch.
    loss: f64,
}

pub(super) fn main(arguments: &Arguments) -> Result<u8> {
    let &Arguments { shape, depth, images, batch, backend, at_once, repeat, json, .. } = arguments;
    let options = "--images, --batch, --depth or --at-once";
    let memory = memory::training((shape, backend), depth, [images, batch])?;
    memory::check(memory, at_once.get(), options)?;
    let threads = rayon::current_num_threads();
    let description = backend.description()?;
    let per_epoch = images / batch;
    let flops = shape.flops_per_sample(depth)? * (per_epoch * batch) as f64;
    let request = LoadRequest {
        train: Some(images),
        test: Some(1),
        ..LoadRequest::new(DatasetName::Digits, "")
    };
    let data = isobath_datasets::load(&request)?;
    let measure = |_| {
        let epoch = measure(arguments, &data)?;
        eprintln!("{:.3} s, {:.1} GFLOP/s", epoch.seconds, flops / epoch.seconds / 1e9);
        Ok(epoch)
    };
    let epochs: Vec<Epoch> = (0..repeat).map(measure).collect::<Result<_>>()?;
    let seconds = Summary::of(epochs.iter().map(|epoch| epoch.seconds));
    if json {
        println!(
            "{}",
            json!({
                "shape": shape.name(), "depth": depth, "images": images, "batch": batch, "threads": threads,
                "at_once": at_once, "backend": description, "repeat": repeat, "seconds": seconds.median,
                "seconds_low": seconds.low, "seconds_high": seconds.high,
                "gflops": flops / seconds.median / 1e9, "last_loss": epochs[0].loss,
            })
        );
        return Ok(exit::DONE);
    }
    println!(
        "{description} with {threads} threads: {} network of depth {depth}, {images} images, batch {batch}, {at_once} \
         concurrent",
        shape.name()
    );
    println!("{seconds:.3} s per epoch and network, median and range of {repeat}");
    println!("{:.1} GFLOP/s", flops / seconds.median / 1e9);
    Ok(exit::DONE)
}

fn measure(arguments: &Arguments, data: &Dataset) -> Result<Epoch> {
    let &Arguments { shape, depth, images, batch, backend, at_once, .. } = arguments;
    let per_epoch = (images / batch).max(1);
    let steps = arguments.steps.unwrap_or(per_epoch);
    let params = TrainParams {
        epochs: steps.div_ceil(per_epoch),
        max_steps: Some(steps),
        batch,
        optimizer: Optimizer::sgd(1e-3),
        evaluate_every: Some(steps),
        ..TrainParams::default()
    };
    let (params, spec) = (params.check()?, shape.spec(depth)?);
    let task = |seeds| Task { params: &params, spec: &spec, data, seeds };
    let trained = if backend.is_device() {
        vec![backend.dispatch(task(0..at_once.get() as u64))?]
    } else {
        run_concurrently(at_once.get(), backend, |index| {
            backend.dispatch(task(index as u64..index as u64 + 1))?
        })
    };
    let trained: Vec<Trained> = trained.into_iter().collect::<Result<_>>()?;
    let speed: f64 = trained.iter().map(|trained| trained.steps_per_second).sum();
    Ok(Epoch { seconds: per_epoch as f64 / speed, loss: trained[0].loss })
}

/// Joint training of several networks.
struct Task<'a> {
    params: &'a TrainValidParams,
    spec: &'a NetworkSpec,
    data: &'a Dataset,
    /// One per network.
    seeds: Range<u64>,
}

/// Speed and loss of a training.
struct Trained {
    /// Seconds for all networks.
    steps_per_second: f64,
    /// Loss of the first network on its last minibatch.
    loss: f64,
}

impl BackendTask for Task<'_> {
    type Output = Result<Trained>;

    fn run<B: FullBackend>(self, backend: B) -> Self::Output {
        let Self { params, spec, data, seeds } = self;
        let variances = Variances::new(1.76, 0.05)?;
        let network = |seed| Network::random(spec.clone(), variances, seed);
        let networks: Vec<Network> = seeds.clone().map(network).collect();
        let (train, test) = (labelled(&data.train), labelled(&data.test));
        let job = |(network, seed)| Job { network, train, test, seed };
        let jobs: Vec<Job<'_>> = networks.iter().zip(seeds).map(job).collect();
        let clock = Clock::default();
        let entry = |(index, job)| Entry {
            job,
            observer: if index == 0 { &clock as &dyn Observer } else { &Silent },
            checkpoints: None,
        };
        let entries: Vec<Entry<'_, '_>> = jobs.iter().enumerate().map(entry).collect();
        let mut loss = None;
        Trainer::new(backend, params.clone()).train_together(&entries, &mut |trainings| {
            let first = trainings.into_iter().find(|(index, _)| *index == 0);
            loss = first.and_then(|(_, training)| training.losses.last().copied()).or(loss);
        })?;
        let each = clock.steps_per_second().context(
            "too few steps to time: losses are read only once; increase --steps or --images",
        )?;
        let steps_per_second = jobs.len() as f64 * each;
        Ok(Trained { steps_per_second, loss: loss.unwrap_or(f64::NAN) })
    }
}

fn labelled(samples: &Samples) -> Labelled<'_> {
    Labelled { samples: samples.images.view(), labels: &samples.labels }
}

/// Records the times of finished steps; excludes building the network and the final evaluation.
#[derive(Default)]
struct Clock(Mutex<Vec<(usize, Instant)>>);

impl Observer for Clock {
    fn steps_done(&self, done: usize, _: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((done, Instant::now()));
    }
}

impl Clock {
    fn steps_per_second(self) -> Option<f64> {
        let looks = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (&(first, start), &(last, end)) = (looks.first()?, looks.last()?);
        (last > first).then(|| (last - first) as f64 / (end - start).as_secs_f64())
    }
}
