//! One layer's part of a cascade's epoch over widths, per instruction set, in alternation with `PyTorch`.
//!
//! A round measures every program at every width, this one's between two measurements of the peak of its instruction
//! set. So a share of the peak compares two speeds of the same second, and a ratio of programs two of the same round.

mod figure;

use std::{fmt, path::PathBuf, str::FromStr, time::Instant};

use anyhow::Result;
use clap::Args;
use isobath_architecture::{Activation, DenseLayer, Layer, NetworkSpec, Variances};
use isobath_network::Network;
use isobath_tensor::{
    Backend, BackendTask, Cpu, DecoderConfig, DecoderState, Optimizer, Precision, RandomStream,
    SimdLevel, TrainDecoder,
};
use serde::{Serialize, Serializer};
use serde_json::json;

use super::{
    at_least_one, cascade::Yardstick, external::Python, means, summary::Summary, worker::PyTorch,
};
use crate::commands::exit;

/// The program that runs the same work on `PyTorch`.
const SCRIPT: &str = include_str!("../../../../../../benches/pytorch_widths.py");
/// Its ways to do the work.
const PYTORCH: [&str; 2] = ["manual", "autograd"];

const BATCH: usize = 64;
/// Least minibatches of a measurement, so that setting up weighs no more than in an epoch.
const LEAST_STEPS: usize = 200;
/// Most minibatches of a measurement, for small layers.
const MOST_STEPS: usize = 2000;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Layers to measure: a width, or inputs and outputs as in 784x256
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "SIZES",
        default_value = "64,128,256,512,784,1024,1568,2048,3072,4096,784x256,1024x512,512x2048"
    )]
    widths: Vec<Size>,
    /// Instruction sets [default: all vector instruction sets of this processor]
    #[arg(long, value_delimiter = ',', value_parser = means::level)]
    simd: Vec<SimdLevel>,
    /// Python 3 with torch and numpy, to alternate with PyTorch
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Floating-point operations of a measurement, in units of 10⁹
    #[arg(long, default_value_t = 20, value_parser = at_least_one)]
    gflop: usize,
    /// Number of rounds
    #[arg(long, default_value_t = 5, value_parser = at_least_one)]
    repeat: usize,
    /// Draw the figure into this folder, as widths.svg and widths.png
    #[arg(long, value_name = "DIR")]
    figure: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Inputs and outputs of a layer; its decoder has them the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    inputs: usize,
    outputs: usize,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (inputs, outputs) = text.split_once('x').unwrap_or((text, text));
        let width = |text: &str| match at_least_one(text) {
            Ok(width @ 1..=8192) => Ok(width),
            Ok(_) => Err(format!("`{text}` is too wide; the limit is 8192")),
            Err(error) => Err(format!("`{text}`: {error}")),
        };
        Ok(Self { inputs: width(inputs)?, outputs: width(outputs)? })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self { inputs, outputs } if inputs == outputs => write!(f, "{inputs}"),
            Self { inputs, outputs } => write!(f, "{inputs}x{outputs}"),
        }
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Size {
    /// Floating-point operations of a minibatch: a third each for the layer, the decoder, and the gradient of its
    /// weights.
    const fn flops(self) -> f64 {
        6.0 * (BATCH * self.inputs * self.outputs) as f64
    }

    fn steps(self, flops: f64) -> usize {
        ((flops / self.flops()) as usize).clamp(LEAST_STEPS, MOST_STEPS)
    }

    const fn is_square(self) -> bool {
        self.inputs == self.outputs
    }
}

/// A layer with its samples.
struct Case {
    size: Size,
    steps: usize,
    network: Network,
    samples: Vec<f32>,
}

impl Case {
    fn new(size: Size, flops: f64) -> Result<Self> {
        let Size { inputs, outputs } = size;
        let layer = Layer::Dense(DenseLayer { inputs, outputs, activation: Activation::Tanh });
        let (steps, variances) = (size.steps(flops), Variances::new(1.76, 0.05)?);
        let noise = RandomStream::Uniform { seed: 1, stream: 0, bound: 0.5 };
        let samples = noise.take(steps * BATCH * inputs);
        Ok(Self {
            size,
            steps,
            network: Network::random(NetworkSpec::new(vec![layer])?, variances, 1),
            samples: samples.into_iter().map(|x| x + 0.5).collect(),
        })
    }

