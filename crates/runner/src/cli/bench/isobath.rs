//! This program's own bench, in a process of its own.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::{Size, means::Means};

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

/// One epoch in a new process, on as many threads as this one has.
///
/// # Errors
/// When the process cannot be started or fails.
pub(super) fn epoch(depth: usize, size: Size, means: Means) -> Result<Report> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let Size { width, images, batch } = size;
    let numbers = [
        ("--threads", rayon::current_num_threads()),
        ("--depth", depth),
        ("--width", width),
        ("--images", images),
        ("--batch", batch),
        ("--repeat", 1),
    ];
    let mut command = Command::new(program);
    command.args(["bench", "cascade", "--json"]).args(means.arguments());
    for (name, number) in numbers {
        command.args([name, &number.to_string()]);
    }
    let output =
        command.stdin(Stdio::null()).output().context("cannot start this program once more")?;
    if !output.status.success() {
        bail!(
            "`bench cascade` at depth {depth} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    serde_json::from_slice(&output.stdout).context("`bench cascade` printed something unexpected")
}
