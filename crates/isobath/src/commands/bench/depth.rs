//! Time and peak memory over depth. Each depth runs in its own process, to measure its own peak.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::{
    Size, at_least_one,
    isobath::{self, Report},
    line::Line,
    means::Means,
    memory,
    summary::Summary,
};
use isobath_report as report;
use isobath_report::Growth;

use crate::commands::exit;

/// Bytes per megabyte.
const MEGABYTE: f64 = 1e6;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Depths to measure
    #[arg(long, value_delimiter = ',', default_values_t = [5, 10, 20, 50, 100, 200], value_parser = at_least_one)]
    depths: Vec<usize>,
    #[command(flatten)]
    size: Size,
    #[command(flatten)]
    means: Means,
    /// Measurements per depth
    #[arg(long, default_value_t = 3, value_parser = at_least_one)]
    repeat: usize,
    /// Output folder of the chart
    #[arg(long, default_value = "bench", value_name = "DIR")]
    to: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Measurements at one depth.
#[derive(Debug, Serialize)]
struct Row {
    depth: usize,
    seconds: Summary,
    /// Peak memory in megabytes; `None` if the system does not report it.
    peak_memory: Option<Summary>,
}

pub(super) fn main(arguments: &Arguments) -> Result<u8> {
    let Arguments { size, means, repeat, json, .. } = *arguments;
    let mut depths = arguments.depths.clone();
    depths.sort_unstable();
    depths.dedup();
    if let Some(&deepest) = depths.last() {
        let options = "--width, --images or --depths";
        memory::check(memory::cascade(deepest, size, means), 1, options)?;
    }
    let reports = reports(&depths, size, means, repeat)?;
    let rows: Vec<Row> = depths.iter().zip(&reports).map(row).collect();
    let time = Line::fit(rows.iter().map(|row| (row.depth as f64, row.seconds.median)));
    let memory: Option<Vec<_>> =
        rows.iter().map(|row| Some((row.depth as f64, row.peak_memory?.median))).collect();
    let memory = memory.map(Line::fit);
    let charts = draw(arguments, &rows, time, memory)?;
    if json {
        let Size { width, images, batch } = size;
        println!(
            "{}",
            json!({
                "width": width, "images": images, "batch": batch,
                "threads": rayon::current_num_threads(), "backend": reports[0][0].backend,
                "repeat": repeat, "depths": rows, "seconds_line": time,
                "peak_memory_line": memory, "charts": charts,
            })
        );
        return Ok(exit::DONE);
    }
    print(&rows, size, repeat, &reports[0][0].backend);
    println!("seconds = {time}");
    if let Some(memory) = memory {
        println!("peak memory in MB = {memory}");
    }
    for chart in charts {
        println!("chart: {}", chart.display());
    }
    Ok(exit::DONE)
}

/// Measures all depths in alternation, `repeat` times. Returns the reports of each depth.
fn reports(depths: &[usize], size: Size, means: Means, repeat: usize) -> Result<Vec<Vec<Report>>> {
    let mut reports = vec![Vec::new(); depths.len()];
    for round in 1..=repeat {
        for (&depth, reports) in depths.iter().zip(&mut reports) {
            let report = isobath::epoch(depth, size, (means, 1))?;
            eprintln!("round {round} of {repeat}: depth {depth}, {:.3} s", report.seconds);
            reports.push(report);
        }
    }
    Ok(reports)
}

fn row((&depth, reports): (&usize, &Vec<Report>)) -> Row {
    let memory: Option<Vec<f64>> = reports
        .iter()
        .map(|report| report.peak_memory_bytes.map(|bytes| bytes as f64 / MEGABYTE))
        .collect();
    Row {
        depth,
        seconds: Summary::of(reports.iter().map(|report| report.seconds)),
        peak_memory: memory.map(Summary::of),
    }
}

fn print(rows: &[Row], Size { width, images, batch }: Size, repeat: usize, backend: &str) {
    let threads = rayon::current_num_threads();
    println!(
        "{backend} with {threads} threads: width {width}, {images} images, batch {batch}; median and range of {repeat}"
    );
    println!("{:>5}  {:<32}  {:<24}", "depth", "seconds", "peak memory, MB");
    for row in rows {
        let seconds = format!("{:.3}", row.seconds);
        let memory = row.peak_memory.map_or_else(|| "unknown".to_owned(), |mb| format!("{mb:.0}"));
        println!("{:>5}  {seconds:<32}  {memory}", row.depth);
    }
}

/// Draws the chart as SVG and PNG.
fn draw(
    arguments: &Arguments,
    rows: &[Row],
    time: Line,
    memory: Option<Line>,
) -> Result<Vec<PathBuf>> {
    let growth = |label: &str, line: Line, value: fn(&Row) -> Option<Summary>| Growth {
        label: label.to_owned(),
        points: rows
            .iter()
            .filter_map(|row| {
                let Summary { median, low, high } = value(row)?;
                Some((row.depth as f64, [median, low, high]))
            })
            .collect(),
        line: [line.intercept, line.slope],
    };
    let mut quantities = vec![growth("seconds per epoch", time, |row| Some(row.seconds))];
    quantities.extend(memory.map(|line| growth("peak memory (MB)", line, |row| row.peak_memory)));
    let Size { width, images, .. } = arguments.size;
    let title = format!("Cascade over depth, width {width}, {images} samples");
    report::write_growth(&arguments.to, "cascade-over-depth", &title, &quantities)
        .context("cannot draw the chart")
}
