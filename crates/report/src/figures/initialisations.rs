//! Initialisations with scales of their own, one row each: depths of cascade, training and theory.

use isobath_analysis::{
    frontier::frontiers,
    points::{Point, slices},
};
use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_store::RunRecord;
use plotters::style::{RGBAColor, text_anchor::HPos};

use super::{
    Figure, Hover, Layout, Mark, PageSection,
    axis::{Axis, Scale},
    canvas::{Canvas, Rect, px},
    frame::{self, Frame},
    legend::{self, Entry, Sample},
    marks::{self, Shape},
    palette,
    reached::Reached,
    text,
};
use crate::{
    Result,
    depth_words::profile_axis,
    numbers::{depth, whole_ticks},
    places::point_words,
    vocabulary::{capitalised, count, depth_bars},
};

/// Rows of all initialisations with scales of their own.
pub(super) struct InitialisationChart<'a> {
    run: &'a RunRecord,
    rule: CutoffRule,
    rows: Vec<Row>,
}

struct Row {
    label: String,
    /// Depths in the order of [`InitialisationChart::series`]; `None` without a result.
    depths: Vec<Option<Reached>>,
}

impl<'a> InitialisationChart<'a> {
    /// The figure of `run`, if it compares at least two initialisations with scales of their own.
    pub(super) fn of(run: &'a RunRecord) -> Option<Self> {
        let (&estimator, &rule) = run.estimators.first().zip(run.rules.first())?;
        let slices = slices(run);
        let points = slices.iter().flat_map(|slice| &slice.points);
        let own: Vec<&Point<'_>> = points.filter(|point| run.scheme(point.id).is_some()).collect();
        if own.len() < 2 {
            return None;
        }
        let rows = own.into_iter().map(|point| row(run, point, estimator, rule)).collect();
        Some(Self { run, rule, rows })
    }

    /// Names of the series: cascade, theory, then one per recipe of the trainings.
    fn series(&self) -> Vec<String> {
        let theory = format!("theory, {}", self.rule.descriptor().theory_symbol);
        let recipes = self.run.recipes.iter().map(|recipe| format!("trains to ({recipe})"));
        [format!("cascade, {}", self.rule.words()), theory].into_iter().chain(recipes).collect()
    }

    fn is_shown(&self, series: usize) -> bool {
        self.rows.iter().any(|row| row.depths[series].is_some())
    }

    fn legend(&self) -> Vec<Entry> {
        let series = self.series().into_iter().enumerate();
        let shown = series.filter(|(index, _)| self.is_shown(*index));
        let mut entries: Vec<Entry> = shown
            .map(|(index, label)| Entry {
                sample: Sample::Point(Shape::of(index), color(index)),
                label,
            })
            .collect();
        let mut depths = self.rows.iter().flat_map(|row| &row.depths).flatten();
        if depths.any(|depth| depth.is_open) {
            entries
                .push(Entry { sample: Sample::Line, label: "line to the right: at least".into() });
        }
        entries
    }

    fn depths(&self, layout: Layout) -> Axis {
        let shown = self.rows.iter().flat_map(|row| &row.depths).flatten();
        let high = shown.map(Reached::top);
        let high = 1.08 * high.fold(self.run.layers as f64, f64::max);
        let ticks = whole_ticks(0.0, high, if layout == Layout::Wide { 10 } else { 5 });
        let label = profile_axis(self.run);
        Axis { label, low: 0.0, high, ticks, write: depth, scale: Scale::Linear }
    }

    /// Height of a row.
    fn row_height(&self, layout: Layout) -> i32 {
        let series = self.series().len() as i32;
        match layout {
            Layout::Wide => px(12) * series + px(10),
            // The name has its own line.
            Layout::Narrow => px(12) * series + px(28),
        }
    }
}

fn color(series: usize) -> RGBAColor {
    palette::series(series)
}

fn row(run: &RunRecord, point: &Point<'_>, estimator: EstimatorSpec, rule: CutoffRule) -> Row {
    let reach = point.reach(estimator, rule, run.layers);
    let cascade = Reached::by_cascade(&reach, rule, run.layers);
    let descriptor = rule.descriptor();
    let theory = point.theory_depth(rule).map(|layers| {
        let last = run.layers as f64;
        Reached {
            depth: layers.min(last),
            range: None,
            is_open: layers > last,
            is_beyond: layers > last,
            words: format!("theory {}: {}", descriptor.theory_symbol, depth(layers)),
        }
    });
    let found = frontiers(&run.trainings);
    let trained = (0..run.recipes.len()).map(|recipe| {
        let here = found.iter().find(|found| found.recipe == recipe && found.point == point.id)?;
        Some(Reached::by_training(run, here))
    });
    let depths = [cascade, theory].into_iter().chain(trained).collect();
    Row { label: point_words(run, point.id), depths }
}

