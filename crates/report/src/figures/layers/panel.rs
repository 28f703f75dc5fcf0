//! One quantity over the layers.

use plotters::style::{Color, RGBAColor, RGBColor, text_anchor::HPos};

use super::super::{
    Layout, Mark,
    canvas::{Canvas, Rect, px},
    marks::{self, Shape},
    palette::{self, INK},
    text,
};
use crate::{
    Result,
    numbers::{short, significant, ticks, whole_ticks},
    verdict::Reason,
};

/// Space for titles above a panel and for tick labels below it.
pub(super) const TITLE: i32 = px(36);
pub(super) const AROUND: i32 = TITLE + px(30);
/// Space between panels.
pub(super) const GAP: i32 = px(14);
/// Most layers whose values are marked by points as well as by a line.
const MOST_POINTS: usize = 40;

/// Colour of marked layers.
pub(super) fn marked() -> RGBAColor {
    RGBColor(213, 94, 0).mix(0.3)
}

/// The common vertical axis: layers downwards.
pub(super) struct Rows {
    pub(super) depth: usize,
    /// Marked layers with their labels, in ascending order.
    marks: Vec<(usize, String)>,
}

impl Rows {
    pub(super) fn new(depth: usize, reasons: &[Reason]) -> Self {
        let mut marks: Vec<(usize, String)> = Vec::new();
        let named =
            reasons.iter().zip(1..).filter_map(|(reason, rank)| Some((reason.layer?, rank)));
        let mut named: Vec<(usize, usize)> = named.filter(|(layer, _)| *layer <= depth).collect();
        named.sort_unstable();
        for (layer, rank) in named {
            match marks.last_mut() {
                Some((last, label)) if *last == layer => {
                    *label = format!("{}, {rank}", label.replace("no. ", "nos. "));
                }
                _ => marks.push((layer, format!("no. {rank}"))),
            }
        }
        Self { depth, marks }
    }

    pub(super) const fn has_marks(&self) -> bool {
        !self.marks.is_empty()
    }

    /// Marked layers with their labels, in ascending order.
    pub(super) fn marks(&self) -> &[(usize, String)] {
        &self.marks
    }

    /// Layers whose number is written.
    pub(super) fn ticks(&self) -> Vec<usize> {
        if self.depth <= 20 {
            return (1..=self.depth).collect();
        }
        let mut shown: Vec<usize> =
            whole_ticks(1.0, self.depth as f64, 10).into_iter().map(|tick| tick as usize).collect();
        if shown.first() != Some(&1) {
            shown.insert(0, 1);
        }
        shown
    }

    /// Upper edge of the row of a layer, counted from 1.
    pub(super) fn edge(&self, rect: Rect, layer: usize) -> i32 {
        let share = (layer as f64 - 1.0) / self.depth.max(1) as f64;
        rect.top + (share * f64::from(rect.height())).round() as i32
    }

    /// Middle of the row.
    pub(super) fn y(&self, rect: Rect, layer: usize) -> i32 {
        i32::midpoint(self.edge(rect, layer), self.edge(rect, layer + 1))
    }
}

/// Scale of the values of a panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Logarithms to base ten.
    Powers,
    /// From 0 to 1.
    Share,
    /// Upwards from 0.
    Count,
}

/// A quantity with at least one value.
pub(super) struct Panel {
    title: &'static str,
    kind: Kind,
    /// By layer.
    values: Vec<Option<f64>>,
    low: f64,
    high: f64,
}

impl Panel {
    /// Logarithms to base ten.
    pub(super) fn powers(title: &'static str, values: impl Iterator<Item = f64>) -> Option<Self> {
        Self::new(title, Kind::Powers, values)
    }

    /// Shares, from 0 to 1; larger ones are drawn at the edge.
    pub(super) fn share(title: &'static str, values: &[f64]) -> Option<Self> {
        Self::new(title, Kind::Share, values.iter().copied())
    }

    pub(super) fn count(title: &'static str, values: &[f64]) -> Option<Self> {
        Self::new(title, Kind::Count, values.iter().copied())
    }