    /// Seconds of a minibatch on this program: the layer's forward pass over all samples, and the decoder's epoch.
    fn measure(&self, backend: Cpu) -> Result<f64> {
        let Size { inputs, outputs } = self.size;
        let samples = self.steps * BATCH;
        let config = DecoderConfig {
            samples,
            inputs: outputs,
            outputs: inputs,
            batch: BATCH,
            activation: Activation::Tanh,
            optimizer: Optimizer::adam(1e-3),
            precision: Precision::F32,
        };
        let layer = self.network.upload_layer(&backend, 0)?;
        let target = backend.upload(&self.samples)?;
        let mut h = backend.zeros(samples * outputs)?;
        let mut state = DecoderState::init(&backend, outputs, inputs, 1, 1)?;
        let start = Instant::now();
        layer.forward(&backend, Precision::F32, samples, &target, &mut h)?;
        backend.train_decoder(&config, 0..self.steps, &h, &target, &mut state)?;
        Ok(start.elapsed().as_secs_f64() / self.steps as f64)
    }
}

/// One round at one size.
struct Round {
    /// This program's, per instruction set.
    own: Vec<Own>,
    /// Seconds of a minibatch, per program of [`PYTORCH`]; empty without Python.
    pytorch: Vec<f64>,
}

/// One measurement of this program.
struct Own {
    /// Seconds of a minibatch.
    seconds: f64,
    /// Peak of the instruction set around the measurement, operations per second.
    peak: f64,
}

/// Results at one size.
#[derive(Debug, Serialize)]
struct Row {
    size: Size,
    steps: usize,
    programs: Vec<Program>,
    /// Milliseconds of a minibatch of the faster of the two programs in each round.
    pytorch_milliseconds: Option<Summary>,
}

/// Results of one instruction set.
#[derive(Debug, Serialize)]
struct Program {
    simd: &'static str,
    milliseconds: Summary,
    /// Peak of its products in f32, operations per second in units of 10⁹.
    peak_gflops: Summary,
    peak_share: Summary,
    /// Time of the faster of the two `PyTorch` programs relative to this program's in the same round.
    ratio: Option<Summary>,
}

pub(super) fn main(arguments: &Arguments) -> Result<u8> {
    let levels = levels(arguments);
    let python = arguments.python.as_deref().map(Python::find).transpose()?;
    let mut pytorch = python.as_ref().map(|python| PyTorch::start(python, SCRIPT)).transpose()?;
    let flops = 1e9 * arguments.gflop as f64;
    let mut rounds: Vec<Vec<Round>> = arguments.widths.iter().map(|_| Vec::new()).collect();
    for round in 1..=arguments.repeat {
        for (&size, rounds) in arguments.widths.iter().zip(&mut rounds) {
            let measured = measure(size, flops, &levels, pytorch.as_mut())?;
            eprintln!(
                "round {round} of {}: {size}, {}",
                arguments.repeat,
                words(&measured, &levels)
            );
            rounds.push(measured);
        }
    }
    let sizes = arguments.widths.iter().zip(&rounds);
    let rows: Vec<Row> = sizes.map(|(&size, rounds)| row(size, flops, &levels, rounds)).collect();
    let threads = rayon::current_num_threads();
    let versions = python.as_ref().map(|python| python.versions.as_str());
    let charts = match &arguments.figure {
        Some(folder) => figure::draw(folder, &rows)?,
        None => Vec::new(),
    };
    if arguments.json {
        println!(
            "{}",
            json!({
                "threads": threads, "python": versions, "batch": BATCH, "rounds": arguments.repeat,
                "sizes": rows, "charts": charts,
            })
        );
        return Ok(exit::DONE);
    }
    println!("{threads} threads; {}; batch {BATCH}", versions.unwrap_or("without PyTorch"));
    println!(
        "{} rounds: median and range of the share of the instruction set's f32 peak, and of PyTorch's time to this one's",
        arguments.repeat
    );
    print(&rows);
    charts.iter().for_each(|chart| println!("chart: {}", chart.display()));
    Ok(exit::DONE)
}

fn levels(arguments: &Arguments) -> Vec<SimdLevel> {
    if !arguments.simd.is_empty() {
        return arguments.simd.clone();
    }
    // Tiles have no products in f32.
    let left_out = [SimdLevel::Amx, SimdLevel::Scalar];
    let is_vector = |level: &SimdLevel| !left_out.contains(level) && level.is_available();
    SimdLevel::ALL.into_iter().filter(is_vector).collect()
}

