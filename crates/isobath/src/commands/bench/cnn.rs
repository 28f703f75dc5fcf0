//! Convolutional layers on this program and on `PyTorch`, in alternation.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use anyhow::{Context, Result};
use clap::Args;
use isobath_architecture::{
    Activation, Conv2dLayer, DenseLayer, Layer, NetworkSpec, Shape, Variances, Window,
};
use isobath_cascade::{CascadeParams, GradientCascade, InitialDecoders, Reconstructor};
use isobath_network::Network;
use isobath_tensor::{Backend, Cpu, Optimizer, Precision, RandomStream};
use isobath_trainer::{Labelled, TrainParams, Trainer};
use ndarray::Array2;
use serde::Serialize;
use serde_json::json;

use super::{at_least_one, external::Python, summary::Summary, worker::PyTorch};
use crate::commands::exit;

/// The program that runs the same work on `PyTorch`.
const SCRIPT: &str = include_str!("../../../../../benches/pytorch_cnn.py");

const BATCH: usize = 64;
const CLASSES: usize = 10;
/// Convolutions of the network in training.
const LAYERS: usize = 3;
/// Floating-point operations of a measurement: a tenth of a second for all but the largest sizes.
const FLOPS: f64 = 4e9;
/// Most steps of a measurement, less than the trainer does between two looks at its losses.
const MOST_STEPS: usize = 60;

/// The comparison and its sizes.
#[derive(Clone, Debug, Args)]
#[group(id = "convolutions")]
pub(super) struct Arguments {
    /// Compare convolutional layers of several sizes: forward pass, training step and decoder's epoch
    #[arg(
        long,
        conflicts_with_all = ["programs", "training", "backend", "depth", "width", "images", "batch", "quick", "baselines"]
    )]
    pub(super) cnn: bool,
    /// Channels of the convolutions of --cnn
    #[arg(
        long, requires = "cnn", value_delimiter = ',', default_values_t = [16, 32, 64], value_parser = at_least_one
    )]
    channels: Vec<usize>,
    /// Rows and columns of the images of --cnn
    #[arg(
        long, requires = "cnn", value_delimiter = ',', default_values_t = [7, 14, 28], value_parser = at_least_one
    )]
    sizes: Vec<usize>,
}

/// Work that both programs do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Work {
    /// Forward pass of a convolution with tanh.
    Forward,
    /// Step of gradient descent of [`LAYERS`] convolutions and a linear readout.
    Training,
    /// Minibatch of a decoder's epoch, with the forward pass of its convolution.
    Decoder,
}

impl Work {
    const ALL: [Self; 3] = [Self::Forward, Self::Training, Self::Decoder];

    const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Training => "training",
            Self::Decoder => "decoder",
        }
    }

    /// Products of the weights with all patches, without the readout and the first layer's derivative.
    const fn passes(self) -> usize {
        match self {
            Self::Forward => 1,
            Self::Training => 3 * LAYERS - 1,
            Self::Decoder => 3,
        }
    }
}

/// Work at one size.
#[derive(Clone, Copy, Debug, Serialize)]
struct Case {
    work: Work,
    channels: usize,
    size: usize,
}

impl Case {
    /// All works at all sizes.
    fn all(Arguments { channels, sizes, .. }: &Arguments) -> Vec<Self> {
        let mut cases = Vec::new();
        for &channels in channels {
            for &size in sizes {
                cases.extend(Work::ALL.map(|work| Self { work, channels, size }));
            }
        }
        cases
    }

    /// Floating-point operations of a step.
    fn flops(self) -> f64 {
        let products = 9 * self.channels * self.channels * self.size * self.size * BATCH;
        2.0 * (self.work.passes() * products) as f64
    }

    fn steps(self) -> usize {
        ((FLOPS / self.flops()) as usize).clamp(1, MOST_STEPS)
    }

    /// The work as a line for the other program.
    fn request(self) -> String {
        let Self { work, channels, size } = self;
        format!("{} {channels} {size} {BATCH} {}", work.name(), self.steps())
    }

    fn shape(self) -> Shape {
        Shape::new(self.channels, self.size, self.size)
    }

