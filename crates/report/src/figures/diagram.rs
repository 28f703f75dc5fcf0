//! What diagrams over weight variance and depth have in common.

use crate::Result;
use plotters::style::Color;

use super::{
    Layout,
    axis::{Axis, Scale},
    canvas::{Canvas, Rect, px},
    color_bar,
    frame::{self, Frame},
    legend::{self, Entry},
    marks::{self, Dash},
    palette::INK,
};
use isobath_analysis::points::Reach;
use isobath_store::OverlayRecord;

use crate::numbers::{depth, short, ticks, whole_ticks};

/// The size of a diagram, width and height in canvas units.
pub(super) const fn size(layout: Layout) -> (i32, i32) {
    match layout {
        Layout::Wide => (px(860), px(560)),
        Layout::Narrow => (px(360), px(540)),
    }
}

/// Edges of columns around ascending `middles`: half way between neighbours, and as far beyond the outer ones, but never
/// below 0.
pub(super) fn edges(middles: &[f64]) -> Vec<f64> {
    let (Some(&first), Some(&last)) = (middles.first(), middles.last()) else { return Vec::new() };
    let between: Vec<_> = middles.windows(2).map(|pair| f64::midpoint(pair[0], pair[1])).collect();
    let alone = 0.1 * first.abs().max(0.1);
    let below = between.first().map_or(first - alone, |edge| 2.0 * first - edge);
    let above = between.last().map_or(last + alone, |edge| 2.0 * last - edge);
    let below = if first > 0.0 { below.max(0.0) } else { below };
    std::iter::once(below).chain(between).chain([above]).collect()
}

/// The axis of the weight variance between the outermost of `edges`.
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

/// The axis of depth between the outermost of `rows`.
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

/// Draws the title, which says of a `network` where there is room, the legend and the frame; to the right of that is
/// room for a bar of colours.
///
/// # Errors
/// When the canvas cannot be drawn on.
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

/// The room for a bar of colours.
pub(super) const fn bar_room(frame: &Frame, layout: Layout) -> Rect {
    Rect { left: frame.rect.right, right: size(layout).0, ..frame.rect }
}

/// Outlines the frame and draws the bar of colours of a share, 0 to 1.
///
/// # Errors
/// When the canvas cannot be drawn on.
pub(super) fn share_bar(
    canvas: &Canvas<'_>,
    frame: &Frame,
    label: &str,
    layout: Layout,
) -> Result<()> {
    canvas.outline(frame.rect, INK.to_rgba(), px(1))?;
    let steps = ticks(0.0, 1.0, 5).into_iter().map(|tick| (tick, short(tick)));
    color_bar::draw(canvas, bar_room(frame, layout), steps, label, layout)
}

/// A cell between two edges across and two upwards. It reaches a little under the next row and the next column, so that
/// no seam shows between them.
pub(super) fn cell(frame: &Frame, across: &[f64], up: &[f64]) -> Rect {
    Rect {
        left: frame.x(across[0]),
        right: (frame.x(across[1]) + px(1)).min(frame.rect.right),
        top: (frame.y(up[1]) - px(1)).max(frame.rect.top),
        bottom: frame.y(up[0]),
    }
}

/// Draws curves of theory and the critical variance.
///
/// # Errors
/// When the canvas cannot be drawn on.
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

/// Draws how deep a cascade sees, at `x`, and gives the place of the mark; `None` where nothing is known.
///
/// # Errors
/// When the canvas cannot be drawn on.
pub(super) fn draw_reach(
    canvas: &Canvas<'_>,
    frame: &Frame,
    x: i32,
    reach: &Reach,
) -> Result<Option<i32>> {
    let inside = |depth: f64| frame.y(depth).clamp(frame.rect.top, frame.rect.bottom);
    match reach {
        Reach::Measured { depth, .. } => {
            let bar = depth.is_wide().then(|| (inside(depth.low), inside(depth.high)));
            legend::depth(canvas, (x, inside(depth.mean)), bar)?;
            Ok(Some(inside(depth.mean)))
        }
        Reach::Beyond { .. } => {
            legend::beyond(canvas, (x, frame.rect.top + px(18)))?;
            Ok(Some(frame.rect.top + px(11)))
        }
        Reach::Unknown { .. } => Ok(None),
    }
}
