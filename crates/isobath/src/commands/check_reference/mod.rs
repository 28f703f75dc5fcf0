//! Repetition of a stored computation of an independent implementation.

mod cascade;
mod computation;
mod dense;
mod entropies;
mod files;
mod line;
mod stages;
mod training;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use isobath_tensor::{BackendSpec, BackendTask, FullBackend};
use serde::Deserialize;

use super::exit;
use computation::Computation;
use files::Files;
pub(super) use line::Line;
use line::Tolerances;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Pair of files without extensions: PATH.json describes the computation, PATH.safetensors contains its numbers
    stem: PathBuf,
    /// Backend to use
    #[arg(long, default_value = "cpu")]
    backend: BackendSpec,
}

pub(super) fn main(arguments: &Arguments) -> Result<u8> {
    let lines = repeat(&arguments.stem, arguments.backend)?;
    println!("{:<28} {:>12} {:>12} {:>12}", "quantity", "absolute", "relative", "tolerance");
    for line in &lines {
        println!("{line}");
    }
    let failed = lines.iter().filter(|line| !line.passed()).count();
    if failed > 0 {
        println!("{failed} of {} quantities differ on {}", lines.len(), arguments.backend);
        return Ok(exit::FAILED);
    }
    println!("all {} quantities agree on {}", lines.len(), arguments.backend);
    Ok(exit::DONE)
}

/// Repeats the computation of `stem` on `backend` and compares every quantity.
///
/// # Errors
/// If a file cannot be read or does not describe a computation, or the backend is missing or fails.
pub(super) fn repeat(stem: &Path, backend: BackendSpec) -> Result<Vec<Line>> {
    let computation = read(stem).with_context(|| stem.display().to_string())?;
    backend.dispatch(Repeat { computation, tolerances: Tolerances::of(backend) })?
}

/// Reads a stored computation in any format.
fn read(stem: &Path) -> Result<Computation> {
    /// Name of the format; the first one, of dense networks, has none.
    #[derive(Deserialize)]
    struct Format {
        format: Option<String>,
    }
    let files = Files::read(stem)?;
    let Format { format } = files.describe()?;
    match format.as_deref() {
        None => dense::read(files),
        Some(stages::FORMAT) => stages::read(files),
        Some(other) => {
            bail!("the format `{other}` is unknown; this version reads `{}`", stages::FORMAT)
        }
    }
}

/// Task that repeats the computation.
struct Repeat {
    computation: Computation,
    tolerances: Tolerances,
}

impl BackendTask for Repeat {
    type Output = Result<Vec<Line>>;

    fn run<B: FullBackend>(self, backend: B) -> Result<Vec<Line>> {
        let Self { computation, tolerances } = self;
        let cascade = cascade::run(&computation, backend.clone())?;
        let mut lines = cascade::compare(&computation, &backend, &cascade, &tolerances)?;
        let reconstructions = &cascade.reconstructions;
        lines.extend(entropies::compare(&computation, &backend, reconstructions, &tolerances)?);
        lines.extend(training::compare(&computation, &backend, &tolerances)?);
        Ok(lines)
    }
}
