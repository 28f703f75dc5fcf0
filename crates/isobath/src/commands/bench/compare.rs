//! Benchmarks of this program and other programs in alternation: A B C A B C …

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use isobath_tensor::{BackendSpec, Precision, SimdLevel};
use serde::Serialize;
use serde_json::json;

use super::{
    Size, at_least_one,
    cascade::{self, Yardstick},
    cnn,
    external::{self, Measured, PROGRAMS, Program, Python, Setting, Workload},
    isobath,
    means::Means,
    memory,
    summary::Summary,
    train::Shape,
};
use crate::commands::{Usage, exit};

/// Layers and images of `--quick`.
const QUICK: (usize, usize) = (4, 6400);

/// Number of networks that keep a device busy: a decoder of the published width uses about a third of a large one.
const NETWORKS_ON_A_DEVICE: usize = 8;

/// Number of networks trained together on a device.
const TRAININGS_ON_A_DEVICE: usize = 64;

/// Minimum share of the highest peak on a machine without other load.
const STEADY: f64 = 0.85;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Python 3 with torch and numpy
    #[arg(long, default_value = "python3", value_name = "PATH")]
    python: PathBuf,
    /// Folder of the programs [default: `baselines` in the folder given by `ISOBATH_SHARED`, or else in `shared`
    /// beside the workspace]
    #[arg(long, value_name = "DIR")]
    baselines: Option<PathBuf>,
    /// Compare the training of whole networks, wide and shrinking, instead of the cascade
    #[arg(long, conflicts_with = "programs")]
    training: bool,
    #[command(flatten)]
    convolutions: cnn::Arguments,
    /// Number of timed steps with --training [default: one epoch]
    #[arg(long, requires = "training", value_parser = at_least_one)]
    steps: Option<usize>,
    /// Compare with this program only; may be given several times: published, layerwise, manual, batched
    #[arg(long = "program", value_name = "NAME", value_parser = external::program)]
    programs: Vec<&'static Program>,
    /// Backend: cpu or cuda:N
    #[arg(long, default_value = "cpu")]
    backend: BackendSpec,
    /// Number of layers
    #[arg(long, default_value_t = 20, value_parser = at_least_one)]
    depth: usize,
    #[command(flatten)]
    size: Size,
    /// Number of rounds; every program runs once per round
    #[arg(long, default_value_t = 5, value_parser = at_least_one)]
    repeat: usize,
    /// Use a small size to try the command; its timings are not reliable
    #[arg(long, conflicts_with_all = ["depth", "images"])]
    quick: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Competitor in the comparison.
#[derive(Clone, Copy)]
enum Competitor {
    Isobath { name: &'static str, about: &'static str, means: Means, at_once: usize },
    Trainer { name: &'static str, about: &'static str, shape: Shape, at_once: usize },
    Other(&'static Program),
}

impl Competitor {
    const fn name(self) -> &'static str {
        match self {
            Self::Isobath { name, .. } | Self::Trainer { name, .. } => name,
            Self::Other(program) => program.name,
        }
    }

    const fn about(self) -> &'static str {
        match self {
            Self::Isobath { about, .. } | Self::Trainer { about, .. } => about,
            Self::Other(program) => program.about,
        }
    }

    /// Checks that this program's own competitors fit into memory; the others allocate about as much.
    fn check_memory(self, depth: usize, size: Size, backend: BackendSpec) -> Result<()> {
        let (memory, at_once) = match self {
            Self::Isobath { means, at_once, .. } => (memory::cascade(depth, size, means), at_once),
            Self::Trainer { shape, at_once, .. } => {
                let [images, batch] = [size.images, size.batch];
                (memory::training((shape, backend), depth, [images, batch])?, at_once)
            }
            Self::Other(_) => return Ok(()),
        };
        memory::check(memory, at_once, "--width, --images, --batch or --depth")
    }

    fn run(self, setting: Setting<'_>) -> Result<Measured> {
        match self {
            Self::Isobath { means, at_once, .. } => {
                let report = isobath::epoch(setting.depth, setting.size, (means, at_once))?;
                Ok(Measured { seconds: report.seconds, losses: report.last_losses.to_vec() })
            }
            Self::Trainer { shape, at_once, .. } => {
                let Setting { depth, size, backend, steps, .. } = setting;
                let report = isobath::training((shape, backend, at_once), depth, size, steps)?;
                Ok(Measured { seconds: report.seconds, losses: vec![report.last_loss] })
            }
            Self::Other(program) => program.run(setting),
        }
    }
}

/// One run of a competitor.
#[derive(Clone)]
struct TimedRun {
    measured: Measured,
    /// Peak of the machine around the run, operations per second.
    peak: f64,
}

/// Results of one competitor.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    about: &'static str,
    seconds: Summary,
    /// Seconds relative to this program in the same round.
    ratio: Summary,
    gflops: Summary,
    /// Share of the peak measured around each run.
    peak_share: Summary,
    last_losses: Vec<f64>,
    runs: Vec<f64>,
}

