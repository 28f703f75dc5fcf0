//! Lines and points on one or more pairs of axes.

use crate::Result;
use plotters::style::{Color, RGBAColor, text_anchor::HPos};

use super::super::{
    Figure, Hover, Layout, PageSection,
    axis::{Axis, Scale},
    canvas::{Canvas, Rect, px},
    frame::{self, Frame},
    legend::{self, Entry, Sample},
    marks::{self, Dash, Shape},
    palette::{HALO, INK, series},
    text,
};
use crate::{
    numbers::{log_ticks, short, ticks},
    theory_figures::{AxisSpec, Line, LineColor, LineStyle, Panel, Panels},
};

/// Size of one panel, axes included.
const PANEL: (i32, i32) = (px(330), px(330));
/// Size of a single panel.
const SINGLE_PANEL: (i32, i32) = (px(680), px(440));
const GAP: i32 = px(14);

impl Figure for Panels {
    fn stem(&self) -> String {
        self.stem.clone()
    }

    fn title(&self) -> String {
        self.title.clone()
    }

    fn caption(&self) -> String {
        self.title.clone()
    }

    fn size(&self, _: Layout) -> (i32, i32) {
        let count = self.list.len().max(1) as i32;
        let (width, height) = self.panel_size();
        let width = count * width + (count - 1) * GAP + px(16);
        // Maximum number of legend lines.
        (width, height + self.head(width))
    }

    fn place(&self) -> PageSection {
        PageSection::FilesOnly
    }

    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover> {
        let (width, height) = self.size(layout);
        let mut entries: Vec<Entry> = self.legend.iter().map(entry).collect();
        entries.extend(self.marks.iter().map(|(index, label)| Entry {
            sample: Sample::Point(Shape::of(*index), series(*index)),
            label: label.clone(),
        }));
        if self.list.iter().any(|panel| panel.critical.is_some()) {
            entries.push(Entry { sample: Sample::Critical, label: self.critical.clone() });
        }
        let top = legend::draw(canvas, &self.title, &entries, width, layout)?;
        let (wide, _) = self.panel_size();
        for (index, panel) in self.list.iter().enumerate() {
            let left = px(4) + index as i32 * (wide + GAP);
            let outer = Rect { left, top, right: left + wide, bottom: height - px(2) };
            draw_panel(canvas, panel, outer, layout)?;
        }
        Ok(Hover::default())
    }
}

impl Panels {
    fn panel_size(&self) -> (i32, i32) {
        if self.list.len() > 1 { PANEL } else { SINGLE_PANEL }
    }

    /// Height of title and legend.
    fn head(&self, width: i32) -> i32 {
        let labels = self.legend.iter().map(|(_, label)| label);
        let labels = labels.chain(self.marks.iter().map(|(_, label)| label));
        let long = labels.map(|label| text::width(label, px(13)) + px(48)).sum::<i32>() + px(120);
        px(40) + px(20) * (1 + long / (width - px(20)))
    }
}

fn entry((style, label): &(LineStyle, String)) -> Entry {
    let sample = Sample::Colored(color(*style), Dash::of(style.dash), thickness(*style));
    Entry { sample, label: label.clone() }
}

fn draw_panel(canvas: &Canvas<'_>, panel: &Panel, outer: Rect, layout: Layout) -> Result<()> {
    let size = layout.text();
    let titled = if panel.title.is_empty() { px(4) } else { px(22) };
    let inner = Rect { top: outer.top + titled, right: outer.right - px(10), ..outer };
    let (x, y) = (axis(&panel.x, inner.width()), axis(&panel.y, inner.height()));
    let frame = Frame::draw(canvas, inner, layout, x, y, frame::Grid::Shown)?;
    let middle = frame.rect.left + frame.rect.width() / 2;
    text::write(canvas, &panel.title, (middle, outer.top + px(9)), size, HPos::Center)?;
    if let Some(x) = panel.critical.filter(|x| (panel.x.low..=panel.x.high).contains(x)) {
        legend::critical(canvas, frame.x(x), frame.rect.top, frame.rect.bottom)?;
    }
    for line in &panel.lines {
        draw_line(canvas, &frame, line)?;
    }
    for point in &panel.points {
        let (x, y) = point.at;
        if !(panel.x.low..=panel.x.high).contains(&x) || !y.is_finite() {
            continue;
        }
        let inside = |value: f64| frame.y(value).clamp(frame.rect.top, frame.rect.bottom);
        let at = (frame.x(x), inside(y));
        let color = series(point.series);
        marks::bar(canvas, at.0, inside(point.bar.0), inside(point.bar.1), color, px(1))?;
        marks::point(canvas, Shape::of(point.series), at, HALO.to_rgba(), false)?;
        marks::point(canvas, Shape::of(point.series), at, color, true)?;
    }
    canvas.outline(frame.rect, INK.to_rgba(), px(1))
}

fn draw_line(canvas: &Canvas<'_>, frame: &Frame, line: &Line) -> Result<()> {
    let points = line.points.iter().map(|&(x, y)| (x, y.is_finite().then_some(y)));
    for part in frame.clipped(points) {
        match Dash::of(line.style.dash) {
            Dash::Solid => canvas.line(&part, color(line.style), thickness(line.style))?,
            Dash::Dashed(on, off) => {
                marks::dashed(canvas, &part, color(line.style), thickness(line.style), (on, off))?;
            }
        }
    }
    Ok(())
}

fn color(style: LineStyle) -> RGBAColor {
    match style.color {
        LineColor::Ink => INK.mix(0.7),
        LineColor::Series(index) => series(index),
    }
}

const fn thickness(style: LineStyle) -> i32 {
    if style.thin { px(1) } else { px(2) }
}

/// About one tick for every 50 pixels.
fn axis(spec: &AxisSpec, room: i32) -> Axis {
    let AxisSpec { label, low, high, logarithmic } = spec.clone();
    let wanted = (room / px(50)).clamp(2, 10) as usize;
    let (ticks, scale) = if logarithmic {
        (log_ticks(low, high), Scale::Logarithmic)
    } else {
        (ticks(low, high, wanted), Scale::Linear)
    };
    Axis { label, low, high, ticks, write: short, scale }
}
