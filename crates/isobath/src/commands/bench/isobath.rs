//! This program's own benchmarks, each in its own process.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use isobath_tensor::BackendSpec;
use serde::{Deserialize, de::DeserializeOwned};

use super::{Size, means::Means, train::Shape};

/// Output of `bench cascade --json`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Report {
    pub(super) seconds: f64,
    pub(super) backend: String,
    /// Peak memory in bytes; `None` if the system does not report it.
    pub(super) peak_memory_bytes: Option<u64>,
    /// Mean squared errors of the first and the last layer's decoder on the last minibatch.
    pub(super) last_losses: [f64; 2],
}

/// Output of `bench train --json`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct TrainReport {
    pub(super) seconds: f64,
    pub(super) last_loss: f64,
}

/// Runs one epoch of decoders of `at_once` networks in a new process, with as many threads as this one.
///
/// # Errors
/// If the process cannot be started or fails.
pub(super) fn epoch(depth: usize, size: Size, (means, at_once): (Means, usize)) -> Result<Report> {
    let mut arguments = vec!["cascade".to_owned()];
    arguments.extend(means.arguments());
    arguments.extend(["--width".to_owned(), size.width.to_string()]);
    arguments.extend(["--at-once".to_owned(), at_once.to_string()]);
    bench(arguments, depth, size)
}

/// Trains one or several networks in a new process, with as many threads as this one. Times `steps`, or one epoch if
/// `None`.
///
/// # Errors
/// If the process cannot be started or fails.
pub(super) fn training(
    (shape, backend, at_once): (Shape, BackendSpec, usize),
    depth: usize,
    size: Size,
    steps: Option<usize>,
) -> Result<TrainReport> {
    let arguments = ["train", "--shape", shape.name(), "--at-once"].map(str::to_owned);
    let mut arguments = arguments.to_vec();
    arguments.extend([at_once.to_string(), "--backend".to_owned(), backend.to_string()]);
    arguments.extend(steps.map(|steps| format!("--steps={steps}")));
    bench(arguments, depth, size)
}

fn bench<T: DeserializeOwned>(arguments: Vec<String>, depth: usize, size: Size) -> Result<T> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let name = format!("`bench {}`", arguments[0]);
    let numbers = [
        ("--threads", rayon::current_num_threads()),
        ("--depth", depth),
        ("--images", size.images),
        ("--batch", size.batch),
        ("--repeat", 1),
    ];
    let mut command = Command::new(program);
    command.arg("bench").args(arguments).arg("--json");
    for (name, number) in numbers {
        command.args([name, &number.to_string()]);
    }
    let output =
        command.stdin(Stdio::null()).output().context("cannot start this program again")?;
    if !output.status.success() {
        bail!(
            "{name} at depth {depth} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("{name} printed no result"))
}