pub(super) fn main(arguments: &Arguments) -> Result<u8> {
    let Arguments { repeat, json, .. } = *arguments;
    if arguments.convolutions.cnn {
        return cnn::main(&Python::find(&arguments.python)?, &arguments.convolutions, repeat, json);
    }
    let (depth, size) = if arguments.quick {
        (QUICK.0, Size { images: QUICK.1, ..arguments.size })
    } else {
        (arguments.depth, arguments.size)
    };
    let scripts = arguments.baselines.clone().unwrap_or_else(shared_baselines);
    let tables = tables(arguments, depth, size)?;
    for competitor in tables.iter().flat_map(|table| &table.competitors) {
        competitor.check_memory(depth, size, arguments.backend)?;
        if let Competitor::Other(program) = competitor {
            program.check(&scripts, size.width).map_err(|error| Usage(error.to_string()))?;
        }
    }
    let python = Python::find(&arguments.python)?;
    let (description, _) = yardstick(arguments.backend)?;
    let samples = tempfile::tempdir().context("cannot make a temporary folder")?;
    external::write_samples(samples.path(), size)?;
    let setting = Setting {
        python: &python,
        scripts: &scripts,
        samples: samples.path(),
        depth,
        size,
        backend: arguments.backend,
        steps: arguments.steps,
    };
    let mut rows = Vec::new();
    let mut peaks = Vec::new();
    for table in &tables {
        let rounds = rounds(&table.competitors, setting, repeat)?;
        peaks.extend(rounds.iter().flatten().map(|run| run.peak / 1e9));
        rows.push(self::rows(&table.competitors, &rounds, table.flops));
    }
    let peak = Summary::of(peaks);
    if json {
        let Size { width, images, batch } = size;
        let programs: Vec<&Row> = rows.iter().flatten().collect();
        println!(
            "{}",
            json!({
                "depth": depth, "width": width, "images": images, "batch": batch,
                "threads": rayon::current_num_threads(), "backend": description,
                "python": python.versions, "rounds": repeat, "peak_gflops": peak, "programs": programs,
            })
        );
        return Ok(exit::DONE);
    }
    println!(
        "{description} with {} threads: {}",
        rayon::current_num_threads(),
        cascade::describe(depth, size)
    );
    println!("{}; generated digits; {repeat} rounds: median and range", python.versions);
    println!("peak {peak:.1} GFLOP/s");
    rows.iter().for_each(|rows| print_table(rows));
    if arguments.quick {
        println!(
            "quick size: start-up of threads and libraries dominates; timings are not reliable"
        );
    }
    if peak.low < STEADY * peak.high {
        println!(
            "unsteady machine: its peak fell to {:.0}%; close other programs",
            100.0 * peak.low / peak.high
        );
    }
    Ok(exit::DONE)
}

/// Competitors that do the same work; ratios are relative to the first.
struct Table {
    competitors: Vec<Competitor>,
    /// Floating-point operations per epoch.
    flops: f64,
}

fn tables(arguments: &Arguments, depth: usize, size: Size) -> Result<Vec<Table>> {
    if !arguments.training {
        let competitors = competitors(arguments.backend, &arguments.programs);
        return Ok(vec![Table { competitors, flops: size.flops(depth) }]);
    }
    let table = |shape: Shape| {
        let trainer = |name, about, at_once| Competitor::Trainer { name, about, shape, at_once };
        let mut competitors = vec![
            trainer("isobath", "this program, one network at a time", 1),
            match arguments.backend {
                BackendSpec::Cpu => trainer("isobath, 2 at once", "two concurrent networks", 2),
                _ => trainer("isobath, 64 at once", "64 networks together", TRAININGS_ON_A_DEVICE),
            },
        ];
        let is_it = |program: &&Program| program.workload == Workload::Training(shape);
        competitors.extend(PROGRAMS.iter().filter(is_it).map(Competitor::Other));
        let samples = (size.images / size.batch * size.batch) as f64;
        Ok(Table { competitors, flops: shape.flops_per_sample(depth)? * samples })
    };
    Shape::ALL.into_iter().map(table).collect()
}

/// This program and the selected ones; all of its kind if none is selected.
fn competitors(backend: BackendSpec, selected: &[&'static Program]) -> Vec<Competitor> {
    let is_selected = |program: &Program| {
        selected.is_empty() || selected.iter().any(|other| other.name == program.name)
    };
    let others = PROGRAMS
        .iter()
        .filter(|program| program.workload == Workload::Cascade && is_selected(program))
        .map(Competitor::Other);
    own(backend).into_iter().chain(others).collect()
}

/// Variants of this program for the work on `backend`.
fn own(backend: BackendSpec) -> Vec<Competitor> {
    let isobath = |name, about, precision| Competitor::Isobath {
        name,
        about,
        means: Means { precision, backend, ..Means::default() },
        at_once: 1,
    };
    if backend != BackendSpec::Cpu {
        let side_by_side = |name, about, precision| Competitor::Isobath {
            name,
            about,
            means: Means { precision, forward_precision: precision, backend, simd: None },
            at_once: NETWORKS_ON_A_DEVICE,
        };
        return vec![
            isobath("isobath", "this program, one network at a time", Precision::F32),
            side_by_side("isobath, 8 at once", "eight concurrent networks", Precision::F32),
            side_by_side("isobath tf32", "the same, products in tf32", Precision::Tf32),
            side_by_side("isobath bf16", "the same, factors rounded to bf16", Precision::Bf16),
        ];
    }
    let mut own = vec![isobath("isobath", "this program", Precision::F32)];
    if SimdLevel::detect() == SimdLevel::Amx {
        own.push(isobath("isobath bf16", "products in bf16", Precision::Bf16));
    }
    own
}

/// Default folder of the programs.
fn shared_baselines() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    std::env::var_os("ISOBATH_SHARED").map_or(beside, PathBuf::from).join("baselines")
}