fn measure(
    size: Size,
    flops: f64,
    levels: &[SimdLevel],
    pytorch: Option<&mut PyTorch>,
) -> Result<Round> {
    let case = Case::new(size, flops)?;
    let own = levels.iter().map(|level| {
        let backend = Cpu::with_level(*level).unwrap_or_default();
        let peak = || Yardstick { precision: Precision::F32 }.run(backend).map(|(_, peak)| peak);
        let (before, seconds) = (peak()?, case.measure(backend)?);
        Ok(Own { seconds, peak: f64::midpoint(before, peak()?) })
    });
    let own = own.collect::<Result<Vec<Own>>>()?;
    let Size { inputs, outputs } = size;
    let mut of_pytorch = Vec::new();
    if let Some(pytorch) = pytorch {
        for program in PYTORCH {
            let request = format!("{program} {inputs} {outputs} {BATCH} {}", case.steps);
            of_pytorch.push(pytorch.measure(&request)?);
        }
    }
    Ok(Round { own, pytorch: of_pytorch })
}

fn words(round: &Round, levels: &[SimdLevel]) -> String {
    let own = levels.iter().map(|level| level.name()).zip(&round.own);
    let own = own.map(|(name, own)| format!("{name} {:.3} ms", 1e3 * own.seconds));
    let others = PYTORCH.iter().zip(&round.pytorch);
    let others = others.map(|(name, seconds)| format!("PyTorch {name} {:.3} ms", 1e3 * seconds));
    own.chain(others).collect::<Vec<_>>().join(", ")
}

fn row(size: Size, flops: f64, levels: &[SimdLevel], rounds: &[Round]) -> Row {
    let best = |round: &Round| round.pytorch.iter().copied().reduce(f64::min);
    let program = |(index, level): (usize, &SimdLevel)| {
        let own = |of: &dyn Fn(&Own) -> f64| {
            Summary::of(rounds.iter().map(|round| of(&round.own[index])))
        };
        let ratios = rounds.iter().map(|round| Some(best(round)? / round.own[index].seconds));
        Program {
            simd: level.name(),
            milliseconds: own(&|own| 1e3 * own.seconds),
            peak_gflops: own(&|own| own.peak / 1e9),
            peak_share: own(&|own| size.flops() / own.seconds / own.peak),
            ratio: ratios.collect::<Option<Vec<f64>>>().map(Summary::of),
        }
    };
    let pytorch: Option<Vec<f64>> = rounds.iter().map(best).collect();
    Row {
        size,
        steps: size.steps(flops),
        programs: levels.iter().enumerate().map(program).collect(),
        pytorch_milliseconds: pytorch.map(|seconds| Summary::of(seconds).scaled(1e3)),
    }
}

fn print(rows: &[Row]) {
    println!(
        "{:<10}  {:<7}  {:<20}  {:<20}  {:>8}  {:>8}",
        "layer", "simd", "share of the peak", "PyTorch / Isobath", "ms", "peak"
    );
    for row in rows {
        for program in &row.programs {
            let share = format!("{:.2}", program.peak_share);
            let ratio = program.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
            println!(
                "{:<10}  {:<7}  {share:<20}  {ratio:<20}  {:>8.3}  {:>8.0}",
                row.size.to_string(),
                program.simd,
                program.milliseconds.median,
                program.peak_gflops.median
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_a_width_or_two() {
        let read = |text: &str| text.parse::<Size>();
        assert_eq!(read("784"), Ok(Size { inputs: 784, outputs: 784 }));
        assert_eq!(read("784x256").map(|size| size.to_string()).as_deref(), Ok("784x256"));
        for wrong in ["0", "784x", "x", "20000", "3x4x5"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ratios_compare_within_a_round_and_with_the_faster_program() {
        let size = Size { inputs: 64, outputs: 64 };
        let round = |own: f64| Round {
            own: vec![Own { seconds: own, peak: size.flops() / own * 2.0 }],
            pytorch: vec![4.0 * own, 3.0 * own],
        };
        // The machine is half as fast in the second round.
        let row = row(size, 1e9, &[SimdLevel::Scalar], &[round(1.0), round(2.0)]);
        assert_eq!(row.programs[0].ratio, Some(Summary { median: 3.0, low: 3.0, high: 3.0 }));
        assert!((row.programs[0].peak_share.median - 0.5).abs() < 1e-12);
    }

    #[test]
    fn unequal_layers_are_measured() {
        let case = Case::new(Size { inputs: 40, outputs: 24 }, 1.0).unwrap();
        assert_eq!(case.steps, LEAST_STEPS);
        assert!(case.measure(Cpu::new()).unwrap() > 0.0);
    }
}
