//! Pair of axes: the plotters mesh around a rectangle, and the mapping from values to positions.

use crate::Result;
use plotters::{prelude::*, style::text_anchor::HPos};

use super::{
    axis::Axis,
    canvas::{Canvas, Layout, Rect, px},
    palette::INK,
    text,
};

/// A drawn pair of axes.
pub(super) struct Frame {
    /// Rectangle between the axes.
    pub(super) rect: Rect,
    x: Axis,
    y: Axis,
}

/// Grid lines across the rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grid {
    Shown,
    Hidden,
}

/// Space for labels around the rectangle.
const LEFT: i32 = px(58);
const BELOW: i32 = px(46);
const TICK: i32 = px(4);

impl Frame {
    /// Draws axes and labels within `outer`.
    ///
    /// # Errors
    /// If drawing on the canvas fails.
    pub(super) fn draw(
        canvas: &Canvas<'_>,
        outer: Rect,
        layout: Layout,
        x: Axis,
        y: Axis,
        grid: Grid,
    ) -> Result<Self> {
        let rect = Rect { left: outer.left + LEFT, bottom: outer.bottom - BELOW, ..outer };
        let labels = text::style(layout.text());
        let area = canvas
            .area
            .clone()
            .shrink((rect.left - LEFT, rect.top), (outer.width(), outer.height()));
        let mut chart = ChartBuilder::on(&area)
            .set_label_area_size(LabelAreaPosition::Left, LEFT)
            .set_label_area_size(LabelAreaPosition::Bottom, BELOW)
            .build_cartesian_2d(x.clone(), y.clone())?;
        let mut mesh = chart.configure_mesh();
        if grid == Grid::Hidden {
            mesh.disable_mesh();
        }
        mesh.axis_style(INK.stroke_width(px(1).unsigned_abs()))
            .bold_line_style(INK.mix(0.12).stroke_width(px(1).unsigned_abs()))
            .light_line_style(TRANSPARENT)
            .set_all_tick_mark_size(TICK)
            .x_labels(x.ticks.len())
            .y_labels(y.ticks.len())
            .label_style(labels)
            .draw()?;
        text::write(
            canvas,
            &x.label,
            (rect.left + rect.width() / 2, outer.bottom - px(9)),
            layout.text(),
            HPos::Center,
        )?;
        text::write_upwards(
            canvas,
            &y.label,
            (outer.left + px(9), rect.top + rect.height() / 2),
            layout.text(),
        )?;
        let (across, up) = chart.plotting_area().get_pixel_range();
        let rect = Rect { left: across.start, right: across.end, top: up.start, bottom: up.end };
        Ok(Self { rect, x, y })
    }

    /// Horizontal position of `value`; outside the rectangle if it is off the axis.
    pub(super) fn x(&self, value: f64) -> i32 {
        self.rect.left + (self.x.share(value) * f64::from(self.rect.width())).round() as i32
    }

    /// Vertical position of `value`; outside the rectangle if it is off the axis.
    pub(super) fn y(&self, value: f64) -> i32 {
        self.rect.bottom - (self.y.share(value) * f64::from(self.rect.height())).round() as i32
    }

    /// Parts of the line through `points` inside the axes, in canvas units. Gaps break it.
    pub(super) fn clipped(
        &self,
        points: impl IntoIterator<Item = (f64, Option<f64>)>,
    ) -> Vec<Vec<(i32, i32)>> {
        let mut parts: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
        let mut last = None;
        for (x, y) in points {
            let point = y.filter(|y| y.is_finite()).map(|y| self.place(x, y));
            if let (Some(from), Some(to)) = (last, point) {
                self.add_segment(&mut parts, from, to);
            } else {
                parts.push(Vec::new());
            }
            last = point;
        }
        let whole = |part: Vec<(f64, f64)>| {
            part.into_iter().map(|(x, y)| (x.round() as i32, y.round() as i32)).collect()
        };
        parts.into_iter().filter(|part| part.len() > 1).map(whole).collect()
    }

    /// Unrounded, and limited to the range of canvas coordinates.
    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        let limit = |share: f64| share.clamp(-1e4, 1e4);
        (
            f64::from(self.rect.left) + limit(self.x.share(x)) * f64::from(self.rect.width()),
            f64::from(self.rect.bottom) - limit(self.y.share(y)) * f64::from(self.rect.height()),
        )
    }

    fn add_segment(&self, parts: &mut Vec<Vec<(f64, f64)>>, from: (f64, f64), to: (f64, f64)) {
        let Some((start, end)) = inside(self.rect, from, to) else { return };
        match parts.last_mut() {
            Some(part) if part.last() == Some(&start) => part.push(end),
            _ => parts.push(vec![start, end]),
        }
    }
}

/// Part of the segment `from..to` inside `rect` (Liang–Barsky clipping).
fn inside(rect: Rect, from: (f64, f64), to: (f64, f64)) -> Option<((f64, f64), (f64, f64))> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
    let edges = [
        (-dx, from.0 - f64::from(rect.left)),
        (dx, f64::from(rect.right) - from.0),
        (-dy, from.1 - f64::from(rect.top)),
        (dy, f64::from(rect.bottom) - from.1),
    ];
    for (outwards, room) in edges {
        if outwards < 0.0 {
            enter = enter.max(room / outwards);
        } else if outwards > 0.0 {
            leave = leave.min(room / outwards);
        } else if room < 0.0 {
            return None;
        }
    }
    // The segment's own ends are not rounded; otherwise a line would break at every point.
    let at = |share: f64| match share {
        0.0 => from,
        1.0 => to,
        _ => (from.0 + share * dx, from.1 + share * dy),
    };
    (enter < leave).then(|| (at(enter), at(leave)))
}

#[cfg(test)]
mod tests {
    use super::super::axis::Scale;
    use super::*;

    fn frame(scale: Scale) -> Frame {
        let axis = |low, high, scale| Axis {
            label: String::new(),
            low,
            high,
            ticks: Vec::new(),
            write: |value| value.to_string(),
            scale,
        };
        let low = if scale == Scale::Linear { 0.0 } else { 0.1 };
        Frame {
            rect: Rect { left: 0, top: 0, right: 100, bottom: 100 },
            x: axis(0.0, 10.0, Scale::Linear),
            y: axis(low, 10.0, scale),
        }
    }

    #[test]
    fn values_map_to_positions() {
        let frame = frame(Scale::Logarithmic);
        assert_eq!((frame.x(5.0), frame.y(1.0)), (50, 50));
        assert_eq!((frame.y(0.1), frame.y(10.0)), (100, 0));
    }

    #[test]
    fn lines_are_clipped_and_broken_at_gaps() {
        let linear = frame(Scale::Linear);
        let inside = linear.clipped([(0.0, Some(0.0)), (5.0, Some(5.0)), (10.0, Some(10.0))]);
        assert_eq!(inside, [vec![(0, 100), (50, 50), (100, 0)]]);
        let over = linear.clipped([(0.0, Some(0.0)), (10.0, Some(20.0))]);
        assert_eq!(over, [vec![(0, 100), (50, 0)]]);
        let gap = linear.clipped([
            (0.0, Some(1.0)),
            (1.0, Some(1.0)),
            (2.0, None),
            (3.0, Some(1.0)),
            (4.0, Some(1.0)),
        ]);
        assert_eq!(gap.len(), 2);
        assert_eq!(linear.clipped([(0.0, Some(20.0)), (10.0, Some(30.0))]).len(), 0);
    }
}