    fn new(title: &'static str, kind: Kind, values: impl Iterator<Item = f64>) -> Option<Self> {
        let values: Vec<_> = values.map(|value| value.is_finite().then_some(value)).collect();
        let finite = || values.iter().flatten().copied();
        let (least, most) = (finite().reduce(f64::min)?, finite().reduce(f64::max)?);
        let (low, high) = match kind {
            // Whole powers of ten, so that small changes look small.
            Kind::Powers => {
                let (low, high) = ((least - 0.1).floor(), (most + 0.1).ceil());
                if high - low < 2.0 { (low - 1.0, high) } else { (low, high) }
            }
            Kind::Share => (0.0, 1.0),
            Kind::Count => (0.0, (1.1 * most).max(2.0)),
        };
        Some(Self { title, kind, values, low, high })
    }

    #[cfg(test)]
    pub(super) const fn title(&self) -> &str {
        self.title
    }

    fn ticks(&self, layout: Layout) -> Vec<f64> {
        let middle = f64::midpoint(self.low, self.high).round();
        match self.kind {
            Kind::Powers if layout == Layout::Narrow => vec![self.low, self.high],
            Kind::Powers => vec![self.low, middle, self.high],
            Kind::Share => vec![0.0, 0.5, 1.0],
            Kind::Count => ticks(self.low, self.high, 3),
        }
    }

    fn tick(&self, value: f64) -> String {
        match self.kind {
            Kind::Powers if (-2.0..=3.0).contains(&value) => short(10f64.powf(value)),
            Kind::Powers => format!("1e{}", short(value)),
            Kind::Share | Kind::Count => short(value),
        }
    }

    fn x(&self, rect: Rect, value: f64) -> i32 {
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        rect.left + (share * f64::from(rect.width())).round() as i32
    }

    /// Draws the panel into `rect`, with its title above and its tick labels below.
    ///
    /// # Errors
    /// If drawing on the canvas fails.
    pub(super) fn draw(
        &self,
        canvas: &Canvas<'_>,
        rect: Rect,
        rows: &Rows,
        layout: Layout,
    ) -> Result<Vec<Mark>> {
        let size = layout.text() * 12 / 13;
        let lines = text::wrapped(self.title, size, rect.width() + GAP);
        for (line, words) in lines.iter().rev().enumerate() {
            let y = rect.top - px(9) - line as i32 * size * 5 / 4;
            text::write(canvas, words, (rect.left, y), size, HPos::Left)?;
        }
        for tick in self.ticks(layout) {
            let x = self.x(rect, tick);
            canvas.line(&[(x, rect.top), (x, rect.bottom)], INK.mix(0.12), px(1))?;
            let anchor = match x {
                x if x < rect.left + px(8) => HPos::Left,
                x if x > rect.right - px(8) => HPos::Right,
                _ => HPos::Center,
            };
            text::write(canvas, &self.tick(tick), (x, rect.bottom + px(11)), size, anchor)?;
        }
        canvas.outline(rect, INK.mix(0.5), px(1))?;
        let color = palette::series(0);
        let points: Vec<(usize, f64)> =
            (1..).zip(&self.values).filter_map(|(layer, value)| Some((layer, (*value)?))).collect();
        let at = |&(layer, value): &(usize, f64)| (self.x(rect, value), rows.y(rect, layer));
        let line: Vec<(i32, i32)> = points.iter().map(at).collect();
        canvas.line(&line, color, px(2))?;
        if rows.depth <= MOST_POINTS || line.len() < 2 {
            for &place in &line {
                marks::point(canvas, Shape::Circle, place, color, false)?;
            }
        }
        let mark = |point: &(usize, f64)| {
            let (x, y) = at(point);
            let text = format!("layer {}: {} {}", point.0, self.title, self.words(point.1));
            Mark { x, y, text }
        };
        Ok(points.iter().map(mark).collect())
    }

    /// A value in words.
    fn words(&self, value: f64) -> String {
        match self.kind {
            Kind::Powers if value.abs() < 300.0 => significant(10f64.powf(value), 3),
            Kind::Powers => format!("1e{}", short(value.round())),
            Kind::Share | Kind::Count => significant(value, 3),
        }
    }
}
