//! This program's own bench, in a process of its own.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use isobath_tensor::BackendSpec;
use serde::{Deserialize, de::DeserializeOwned};

use super::{Size, means::Means, train::Shape};

/// What `bench cascade --json` says.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Report {
    pub(super) seconds: f64,
    pub(super) backend: String,
    /// Bytes; none where the system does not say.
    pub(super) peak_memory_bytes: Option<u64>,
    /// Mean squared errors on the last minibatch of the first and the last layer's decoder.
    pub(super) last_losses: [f64; 2],
}

/// What `bench train --json` says.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct TrainReport {
    pub(super) seconds: f64,
    pub(super) last_loss: f64,
}

/// One epoch of decoders in a new process, on as many threads as this one has, of each of `at_once` networks.
///
/// # Errors
/// When the process cannot be started or fails.
pub(super) fn epoch(depth: usize, size: Size, (means, at_once): (Means, usize)) -> Result<Report> {
    let mut arguments = vec!["cascade".to_owned()];
    arguments.extend(means.arguments());
    arguments.extend(["--width".to_owned(), size.width.to_string()]);
    arguments.extend(["--at-once".to_owned(), at_once.to_string()]);
    bench(arguments, depth, size)
}

/// Training of one network, or of several at once, in a new process on as many threads as this one has. `steps` are
/// timed, an epoch if not given.
///
/// # Errors
/// When the process cannot be started or fails.
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
        command.stdin(Stdio::null()).output().context("cannot start this program once more")?;
    if !output.status.success() {
        bail!(
            "{name} at depth {depth} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("{name} printed no result"))
}