    fn network(self) -> Result<Network> {
        let convolution = Conv2dLayer::new(
            self.shape(),
            self.channels,
            Window::square(3, 1, 1),
            Activation::Tanh,
        );
        let (inputs, activation) = (convolution.output().numbers(), Activation::Linear);
        let readout = Layer::Dense(DenseLayer { inputs, outputs: CLASSES, activation });
        let convolution = Layer::Conv2d(convolution);
        let layers = match self.work {
            Work::Forward | Work::Decoder => vec![convolution],
            Work::Training => [vec![convolution; LAYERS], vec![readout]].concat(),
        };
        Ok(Network::random(NetworkSpec::new(layers)?, Variances::new(1.05, 1e-4)?, 1))
    }

    /// `minibatches` minibatches of noise.
    fn samples(self, minibatches: usize) -> Result<Array2<f32>> {
        let (rows, columns) = (minibatches * BATCH, self.shape().numbers());
        let noise = RandomStream::Uniform { seed: 1, stream: 0, bound: 0.5 }.take(rows * columns);
        Ok(Array2::from_shape_vec((rows, columns), noise)? + 0.5)
    }

    /// Seconds of a step of this program.
    fn measure(self) -> Result<f64> {
        match self.work {
            Work::Forward => self.measure_forward(),
            Work::Training => self.measure_training(),
            Work::Decoder => self.measure_decoder(),
        }
    }

    fn measure_forward(self) -> Result<f64> {
        let backend = Cpu::new();
        let layer = self.network()?.upload_layer(&backend, 0)?;
        let x = backend.upload(&self.samples(1)?.into_raw_vec_and_offset().0)?;
        let mut y = backend.zeros(BATCH * layer.outputs())?;
        let mut forward = || layer.forward(&backend, Precision::F32, BATCH, &x, &mut y);
        forward()?;
        let start = Instant::now();
        (0..self.steps()).try_for_each(|_| forward())?;
        Ok(start.elapsed().as_secs_f64() / self.steps() as f64)
    }

    fn measure_training(self) -> Result<f64> {
        let (network, clock) = (self.network()?, Clock::default());
        let samples = self.samples(1)?;
        let labels: Vec<u8> = (0..BATCH).map(|sample| (sample % CLASSES) as u8).collect();
        let labelled = |rows| Labelled {
            samples: samples.slice(ndarray::s![..rows, ..]),
            labels: &labels[..rows],
        };
        let job = isobath_trainer::Job {
            network: &network,
            train: labelled(BATCH),
            test: labelled(1),
            seed: 1,
        };
        let steps = self.steps() + 1;
        let params = TrainParams {
            epochs: steps,
            batch: BATCH,
            optimizer: Optimizer::sgd(1e-3),
            evaluate_every: Some(steps),
            ..TrainParams::default()
        };
        Trainer::new(Cpu::new(), params.check()?).train(&job, &clock)?;
        clock.seconds_per_step(self.steps())
    }

    fn measure_decoder(self) -> Result<f64> {
        let (network, clock) = (self.network()?, Clock::default());
        let steps = self.steps() + 1;
        let samples = self.samples(1)?;
        let params = CascadeParams { epochs: steps + 1, batch: BATCH, ..CascadeParams::default() };
        let job = isobath_cascade::Job {
            network: &network,
            layers: 1,
            train: samples.view(),
            order: None,
            probe: samples.slice(ndarray::s![..1, ..]),
            initial: InitialDecoders::Drawn { seed: 1 },
        };
        GradientCascade::new(Cpu::new(), params.check()?).reconstruct(&job, &clock)?;
        clock.seconds_per_step(self.steps())
    }
}

/// Records the times between steps, when trainer and cascade look for a cancellation.
#[derive(Default)]
struct Clock(Mutex<Vec<Instant>>);

impl Clock {
    fn tick(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        false
    }

    /// Seconds of a step, without the first one.
    fn seconds_per_step(self, steps: usize) -> Result<f64> {
        let ticks = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let [first, last] =
            [1, 1 + steps].map(|tick| ticks.get(tick).context("the work ended too early"));
        Ok((*last? - *first?).as_secs_f64() / steps as f64)
    }
}

impl isobath_trainer::Observer for Clock {
    fn steps_done(&self, _: usize, _: usize) {}

    fn cancelled(&self) -> bool {
        self.tick()
    }
}

impl isobath_cascade::Observer for Clock {
    fn progress(&self, _: f64) {}

