//! How fast the cascade is on this machine, and how fast it could be.

use std::time::Instant;

use anyhow::Result;
use cascade::{CascadeParams, GradientCascade, InitialDecoders, Job, Reconstructor, Silent};
use clap::{Args, Subcommand};
use datasets::{DatasetName, LoadRequest};
use ndarray::{Array2, s};
use network::{DenseLayer, Layer, Network, NetworkSpec, Variances};
use serde_json::json;
use tensor::{Activation, Backend, Cpu, Precision, SimdLevel};

use super::exit;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One epoch of all decoders of one network, against the machine's peak
    Cascade(Cascade),
}

#[derive(Debug, Args)]
struct Cascade {
    /// Layers
    #[arg(long, default_value_t = 20)]
    depth: usize,
    /// Width of all layers
    #[arg(long, default_value_t = 784)]
    width: usize,
    /// Training samples
    #[arg(long, default_value_t = 60_000)]
    images: usize,
    /// Samples per minibatch
    #[arg(long, default_value_t = 64)]
    batch: usize,
    /// Precision of the products decoders are trained by: f32 or bf16
    #[arg(long, default_value = "f32", value_parser = parse_precision)]
    precision: Precision,
    /// SIMD instructions to use instead of the best this processor has: amx, avx512, avx2, neon or scalar
    #[arg(long, value_parser = parse_level)]
    simd: Option<SimdLevel>,
    /// Times it is measured
    #[arg(long, default_value_t = 5)]
    repeat: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn parse_precision(text: &str) -> Result<Precision, String> {
    match text {
        "f32" => Ok(Precision::F32),
        "bf16" => Ok(Precision::Bf16),
        _ => Err("use f32 or bf16".to_owned()),
    }
}

fn parse_level(text: &str) -> Result<SimdLevel, String> {
    let level = SimdLevel::ALL.into_iter().find(|level| level.name() == text);
    let level = level.ok_or("use amx, avx512, avx2, neon or scalar")?;
    if level.is_available() { Ok(level) } else { Err(format!("this processor has no {level}")) }
}

pub(super) fn main(arguments: &Arguments) -> Result<u8> {
    let Command::Cascade(arguments) = &arguments.command;
    let Cascade { depth, width, images, batch, precision, simd, repeat, json } = *arguments;
    let cpu = simd.and_then(Cpu::with_level).unwrap_or_default();
    let layer =
        Layer::Dense(DenseLayer { inputs: width, outputs: width, activation: Activation::Tanh });
    let network =
        Network::random(NetworkSpec::new(vec![layer; depth])?, Variances::new(1.76, 0.05)?, 1);
    let samples = samples(images, width)?;
    let cascade = GradientCascade::new(
        cpu,
        CascadeParams { batch, precision, ..CascadeParams::default() }.check()?,
    );
    let job = Job {
        network: &network,
        layers: depth,
        train: samples.view(),
        probe: samples.slice(s![..1, ..]),
        initial: InitialDecoders::Drawn { seed: 1 },
    };
    job.check()?;
    // As the literature counts: forward pass, decoder, its weights' gradient.
    let flops = 6.0 * images as f64 * (width * width * depth) as f64;
    let mut runs = Vec::new();
    for _ in 0..repeat.max(1) {
        let before = cpu.peak_flops(0.2);
        let start = Instant::now();
        cascade.reconstruct(&job, &Silent)?;
        let seconds = start.elapsed().as_secs_f64();
        // The machine's speed drifts, so each time is held against the peak around it.
        let peak = f64::midpoint(before, cpu.peak_flops(0.2));
        eprintln!("{seconds:.3} s, {:.1} of {:.1} GFLOP/s", flops / seconds / 1e9, peak / 1e9);
        runs.push([seconds, peak, flops / seconds / peak]);
    }
    let [seconds, peak, ratio] =
        [0, 1, 2].map(|column| median(runs.iter().map(|run| run[column]).collect()));
    let threads = rayon::current_num_threads();
    if json {
        println!(
            "{}",
            json!({
                "depth": depth, "width": width, "images": images, "batch": batch, "threads": threads,
                "backend": cpu.description(), "repeat": runs.len(), "seconds": seconds,
                "gflops": flops / seconds / 1e9, "peak_gflops": peak / 1e9, "ratio": ratio,
            })
        );
    } else {
        println!(
            "{} with {threads} threads: depth {depth}, width {width}, {images} images, batch {batch}",
            cpu.description()
        );
        println!("{seconds:.3} s per epoch, median of {}", runs.len());
        println!(
            "{:.1} GFLOP/s, {:.1}% of the {:.1} GFLOP/s peak",
            flops / seconds / 1e9,
            100.0 * ratio,
            peak / 1e9
        );
    }
    Ok(exit::DONE)
}

/// Digits where the width is theirs, noise otherwise: the values do not matter for speed, as long as they are not zero.
fn samples(images: usize, width: usize) -> Result<Array2<f32>> {
    if width == 784 {
        let request = LoadRequest {
            train: Some(images),
            test: Some(0),
            ..LoadRequest::new(DatasetName::Digits, "")
        };
        return Ok(datasets::load(&request)?.train.images);
    }
    let noise =
        tensor::RandomStream::Uniform { seed: 1, stream: 0, bound: 0.5 }.take(images * width);
    Ok(Array2::from_shape_vec((images, width), noise)? + 0.5)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], values[middle])
    } else {
        values[middle]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-15);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-15);
    }
}
