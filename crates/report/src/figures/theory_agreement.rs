//! Measured depth against mean-field theory.

use crate::Result;
use crate::places::point_words;
use crate::{depth_words::profile_depth, reach_words::reach_words};
use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use plotters::style::{Color, RGBAColor};

use super::{
    Figure, Hover, Layout, Mark, PageSection,
    axis::{Axis, Scale},
    canvas::{Canvas, Rect, px},
    frame::{self, Frame},
    legend::{self, Entry, Sample},
    marks::{self, Shape},
    palette::{self, INK},
};
use isobath_analysis::{
    points::{Phase, Point, Reach, slices},
    spread::Spread,
};
use isobath_store::RunRecord;

use crate::{
    numbers::{log_ticks, short},
    vocabulary::depth_bars,
};

/// Rules with the same multiple of `xi_c` share a panel: one for cut-offs, one for decay lengths.
pub(super) struct TheoryComparison<'a> {
    run: &'a RunRecord,
    panels: Vec<Panel>,
}

/// One pair of axes.
struct Panel {
    /// Measured quantity of the axis.
    measured: String,
    /// Theoretical quantity of the axis.
    theory: String,
    series: Vec<Series>,
}

/// One rule on one estimator.
struct Series {
    estimator: EstimatorSpec,
    rule: CutoffRule,
    /// Index among the series with points; selects colour and shape.
    index: usize,
    points: Vec<Compared>,
}

/// One point of the grid.
struct Compared {
    /// The point in words.
    place: String,
    phase: Phase,
    theory: f64,
    /// Measured depth; the network depth if it is beyond.
    depth: Spread,
    beyond: bool,
    is_bound: bool,
    words: String,
}

/// Maximum number of points per series; longer series are thinned evenly.
const MAX_POINTS: usize = 150;

/// Distance between the marks of two series at one point of the grid, so that none hides another.
const SIDE_STEP: i32 = 2 * marks::RADIUS + px(1);

/// Maximum distance between the first and the last mark at one point of the grid.
const SIDE_ROOM: i32 = px(48);

/// Smaller depths are drawn here, because a logarithmic axis has no 0.
const LEAST: f64 = 0.5;

impl<'a> TheoryComparison<'a> {
    /// Comparison of `run`, if any point has both a measured and a theoretical depth.
    pub(super) fn of(run: &'a RunRecord) -> Option<Self> {
        let pairs = run.pairs().into_iter();
        let all = pairs.map(|(estimator, rule)| Series::of(run, estimator, rule));
        let present = all.filter(|series| !series.points.is_empty()).enumerate();
        let (decay, cutoffs): (Vec<_>, Vec<_>) = present
            .map(|(index, series)| Series { index, ..series })
            .partition(|series| series.rule.descriptor().is_scale);
        let panel = |measured, theory, series: Vec<Series>| Panel { measured, theory, series };
        let unit = run.kind.depth_unit().of_profiles();
        let axis = |quantity: &str| format!("{quantity} ({unit})");
        let panels = [
            panel(axis("cut-off"), axis("6 ξ_c"), cutoffs),
            panel(axis("decay length λ"), axis("ξ_c"), decay),
        ];
        let panels: Vec<_> = panels.into_iter().filter(|panel| !panel.series.is_empty()).collect();
        (!panels.is_empty()).then_some(Self { run, panels })
    }

    fn series(&self) -> impl Iterator<Item = &Series> {
        self.panels.iter().flat_map(|panel| &panel.series)
    }

    fn legend(&self) -> Vec<Entry> {
        let series = |series: &Series| Entry {
            sample: Sample::Point(series.shape(), series.color()),
            label: format!("{}, {}", series.estimator, series.rule.words()),
        };
        let mut entries: Vec<_> = self.series().map(series).collect();
        let any =
            |test: fn(&Compared) -> bool| self.series().flat_map(|series| &series.points).any(test);
        if let Some([left, right]) = self.panels.iter().find_map(|panel| panel.series.first_chunk())
        {
            let samples = [left, right].map(|series| (series.shape(), series.color()));
            let label = "side by side: one grid point".into();
            entries.push(Entry { sample: Sample::SideBySide(samples), label });
        }
        entries.push(Entry { sample: Sample::Line, label: "equal".into() });
        if any(|point| point.phase == Phase::Chaotic) {
            entries.push(Entry {
                sample: Sample::Open,
                label: "open: chaotic, filled: ordered".into(),
            });
        }
        if any(|point| point.is_bound) {
            let label = "arrow: lower bound".into();
            entries.push(Entry { sample: Sample::LowerBound, label });
        }
        if any(|point| point.beyond) {
            entries.push(Entry {
                sample: Sample::Beyond,
                label: format!("beyond {}", profile_depth(self.run, self.run.layers as f64)),
            });
        }
        entries
    }
}

