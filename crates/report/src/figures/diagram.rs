//! Common parts of diagrams over weight variance and depth.

use crate::Result;
use plotters::style::Color;

use super::{
    Layout,
    axis::{Axis, Scale},
    canvas::{Canvas, Rect, px},
    color_bar,
    frame::{self, Frame},
    legend::{self, Entry, Sample},
    marks::{self, Dash},
    palette::INK,
};
use isobath_analysis::points::Reach;
use isobath_store::{OverlayRecord, RunRecord};

use crate::{
    depth_words::profile_depth,
    numbers::{depth, short, ticks, whole_ticks},
    vocabulary::symbol,
};

/// Size of a diagram, width and height in canvas units.
pub(super) const fn size(layout: Layout) -> (i32, i32) {
    match layout {
        Layout::Wide => (px(860), px(560)),
        Layout::Narrow => (px(360), px(540)),
    }
}

/// Edges of columns around ascending `middles`: half way between neighbours, and as far beyond the outer ones, but
/// never below 0.
pub(super) fn edges(middles: &[f64]) -> Vec<f64> {
    let (Some(&first), Some(&last)) = (middles.first(), middles.last()) else { return Vec::new() };
    let between: Vec<_> = middles.windows(2).map(|pair| f64::midpoint(pair[0], pair[1])).collect();
    let alone = 0.1 * first.abs().max(0.1);
    let below = between.first().map_or(first - alone, |edge| 2.0 * first - edge);
    let above = between.last().map_or(last + alone, |edge| 2.0 * last - edge);
    let below = if first > 0.0 { below.max(0.0) } else { below };
    std::iter::once(below).chain(between).chain([above]).collect()
}

/// Axis of the weight variance between the outermost `edges`.
pub(super) fn variances(edges: &[f64], layout: Layout) -> Axis {
    let (low, high) =
        edges.first().zip(edges.last()).map_or((0.0, 1.0), |(low, high)| (*low, *high));
    let wanted = if layout == Layout::Wide { 10 } else { 5 };
    let ticks = ticks(low, high, wanted);
    Axis {
        label: "weight variance σ_w²".into(),
        low,
        high,
        ticks,
        write: short,
        scale: Scale::Linear,
    }
}

/// Axis of depth between the outermost `rows`.
pub(super) fn depths(label: &str, rows: &[f64]) -> Axis {
    let (low, high) = rows.first().copied().zip(rows.last().copied()).unwrap_or((0.0, 1.0));
    Axis {
        label: label.into(),
        low,
        high,
        ticks: whole_ticks(low, high, 8),
        write: depth,
        scale: Scale::Linear,
    }
}

/// Draws the title (with the `network` if there is space), the legend and the frame, and leaves space for a colour bar
/// on the right.
///
/// # Errors
/// If drawing on the canvas fails.
pub(super) fn frame(
    canvas: &Canvas<'_>,
    [title, network]: [&str; 2],
    legend: &[Entry],
    [across, up]: [Axis; 2],
    layout: Layout,
) -> Result<Frame> {
    let (width, height) = size(layout);
    let (title, bar) = match layout {
        Layout::Wide => (format!("{title}, {network}"), px(92)),
        Layout::Narrow => (title.to_owned(), px(64)),
    };
    let top = legend::draw(canvas, &title, legend, width, layout)?;
    let outer = Rect { left: px(4), top, right: width - bar, bottom: height - px(2) };
    Frame::draw(canvas, outer, layout, across, up, frame::Grid::Hidden)
}

/// Area of the colour bar.
pub(super) const fn bar_room(frame: &Frame, layout: Layout) -> Rect {
    Rect { left: frame.rect.right, right: size(layout).0, ..frame.rect }
}

/// Outlines the frame and draws the colour bar of a share from 0 to `most`.
///
/// # Errors
/// If drawing on the canvas fails.
pub(super) fn share_bar(
    canvas: &Canvas<'_>,
    frame: &Frame,
    label: &str,
    most: f64,
    layout: Layout,
) -> Result<()> {
    canvas.outline(frame.rect, INK.to_rgba(), px(1))?;
    let steps = ticks(0.0, most, 5).into_iter().map(|tick| (tick / most, short(tick)));
    color_bar::draw(canvas, bar_room(frame, layout), steps, label, layout)
}

/// Cell between two edges across and two upwards. It extends slightly under the next row and column, so that no seam
/// shows.
pub(super) fn cell(frame: &Frame, across: &[f64], up: &[f64]) -> Rect {
    Rect {
        left: frame.x(across[0]),
        right: (frame.x(across[1]) + px(1)).min(frame.rect.right),
        top: (frame.y(up[1]) - px(1)).max(frame.rect.top),
        bottom: frame.y(up[0]),
    }
}

