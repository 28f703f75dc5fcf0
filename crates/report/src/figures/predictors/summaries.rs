//! Predictors by AUC, with their costs.

use crate::Result;
use plotters::style::{Color, RGBAColor, text_anchor::HPos};

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
use isobath_analysis::comparison::{Comparison, Evidence, PredictorSummary};

use crate::{
    comparison::estimate,
    numbers::short,
    vocabulary::{count, symbol},
};

/// One row per predictor.
pub(super) struct AucChart<'a> {
    pub(super) comparison: &'a Comparison,
}

/// Kinds of evidence, in the order of the legend.
const KINDS: [Evidence; 5] = [
    Evidence::Cascade,
    Evidence::Theory,
    Evidence::Training,
    Evidence::Initialisation,
    Evidence::Description,
];

/// Place in the legend, for colour and shape.
fn series(kind: Evidence) -> usize {
    KINDS.iter().position(|other| *other == kind).unwrap_or(KINDS.len())
}

fn shape(kind: Evidence) -> Shape {
    Shape::of(series(kind))
}

fn color(kind: Evidence) -> RGBAColor {
    match kind {
        Evidence::Description => INK.mix(0.6),
        other => palette::series(series(other)),
    }
}

impl AucChart<'_> {
    const fn row(layout: Layout) -> i32 {
        match layout {
            Layout::Wide => px(20),
            // The name has its own line.
            Layout::Narrow => px(36),
        }
    }

    /// Predictors with an AUC, the best first.
    fn shown(&self) -> Vec<&PredictorSummary> {
        self.comparison.summaries.iter().filter(|summary| summary.auc.is_some()).collect()
    }
}

impl Figure for AucChart<'_> {
    fn stem(&self) -> String {
        super::super::recipe_stem("compare-auc", &self.comparison.recipe)
    }

    fn title(&self) -> String {
        format!("AUC of trainability predictors, {}", self.comparison.recipe)
    }

    fn caption(&self) -> String {
        format!(
            "Area under the ROC curve over {}; bars are 95% bootstrap intervals over {}. A score with AUC 1/2 is \
             uninformative; below 1/2 it is misleading. On the right: cost in seconds relative to a training.",
            count(self.comparison.networks, "network"),
            count(self.comparison.cells, "configuration")
        )
    }

    fn size(&self, layout: Layout) -> (i32, i32) {
        let rows = self.shown().len() as i32 * Self::row(layout);
        match layout {
            Layout::Wide => (px(860), rows + px(120)),
            Layout::Narrow => (px(360), rows + px(190)),
        }
    }

    fn place(&self) -> PageSection {
        PageSection::Chart
    }

    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover> {
        let (width, height) = self.size(layout);
        let shown = self.shown();
        let entries = KINDS.into_iter().filter(|kind| shown.iter().any(|s| s.evidence == *kind));
        let entry = |kind: Evidence| Entry {
            sample: Sample::Point(shape(kind), color(kind)),
            label: kind.label().into(),
        };
        let mut entries: Vec<Entry> = entries.map(entry).collect();
        let label = "open: networks of equal depth".into();
        entries.push(Entry { sample: Sample::Open, label });
        let top = legend::draw(canvas, &self.title(), &entries, width, layout)?;
        let size = layout.text() * 12 / 13;
        let (left, costs) = match layout {
            Layout::Wide => {
                let names = shown.iter().map(|s| text::width(&symbol(&s.predictor), size));
                // Outside the area that the frame reserves for its labels.
                (names.max().unwrap_or(0) - px(44), px(76))
            }
            Layout::Narrow => (px(-44), px(62)),
        };
        let axis = |label: &str, low: f64, high: f64, ticks: Vec<f64>| Axis {
            label: label.to_owned(),
            low,
            high,
            ticks,
            write: short,
            scale: Scale::Linear,
        };
        let outer = Rect { left, top: top + px(16), right: width - costs, bottom: height - px(2) };
        let rows = shown.len() as f64;
        let frame = Frame::draw(
            canvas,
            outer,
            layout,
            axis("AUC", 0.0, 1.0, vec![0.0, 0.25, 0.5, 0.75, 1.0]),
            axis("", 0.0, rows, Vec::new()),
            frame::Grid::Shown,
        )?;
        let heading = (width - px(6), frame.rect.top - px(9));
        text::write(canvas, "vs. training", heading, size, HPos::Right)?;
        let mut drawn = Vec::new();
        for (index, summary) in shown.iter().enumerate() {
            let y = frame.y(rows - index as f64 - 0.5);
            drawn.extend(draw_row(canvas, &frame, summary, y, layout)?);
            let cost = summary.cost_ratio.map_or("-".into(), |ratio| share(ratio.value));
            text::write(canvas, &cost, (width - px(6), y), size, HPos::Right)?;
        }
        Ok(Hover { cells: None, marks: drawn })
    }
}

fn draw_row(
    canvas: &Canvas<'_>,
    frame: &Frame,
    summary: &PredictorSummary,
    y: i32,
    layout: Layout,
) -> Result<Option<Mark>> {
    let Some(auc) = summary.auc else { return Ok(None) };
    let kind = summary.evidence;
    let name = symbol(&summary.predictor);
    let size = layout.text() * 12 / 13;
    let y = match layout {
        Layout::Wide => {
            text::write(canvas, &name, (frame.rect.left - px(8), y), size, HPos::Right)?;
            y
        }
        Layout::Narrow => {
            text::write(canvas, &name, (frame.rect.left + px(2), y - px(8)), size, HPos::Left)?;
            y + px(8)
        }
    };
    let x = frame.x(auc.value);
    if let Some(interval) = auc.interval {
        let ends = [(frame.x(interval.low), y), (frame.x(interval.high), y)];
        canvas.line(&ends, color(kind), px(2))?;
    }
    if let Some(at_depth) = summary.auc_at_depth {
        marks::point(canvas, shape(kind), (frame.x(at_depth.value), y), color(kind), true)?;
    }
    marks::point(canvas, shape(kind), (x, y), color(kind), false)?;
    let text = format!(
        "{name}: AUC {}, at equal depth {}",
        estimate(summary.auc, 3),
        estimate(summary.auc_at_depth, 3)
    );
    Ok(Some(Mark { x, y, text }))
}

/// Formats a share in percent with two digits.
pub(crate) fn share(share: f64) -> String {
    match 100.0 * share {
        percent if percent <= 0.0 => "0".to_owned(),
        percent if percent < 0.01 => "< 0.01%".to_owned(),
        percent if percent < 9.95 => {
            format!("{}%", crate::numbers::significant(percent, 2))
        }
        percent => format!("{percent:.0}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_two_digits() {
        let shares = [0.0, 0.000_001, 0.000_25, 0.042, 0.333, 1.5].map(share);
        assert_eq!(shares, ["0", "< 0.01%", "0.025%", "4.2%", "33%", "150%"]);
    }
}