impl Figure for TheoryComparison<'_> {
    fn stem(&self) -> String {
        "depth-against-theory".into()
    }

    fn title(&self) -> String {
        "Measured depth against mean-field theory".into()
    }

    fn caption(&self) -> String {
        let rules: Vec<_> = self
            .run
            .rules
            .iter()
            .map(|&rule| format!("{}: {}", rule.words(), depth_bars(self.run, rule)))
            .collect();
        format!(
            "Points of the grid where theory has a finite depth, at most {MAX_POINTS} for each series. \
             On the line, measurement and theory are equal. Several series at one grid point are drawn side by side \
             around their common theoretical depth. Bars: {}. A cut-off of 0 (information lost before the \
             first layer) is drawn at {LEAST} with a downward arrow.",
            rules.join("; ")
        )
    }

    fn size(&self, layout: Layout) -> (i32, i32) {
        let panels = self.panels.len() as i32;
        match layout {
            Layout::Wide => (px(860), px(520)),
            Layout::Narrow => {
                (px(360), px(130) + px(20) * self.series().count() as i32 + px(330) * panels)
            }
        }
    }

    fn place(&self) -> PageSection {
        PageSection::Chart
    }

    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover> {
        let (width, height) = self.size(layout);
        let top = legend::draw(canvas, &self.title(), &self.legend(), width, layout)?;
        let room =
            Rect { left: px(4), top: top + px(4), right: width - px(14), bottom: height - px(2) };
        let mut hover = Hover::default();
        for (index, panel) in self.panels.iter().enumerate() {
            let outer = room.part(index as i32, self.panels.len() as i32, layout);
            hover.marks.extend(panel.draw(canvas, outer, layout)?);
        }
        Ok(hover)
    }
}

impl Panel {
    fn draw(&self, canvas: &Canvas<'_>, outer: Rect, layout: Layout) -> Result<Vec<Mark>> {
        let (theory, depth) = (
            self.range(|point| [point.theory; 2]),
            self.range(|point| [point.depth.low, point.depth.high]),
        );
        let axis = |label: &str, (low, high): (f64, f64)| {
            let (label, ticks) = (label.to_owned(), log_ticks(low, high));
            Axis { label, low, high, ticks, write: short, scale: Scale::Logarithmic }
        };
        let frame = Frame::draw(
            canvas,
            outer,
            layout,
            axis(&self.theory, theory),
            axis(&self.measured, depth),
            frame::Grid::Shown,
        )?;
        let (low, high) = (theory.0.min(depth.0), theory.1.max(depth.1));
        for part in frame.clipped([(low, Some(low)), (high, Some(high))]) {
            canvas.line(&part, INK.mix(0.6), px(1))?;
        }
        let mut drawn = Vec::new();
        for (index, series) in self.series.iter().enumerate() {
            let offset = side_offset(index, self.series.len());
            for point in &series.points {
                drawn.push(series.draw_point(canvas, &frame, point, offset)?);
            }
        }
        Ok(drawn)
    }

    /// Range of an axis: the range of `ends` over the points, slightly widened.
    fn range(&self, ends: impl Fn(&Compared) -> [f64; 2]) -> (f64, f64) {
        let all = self
            .series
            .iter()
            .flat_map(|series| &series.points)
            .flat_map(ends)
            .map(|end| end.max(LEAST));
        let (low, high) =
            all.fold((f64::INFINITY, 0.0f64), |(low, high), end| (low.min(end), high.max(end)));
        if high <= 0.0 {
            return (1.0, 10.0);
        }
        // A single point also gets space around it.
        let room = (4.0 / (high / low)).sqrt().max(1.35);
        (low / room, high * room)
    }
}