/// Legend entries of the theory curves that cross the area of `variances` and `depths`.
pub(super) fn theory_entries(
    overlays: &[OverlayRecord],
    [left, right]: [f64; 2],
    [low, high]: [f64; 2],
) -> Vec<Entry> {
    let is_inside = |&(sigma_w2, depth): &(f64, Option<f64>)| {
        (left..=right).contains(&sigma_w2)
            && depth.is_some_and(|depth| (low..=high).contains(&depth))
    };
    let shown =
        overlays.iter().enumerate().filter(|(_, overlay)| overlay.points.iter().any(is_inside));
    let entry = |(index, overlay): (usize, &OverlayRecord)| Entry {
        sample: Sample::Theory(Dash::of(index)),
        label: overlay_words(overlay),
    };
    shown.map(entry).collect()
}

/// `theory, 6 ξ_c`; `theory, 6 ξ_c from stage 4` where depth scales count from a later stage
fn overlay_words(record: &OverlayRecord) -> String {
    let from = match record.first_stage {
        0 | 1 => String::new(),
        stage => format!(" from stage {stage}"),
    };
    format!("theory, {}{from}", symbol(&record.overlay.to_string()))
}

/// Legend entries of the marks that [`draw_reach`] draws for `reaches`, with the label of a measured depth, on an axis that
/// starts at `low`.
pub(super) fn reach_entries(
    run: &RunRecord,
    reaches: &[Reach],
    label: &str,
    low: f64,
) -> Vec<Entry> {
    let is_below =
        |reach: &Reach| matches!(reach, Reach::Measured { depth, .. } if depth.mean < low);
    let is_drawn = |reach: &Reach| matches!(reach, Reach::Measured { .. }) && !is_below(reach);
    let is_beyond = |reach: &Reach| matches!(reach, Reach::Beyond { .. });
    let entries = [
        (reaches.iter().any(is_drawn), Sample::Depth, label.to_owned()),
        (reaches.iter().any(Reach::is_lower_bound), Sample::LowerBound, "lower bound".to_owned()),
        (
            reaches.iter().any(is_beyond),
            Sample::Beyond,
            format!("beyond {}", profile_depth(run, run.layers as f64)),
        ),
        (reaches.iter().any(is_below), Sample::Below, format!("below {}", depth(low.ceil()))),
    ];
    let entry = |(_, sample, label)| Entry { sample, label };
    entries.into_iter().filter(|(is_there, ..)| *is_there).map(entry).collect()
}

/// Draws theory curves and the critical variance.
///
/// # Errors
/// If drawing on the canvas fails.
pub(super) fn draw_theory(
    canvas: &Canvas<'_>,
    frame: &Frame,
    overlays: &[OverlayRecord],
    critical: Option<f64>,
) -> Result<()> {
    for (index, overlay) in overlays.iter().enumerate() {
        for part in frame.clipped(overlay.points.iter().copied()) {
            marks::halo_line(canvas, &part, Dash::of(index))?;
        }
    }
    critical.map_or(Ok(()), |line| {
        legend::critical(canvas, frame.x(line), frame.rect.top, frame.rect.bottom)
    })
}

/// Draws the depth that a cascade reaches, at `x`. Returns the position of the mark; `None` if the depth is unknown.
///
/// # Errors
/// If drawing on the canvas fails.
pub(super) fn draw_reach(
    canvas: &Canvas<'_>,
    frame: &Frame,
    x: i32,
    reach: &Reach,
) -> Result<Option<i32>> {
    let Rect { top, bottom, .. } = frame.rect;
    let inside = |depth: f64| frame.y(depth).clamp(top, bottom);
    match reach {
        Reach::Measured { depth, .. } if frame.y(depth.mean) > bottom => {
            legend::below(canvas, (x, bottom - px(18)))?;
            Ok(Some(bottom - px(11)))
        }
        Reach::Measured { depth, .. } if frame.y(depth.mean) < top => {
            legend::beyond(canvas, (x, top + px(18)))?;
            Ok(Some(top + px(11)))
        }
        Reach::Measured { depth, .. } => {
            let bar = depth.is_wide().then(|| (inside(depth.low), inside(depth.high)));
            let y = inside(depth.mean);
            if reach.is_lower_bound() {
                legend::beyond(canvas, (x, y))?;
            }
            legend::depth(canvas, (x, y), bar)?;
            Ok(Some(y))
        }
        Reach::Beyond { .. } => {
            legend::beyond(canvas, (x, frame.rect.top + px(18)))?;
            Ok(Some(frame.rect.top + px(11)))
        }
        Reach::Unknown { .. } => Ok(None),
    }
}