    fn cancelled(&self) -> bool {
        self.tick()
    }
}

/// Results of one case.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    case: Case,
    /// Milliseconds per step of this program and of `PyTorch`.
    milliseconds: Summary,
    pytorch_milliseconds: Summary,
    /// `PyTorch`'s time relative to this program's in the same round.
    ratio: Summary,
    gflops: Summary,
}

impl Row {
    /// From the seconds of this program and of `PyTorch` in each round.
    fn new(case: Case, rounds: &[[f64; 2]]) -> Self {
        let of = |program: usize| Summary::of(rounds.iter().map(|round| round[program]));
        Self {
            case,
            milliseconds: of(0).scaled(1e3),
            pytorch_milliseconds: of(1).scaled(1e3),
            ratio: Summary::of(rounds.iter().map(|[own, other]| other / own)),
            gflops: Summary::of(rounds.iter().map(|[own, _]| case.flops() / own / 1e9)),
        }
    }
}

/// Compares both programs in `repeat` rounds, in which they alternate.
///
/// # Errors
/// If a process or this program's own work fails.
pub(super) fn main(python: &Python, sizes: &Arguments, repeat: usize, json: bool) -> Result<u8> {
    let mut pytorch = PyTorch::start(python, SCRIPT)?;
    let cases = Case::all(sizes);
    let mut rounds = vec![Vec::new(); cases.len()];
    for round in 1..=repeat {
        for (case, rounds) in cases.iter().zip(&mut rounds) {
            let seconds @ [own, other] = [case.measure()?, pytorch.measure(&case.request())?];
            let Case { work, channels, size } = case;
            eprintln!(
                "round {round} of {repeat}: {} of {channels} channels, {size}x{size}: {:.2} ms, PyTorch {:.2} ms",
                work.name(),
                1e3 * own,
                1e3 * other
            );
            rounds.push(seconds);
        }
    }
    let rows = cases.iter().zip(&rounds).map(|(case, rounds)| Row::new(*case, rounds));
    let rows: Vec<Row> = rows.collect();
    let (description, threads) = (Cpu::new().description(), rayon::current_num_threads());
    if json {
        println!(
            "{}",
            json!({
                "backend": description, "threads": threads, "python": python.versions,
                "batch": BATCH, "rounds": repeat, "cases": rows,
            })
        );
        return Ok(exit::DONE);
    }
    println!("{description} with {threads} threads; {}; batch {BATCH}", python.versions);
    println!("{repeat} rounds: median and range");
    println!("work      channels  size  ms per step  PyTorch  PyTorch / Isobath    GFLOP/s");
    for Row { case, milliseconds, pytorch_milliseconds, ratio, gflops } in &rows {
        println!(
            "{:<8}  {:>8}  {:>4}  {:>11.2}  {:>7.2}  {ratio:<19.2}  {:>7.0}",
            case.work.name(),
            case.channels,
            case.size,
            milliseconds.median,
            pytorch_milliseconds.median,
            gflops.median
        );
    }
    Ok(exit::DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_compare_within_a_round() {
        let case = Case { work: Work::Forward, channels: 1, size: 1 };
        // The machine is half as fast in the second round.
        let row = Row::new(case, &[[1.0, 3.0], [2.0, 6.0]]);
        assert_eq!(row.ratio, Summary { median: 3.0, low: 3.0, high: 3.0 });
        assert_eq!(row.milliseconds, Summary { median: 1500.0, low: 1000.0, high: 2000.0 });
        // One minibatch of one pixel and nine weights.
        assert!((case.flops() - 2.0 * 9.0 * 64.0).abs() < 1e-9);
    }

    #[test]
    fn every_work_is_measured() {
        for work in Work::ALL {
            let seconds = Case { work, channels: 2, size: 4 }.measure().unwrap();
            assert!(seconds > 0.0 && seconds.is_finite());
        }
    }

    #[test]
    fn steps_are_the_minibatches_between_ticks() {
        let start = Instant::now();
        let after = |seconds| start + std::time::Duration::from_secs(seconds);
        let clock = Clock(Mutex::new([0, 10, 12, 14, 20].map(after).to_vec()));
        assert!((clock.seconds_per_step(2).unwrap() - 2.0).abs() < 1e-9);
        assert!(Clock::default().seconds_per_step(2).is_err());
    }
}