impl Series {
    fn of(run: &RunRecord, estimator: EstimatorSpec, rule: CutoffRule) -> Self {
        let slices = slices(run);
        let compared = |point: &Point<'_>| {
            let theory = point.theory_depth(rule)?;
            let reach = point.reach(estimator, rule, run.layers);
            let words = reach_words(&reach, rule, run.layers);
            let is_bound = reach.is_lower_bound();
            let (depth, beyond) = match reach {
                Reach::Measured { depth, .. } => (depth, false),
                Reach::Beyond { .. } => {
                    let depth = run.layers as f64;
                    (Spread { mean: depth, low: depth, high: depth }, true)
                }
                Reach::Unknown { .. } => return None,
            };
            let place = point_words(run, point.id);
            Some(Compared { place, phase: point.phase, theory, depth, beyond, is_bound, words })
        };
        let all: Vec<_> =
            slices.iter().flat_map(|slice| &slice.points).filter_map(compared).collect();
        let step = all.len().div_ceil(MAX_POINTS).max(1);
        let points = all.into_iter().step_by(step).collect();
        Self { estimator, rule, index: 0, points }
    }

    fn color(&self) -> RGBAColor {
        palette::series(self.index)
    }

    fn shape(&self) -> Shape {
        Shape::of(self.index)
    }

    /// Draws a point, `offset` canvas units to the right of its theoretical depth.
    fn draw_point(
        &self,
        canvas: &Canvas<'_>,
        frame: &Frame,
        point: &Compared,
        offset: i32,
    ) -> Result<Mark> {
        let height = |depth: f64| frame.y(depth.max(LEAST));
        let at = (frame.x(point.theory) + offset, height(point.depth.mean));
        if point.beyond || point.is_bound {
            marks::arrow(canvas, at, px(13), self.color(), px(3) / 2)?;
        } else if point.depth.mean <= 0.0 {
            marks::arrow(canvas, at, -px(11), self.color(), px(3) / 2)?;
        }
        if point.depth.is_wide() {
            marks::bar(
                canvas,
                at.0,
                height(point.depth.low),
                height(point.depth.high),
                self.color().mix(0.6),
                px(1),
            )?;
        }
        marks::point(canvas, self.shape(), at, self.color(), point.phase == Phase::Chaotic)?;
        let theory = format!("{} {}", self.rule.descriptor().theory_symbol, short(point.theory));
        let text = format!("{}, {}: {}; {theory}", point.place, self.estimator, point.words);
        Ok(Mark { x: at.0, y: at.1, text })
    }
}

/// Horizontal offset of the marks of series `index` of `count` in a panel.
fn side_offset(index: usize, count: usize) -> i32 {
    let room = (count.saturating_sub(1) as i32 * SIDE_STEP).min(SIDE_ROOM);
    let share = index as f64 / count.saturating_sub(1).max(1) as f64;
    (f64::from(room) * (share - 0.5)).round() as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_store::synthetic::{Options, run};

    #[test]
    fn coinciding_points_of_two_rules_are_side_by_side() {
        let rules = [0.01, 0.1].map(|rtol| CutoffRule::Saturation { rtol }).to_vec();
        let estimators = vec![EstimatorSpec::RELATIVE];
        let run =
            run(&Options { rules, estimators, sigma_w2: vec![1.0, 3.0], ..Options::default() });
        let figure = TheoryComparison::of(&run).unwrap();
        let drawing = super::super::draw(&figure, Layout::Wide).unwrap();
        assert_eq!(drawing.hover.marks.len(), 4);
        let (first, second) = drawing.hover.marks.split_at(2);
        for (first, second) in first.iter().zip(second) {
            // The depths of both rules are equal.
            assert_eq!((first.y, first.x + SIDE_STEP), (second.y, second.x));
        }
        assert!(figure.legend().iter().any(|entry| matches!(entry.sample, Sample::SideBySide(_))));
    }

    #[test]
    fn axes_have_the_unit_of_the_profiles() {
        let mut run = run(&Options { sigma_w2: vec![1.0, 3.0], ..Options::default() });
        let axes = |run: &RunRecord| {
            let panel = &TheoryComparison::of(run).unwrap().panels[0];
            [panel.measured.clone(), panel.theory.clone()]
        };
        assert_eq!(axes(&run), ["cut-off (layers)", "6 ξ_c (layers)"]);
        run.kind = isobath_experiment::NetworkKind::Layers;
        assert_eq!(axes(&run), ["cut-off (stages)", "6 ξ_c (stages)"]);
    }

    #[test]
    fn offsets_are_centred_and_limited() {
        assert_eq!(side_offset(0, 1), 0);
        assert_eq!(side_offset(0, 3) + side_offset(2, 3), 0);
        assert_eq!(side_offset(99, 100) - side_offset(0, 100), SIDE_ROOM);
    }
}