/// Task that returns a backend's description and its peak, operations per second; on tensor cores if it has them.
fn yardstick(backend: BackendSpec) -> Result<(String, f64)> {
    let measured = match backend.dispatch(Yardstick { precision: Precision::Tf32 })? {
        Err(isobath_tensor::Error::Precision { .. }) => {
            backend.dispatch(Yardstick { precision: Precision::F32 })?
        }
        measured => measured,
    };
    Ok(measured?)
}

/// Runs all competitors in alternation, `repeat` times.
fn rounds(
    competitors: &[Competitor],
    setting: Setting<'_>,
    repeat: usize,
) -> Result<Vec<Vec<TimedRun>>> {
    let peak = || anyhow::Ok(yardstick(setting.backend)?.1);
    let mut before = peak()?;
    let mut run = |round: usize, competitor: &Competitor| {
        let measured = competitor.run(setting)?;
        let after = peak()?;
        // The machine's speed drifts, so each time is compared with the peak around it.
        let peak = f64::midpoint(std::mem::replace(&mut before, after), after);
        let name = competitor.name();
        eprintln!("round {} of {repeat}: {name}, {:.2} s", round + 1, measured.seconds);
        Ok(TimedRun { measured, peak })
    };
    (0..repeat)
        .map(|round| competitors.iter().map(|competitor| run(round, competitor)).collect())
        .collect()
}

fn rows(competitors: &[Competitor], rounds: &[Vec<TimedRun>], flops: f64) -> Vec<Row> {
    let row = |(index, competitor): (usize, &Competitor)| {
        let runs = || rounds.iter().map(move |runs| &runs[index]);
        let seconds = |run: &TimedRun| run.measured.seconds;
        Row {
            name: competitor.name(),
            about: competitor.about(),
            seconds: Summary::of(runs().map(seconds)),
            ratio: Summary::of(rounds.iter().map(|runs| seconds(&runs[index]) / seconds(&runs[0]))),
            gflops: Summary::of(runs().map(|run| flops / seconds(run) / 1e9)),
            peak_share: Summary::of(runs().map(|run| flops / seconds(run) / run.peak)),
            last_losses: rounds[0][index].measured.losses.clone(),
            runs: runs().map(seconds).collect(),
        }
    };
    competitors.iter().enumerate().map(row).collect()
}

fn print_table(rows: &[Row]) {
    let head = ["", "seconds", "times isobath's", "GFLOP/s", "% of the peak", "last losses"];
    let lines = rows.iter().map(|row| {
        let losses = row.last_losses.iter().map(|loss| format!("{loss:.4}"));
        [
            row.name.to_owned(),
            format!("{:.2}", row.seconds),
            format!("{:.2}", row.ratio),
            format!("{:.1}", row.gflops),
            format!("{:.1}", row.peak_share.scaled(100.0)),
            losses.collect::<Vec<_>>().join(" .. "),
        ]
    });
    let lines: Vec<[String; 6]> = [head.map(str::to_owned)].into_iter().chain(lines).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_use_the_same_round() {
        let run = |seconds| TimedRun {
            measured: Measured { seconds, losses: vec![0.1, 0.2] },
            peak: 8.0,
        };
        // The machine is half as fast in the second round; the ratio does not change.
        let rounds = [vec![run(1.0), run(3.0)], vec![run(2.0), run(6.0)]];
        let competitors = [own(BackendSpec::Cpu)[0], Competitor::Other(&PROGRAMS[2])];
        let rows = rows(&competitors, &rounds, 4.0);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].ratio, Summary { median: 1.0, low: 1.0, high: 1.0 });
        assert_eq!((rows[1].name, rows[1].seconds.median), ("manual", 4.5));
        assert_eq!(rows[1].ratio, Summary { median: 3.0, low: 3.0, high: 3.0 });
        assert_eq!(rows[0].peak_share, Summary { median: 0.375, low: 0.25, high: 0.5 });
    }

    #[test]
    fn all_programs_run_unless_some_are_selected() {
        assert_eq!(
            competitors(BackendSpec::Cpu, &[]).len(),
            own(BackendSpec::Cpu).len() + PROGRAMS.len() - Shape::ALL.len()
        );
    }
}
