//! Titles and legends above a figure, outside the data.

use crate::Result;
use plotters::style::{Color, RGBAColor, text_anchor::HPos};

use super::{
    canvas::{Canvas, Layout, Rect, px},
    marks::{self, Dash, Shape},
    palette::{HALO, INK, OVER},
    text,
};

/// Legend entry: a sample of a mark and its meaning.
pub(super) struct Entry {
    pub(super) sample: Sample,
    pub(super) label: String,
}

/// Mark shown in the legend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sample {
    /// Theory curve.
    Theory(Dash),
    /// Line between the phases.
    Critical,
    /// Depth with its bar, as on phase diagrams.
    Depth,
    /// Depth beyond the network.
    Beyond,
    /// Depth below the axis.
    Below,
    /// Depth that is a lower bound.
    LowerBound,
    /// Cell without a result.
    NoResult,
    /// Point of a series.
    Point(Shape, RGBAColor),
    /// Points of two series next to each other.
    SideBySide([(Shape, RGBAColor); 2]),
    /// Open point.
    Open,
    /// Arrow in its own colour.
    Arrow(RGBAColor),
    /// Tick across a line.
    Tick,
    /// Thin line in ink.
    Line,
    /// Band around a line.
    Band,
    /// Line with its own colour, dashes and width.
    Colored(RGBAColor, Dash, i32),
}

const SAMPLE: i32 = px(26);
const GAP: i32 = px(6);

/// Writes `title` and the legend at the top of the canvas. Returns the top of the remaining area.
///
/// # Errors
/// If drawing on the canvas fails.
pub(super) fn draw(
    canvas: &Canvas<'_>,
    title: &str,
    entries: &[Entry],
    width: i32,
    layout: Layout,
) -> Result<i32> {
    let (margin, size) = (px(10), layout.text());
    let line = size * 3 / 2;
    let mut y = px(14);
    for words in text::wrapped(title, size * 21 / 20, (width - 2 * margin) * 9 / 10) {
        text::write_bold(canvas, &words, (margin, y), size * 21 / 20)?;
        y += line;
    }
    y += px(2);
    let mut x = margin;
    for entry in entries {
        let lines = text::wrapped(&entry.label, size, width - 2 * margin - SAMPLE - GAP);
        let wide =
            lines.iter().map(|words| text::width(words, size)).max().unwrap_or(0) + SAMPLE + GAP;
        if x > margin && x + wide > width - margin {
            (x, y) = (margin, y + line);
        }
        sample(canvas, entry.sample, (x, y))?;
        for (index, words) in lines.iter().enumerate() {
            let at = (x + SAMPLE + GAP, y + index as i32 * line);
            text::write(canvas, words, at, size, HPos::Left)?;
        }
        y += line * (lines.len() as i32 - 1).max(0);
        x += wide + px(16);
    }
    Ok(if entries.is_empty() { y + px(4) } else { y + line })
}

fn sample(canvas: &Canvas<'_>, sample: Sample, (x, y): (i32, i32)) -> Result<()> {
    let across = [(x, y), (x + SAMPLE, y)];
    let middle = x + SAMPLE / 2;
    let half = px(6);
    let block =
        Rect { left: x + px(4), right: x + SAMPLE - px(4), top: y - half, bottom: y + half };
    let ink = INK.to_rgba();
    match sample {
        Sample::Theory(dash) => marks::halo_line(canvas, &across, dash),
        Sample::Critical => critical(canvas, middle, y - half, y + half),
        Sample::Depth => depth(canvas, (middle, y), Some((y + px(8), y - px(8)))),
        Sample::Beyond => beyond(canvas, (middle, y + px(7))),
        Sample::Below => below(canvas, (middle, y - px(7))),
        Sample::LowerBound => {
            beyond(canvas, (middle, y + px(4)))?;
            depth(canvas, (middle, y + px(4)), None)
        }
        Sample::NoResult => marks::hatched(canvas, block),
        Sample::Point(shape, color) => marks::point(canvas, shape, (middle, y), color, false),
        Sample::SideBySide([left, right]) => {
            marks::point(canvas, left.0, (middle - marks::RADIUS, y), left.1, false)?;
            marks::point(canvas, right.0, (middle + marks::RADIUS, y), right.1, false)
        }
        Sample::Open => marks::point(canvas, Shape::Circle, (middle, y), ink, true),
        Sample::Arrow(color) => {
            marks::arrow(canvas, (middle, y + px(6)), px(12), HALO.to_rgba(), px(4))?;
            marks::arrow(canvas, (middle, y + px(6)), px(12), color, px(2))
        }
        Sample::Tick => {
            canvas.line(&across, INK.mix(0.4), px(2))?;
            canvas.line(&[(middle, y - half), (middle, y + half)], ink, px(2))
        }
        Sample::Colored(color, Dash::Solid, wide) => canvas.line(&across, color, wide),
        Sample::Colored(color, Dash::Dashed(on, off), wide) => {
            marks::dashed(canvas, &across, color, wide, (on, off))
        }
        Sample::Line => canvas.line(&across, INK.mix(0.6), px(1)),
        Sample::Band => {
            canvas.block(block, INK.mix(0.18))?;
            canvas.line(&across, ink, px(3) / 2)
        }
    }
}

/// Draws the line between the phases from `top` to `bottom`.
///
/// # Errors
/// If drawing on the canvas fails.
pub(super) fn critical(canvas: &Canvas<'_>, x: i32, top: i32, bottom: i32) -> Result<()> {
    canvas.line(&[(x, top), (x, bottom)], HALO.mix(0.75), px(3))?;
    marks::dashed(canvas, &[(x, bottom), (x, top)], OVER.to_rgba(), px(1), (px(2), px(2)))
}

/// Draws a depth on a phase diagram: a pale disc with a dark rim, its bar from `low` to `high`.
///
/// # Errors
/// If drawing on the canvas fails.
pub(super) fn depth(canvas: &Canvas<'_>, at: (i32, i32), bar: Option<(i32, i32)>) -> Result<()> {
    if let Some((low, high)) = bar {
        marks::bar(canvas, at.0, low, high, HALO.to_rgba(), px(4))?;
        marks::bar(canvas, at.0, low, high, OVER.to_rgba(), px(3) / 2)?;
    }
    marks::point(canvas, Shape::Circle, at, HALO.to_rgba(), false)?;
    marks::point(canvas, Shape::Circle, at, OVER.to_rgba(), true)
}

/// Draws the arrow for a depth beyond the network, with its foot at `at`.
///
/// # Errors
/// If drawing on the canvas fails.
pub(super) fn beyond(canvas: &Canvas<'_>, at: (i32, i32)) -> Result<()> {
    marks::arrow(canvas, at, px(14), HALO.to_rgba(), px(9) / 2)?;
    marks::arrow(canvas, at, px(14), OVER.to_rgba(), px(2))
}

/// Draws the arrow for a depth below the axis, with its foot at `at`.
///
/// # Errors
/// If drawing on the canvas fails.
pub(super) fn below(canvas: &Canvas<'_>, at: (i32, i32)) -> Result<()> {
    marks::arrow(canvas, at, -px(14), HALO.to_rgba(), px(9) / 2)?;
    marks::arrow(canvas, at, -px(14), OVER.to_rgba(), px(2))
}