impl Figure for InitialisationChart<'_> {
    fn stem(&self) -> String {
        "initialisations".into()
    }

    fn title(&self) -> String {
        "Depth by initialisation".into()
    }

    fn caption(&self) -> String {
        format!(
            "{} ({}) of {} with scales of their own; bars: {}. Theory beyond the network is drawn at its last layer. \
             No mark: no result.",
            capitalised(self.rule.descriptor().label),
            self.rule.words(),
            count(self.rows.len(), "initialisation"),
            depth_bars(self.run, self.rule)
        )
    }

    fn size(&self, layout: Layout) -> (i32, i32) {
        let rows = self.rows.len() as i32 * self.row_height(layout);
        match layout {
            Layout::Wide => (px(860), rows + px(130)),
            Layout::Narrow => (px(360), rows + px(120) + px(20) * self.legend().len() as i32),
        }
    }

    fn place(&self) -> PageSection {
        PageSection::Chart
    }

    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover> {
        let (width, height) = self.size(layout);
        let top = legend::draw(canvas, &self.title(), &self.legend(), width, layout)?;
        let size = layout.text() * 12 / 13;
        let names = self.rows.iter().map(|row| text::width(&row.label, size));
        let left = match layout {
            // Outside the area that the frame reserves for its labels.
            Layout::Wide => names.max().unwrap_or(0) - px(44),
            Layout::Narrow => px(-44),
        };
        let outer = Rect { left, top: top + px(4), right: width - px(10), bottom: height - px(2) };
        let rows = self.rows.len() as f64;
        let up = Axis {
            label: String::new(),
            low: 0.0,
            high: rows,
            ticks: Vec::new(),
            write: depth,
            scale: Scale::Linear,
        };
        let frame =
            Frame::draw(canvas, outer, layout, self.depths(layout), up, frame::Grid::Shown)?;
        let mut drawn = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            let y = frame.y(rows - index as f64 - 0.5);
            drawn.extend(row.draw(canvas, &frame, y, layout)?);
        }
        Ok(Hover { cells: None, marks: drawn })
    }
}

impl Row {
    fn draw(
        &self,
        canvas: &Canvas<'_>,
        frame: &Frame,
        y: i32,
        layout: Layout,
    ) -> Result<Vec<Mark>> {
        let (size, count) = (layout.text() * 12 / 13, self.depths.len() as i32);
        let first = match layout {
            Layout::Wide => {
                text::write(canvas, &self.label, (frame.rect.left - px(8), y), size, HPos::Right)?;
                y - px(6) * (count - 1)
            }
            Layout::Narrow => {
                let top = y - px(6) * count;
                text::write(canvas, &self.label, (frame.rect.left + px(2), top), size, HPos::Left)?;
                top + px(16)
            }
        };
        let mut marks = Vec::new();
        for (series, depth) in self.depths.iter().enumerate() {
            let Some(depth) = depth else { continue };
            let (x, y) = (frame.x(depth.depth), first + px(12) * series as i32);
            if let Some((low, high)) = depth.range {
                canvas.line(&[(frame.x(low), y), (frame.x(high), y)], color(series), px(2))?;
            }
            if depth.is_open {
                canvas.line(&[(x, y), (x + px(16), y)], color(series), px(3) / 2)?;
            }
            marks::point(canvas, Shape::of(series), (x, y), color(series), false)?;
            marks.push(Mark { x, y, text: format!("{}: {}", self.label, depth.words) });
        }
        Ok(marks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_store::synthetic::{Options, run};

    #[test]
    fn each_initialisation_with_its_own_scale_has_a_row() {
        let options = Options { variants: 3, sigma_w2: vec![1.0], ..Options::default() };
        let mut run = run(&options);
        assert!(InitialisationChart::of(&run).is_none());
        for variant in &mut run.variants[..2] {
            variant.scheme = Some("pytorch".into());
        }
        let chart = InitialisationChart::of(&run).unwrap();
        assert_eq!(chart.rows.len(), 2);
        assert!(chart.rows[0].label.contains("784"), "{}", chart.rows[0].label);
        assert!(chart.rows.iter().all(|row| row.depths.len() == 2));
    }
}
