//! Share of the peak over widths, one line for each instruction set.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use isobath_report::theory_figures::{
    AxisSpec, Line, LineStyle, Panel, Panels, PointWithBar, write_panels,
};

use super::Row;
use crate::commands::bench::summary::Summary;

/// Draws square layers; the table has the others.
pub(super) fn draw(folder: &Path, rows: &[Row]) -> Result<Vec<PathBuf>> {
    let mut square: Vec<&Row> = rows.iter().filter(|row| row.size.is_square()).collect();
    square.sort_by_key(|row| row.size.inputs);
    let (Some(first), Some(last)) = (square.first(), square.last()) else { return Ok(Vec::new()) };
    let x = || AxisSpec {
        label: "width".to_owned(),
        low: first.size.inputs as f64 / 1.2,
        high: last.size.inputs as f64 * 1.2,
        logarithmic: true,
    };
    let names: Vec<&'static str> = first.programs.iter().map(|program| program.simd).collect();
    let panel = |label: &str, value: &dyn Fn(&Row, usize) -> Option<Summary>, high: f64| {
        let series = |index: usize| {
            let at = move |row: &&Row| Some((row.size.inputs as f64, value(row, index)?));
            square.iter().filter_map(at).collect::<Vec<(f64, Summary)>>()
        };
        let line = |index: usize| Line {
            style: LineStyle::series(index),
            points: series(index).iter().map(|(x, summary)| (*x, summary.median)).collect(),
        };
        let points = |index: usize| {
            series(index).into_iter().map(move |(x, summary)| PointWithBar {
                series: index,
                at: (x, summary.median),
                bar: (summary.low, summary.high),
            })
        };
        Panel {
            title: String::new(),
            x: x(),
            y: AxisSpec { label: label.to_owned(), low: 0.0, high, logarithmic: false },
            lines: (0..names.len()).map(line).collect(),
            points: (0..names.len()).flat_map(points).collect(),
            critical: None,
        }
    };
    let ratio = |row: &Row, index: usize| row.programs[index].ratio;
    let share = |row: &Row, index: usize| Some(row.programs[index].peak_share);
    let mut list = vec![panel("share of the f32 peak", &share, 1.0)];
    let all = square.iter().flat_map(|row| row.programs.iter().filter_map(|one| one.ratio));
    let greatest = all.map(|ratio| ratio.high).fold(0.0, f64::max);
    if greatest > 0.0 {
        list.push(panel("PyTorch's time / Isobath's", &ratio, (1.1 * greatest).ceil()));
    }
    let panels = Panels {
        stem: "widths".to_owned(),
        title: "Decoders over the width of square layers".to_owned(),
        list,
        legend: Vec::new(),
        marks: names.iter().enumerate().map(|(i, name)| (i, (*name).to_owned())).collect(),
        critical: String::new(),
    };
    write_panels(&panels, folder).context("cannot draw the figure")
}
