//! Reliability diagram: observed success over predicted probability.

use crate::Result;
use isobath_scoring::Bin;
use plotters::style::{Color, text_anchor::HPos};

use super::super::{
    Figure, Hover, Layout, Mark, PageSection,
    axis::{Axis, Scale},
    canvas::{Canvas, Rect, px},
    frame::{self, Frame},
    legend::{self, Entry, Sample},
    marks::{self, Shape},
    palette::{self, INK},
    text,
};
use isobath_analysis::comparison::Comparison;

use crate::{
    numbers::short,
    vocabulary::{count, symbol},
};

/// One panel per leading predictor.
pub(super) struct Reliability<'a> {
    pub(super) comparison: &'a Comparison,
}

impl Figure for Reliability<'_> {
    fn stem(&self) -> String {
        super::super::recipe_stem("compare-reliability", &self.comparison.recipe)
    }

    fn title(&self) -> String {
        format!("Reliability of calibrated probabilities, {}", self.comparison.recipe)
    }

    fn caption(&self) -> String {
        format!(
            "Networks binned by the predicted probability of success, calibrated on {}. On the line, the observed share \
             equals the prediction. Bars are 95% bootstrap intervals over configurations; bins with too few \
             configurations have no bar.",
            self.comparison.calibrated_on
        )
    }

    fn size(&self, layout: Layout) -> (i32, i32) {
        let panels = self.comparison.reliability.len() as i32;
        match layout {
            Layout::Wide => (px(860), px(330)),
            Layout::Narrow => (px(360), px(110) + px(330) * panels),
        }
    }

    fn place(&self) -> PageSection {
        PageSection::Evidence
    }

    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover> {
        let (width, height) = self.size(layout);
        let entry = |sample, label: &str| Entry { sample, label: label.to_owned() };
        let legend = [
            entry(Sample::Point(Shape::Circle, palette::series(0)), "observed share"),
            entry(Sample::Line, "perfect calibration"),
        ];
        let top = legend::draw(canvas, &self.title(), &legend, width, layout)?;
        let room = Rect { left: px(4), top, right: width - px(10), bottom: height - px(2) };
        let panels = &self.comparison.reliability;
        let mut hover = Hover::default();
        for (index, (name, bins)) in panels.iter().enumerate() {
            let outer = room.part(index as i32, panels.len() as i32, layout);
            hover.marks.extend(draw_panel(canvas, outer, name, bins, layout)?);
        }
        Ok(hover)
    }
}

fn draw_panel(
    canvas: &Canvas<'_>,
    outer: Rect,
    name: &str,
    bins: &[Bin],
    layout: Layout,
) -> Result<Vec<Mark>> {
    let (name, size) = (symbol(name), layout.text() * 12 / 13);
    for (line, words) in text::wrapped(&name, size, outer.width() - px(6)).iter().enumerate() {
        let y = outer.top + px(9) + line as i32 * size * 5 / 4;
        text::write(canvas, words, (outer.left + px(8), y), size, HPos::Left)?;
    }
    let axis = |label: &str| Axis {
        label: label.to_owned(),
        low: 0.0,
        high: 1.0,
        ticks: vec![0.0, 0.5, 1.0],
        write: short,
        scale: Scale::Linear,
    };
    let inner = Rect { top: outer.top + px(40), right: outer.right - px(4), ..outer };
    let frame =
        Frame::draw(canvas, inner, layout, axis("probability"), axis("share"), frame::Grid::Shown)?;
    canvas.line(
        &[(frame.x(0.0), frame.y(0.0)), (frame.x(1.0), frame.y(1.0))],
        INK.mix(0.6),
        px(1),
    )?;
    let color = palette::series(0);
    let mut drawn = Vec::new();
    for bin in bins {
        let at = (frame.x(bin.predicted), frame.y(bin.observed));
        if let Some(interval) = bin.interval.filter(|interval| interval.undefined < 0.5) {
            let (low, high) = (frame.y(interval.low), frame.y(interval.high));
            marks::bar(canvas, at.0, low, high, color.mix(0.6), px(1))?;
        }
        marks::point(canvas, Shape::Circle, at, color, false)?;
        let text = format!(
            "{name}: predicted {:.2}, {:.2} of {} succeed",
            bin.predicted,
            bin.observed,
            count(bin.rows, "network")
        );
        drawn.push(Mark { x: at.0, y: at.1, text });
    }
    Ok(drawn)
}
