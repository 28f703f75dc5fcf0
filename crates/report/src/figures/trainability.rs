//! Trained networks: accuracy over weight variance and depth, with the predictions of cascade and theory.

use crate::places::{network_words, slice_stem, slice_words, weights_words};
use crate::reach_words::reach_words;
use isobath_experiment::GridPoint;
use isobath_scoring::{Side, TrainedFrontier};
use std::collections::BTreeMap;

use crate::Result;
use plotters::style::Color;

use super::{
    Figure, Hover, Layout, Mark, PageSection,
    canvas::{Canvas, Rect, px},
    diagram::{self, edges, variances},
    frame::Frame,
    legend::{Entry, Sample},
    marks::{self, Dash},
    palette::{self, HALO, heat},
    recipe_stem,
};
use isobath_analysis::{
    frontier::{PointFrontier, frontiers},
    points::{Reach, Slice, slices},
};
use isobath_store::{RunRecord, TrainingRecord};

use crate::{
    depth_words::network_axis,
    numbers::{depth, short, variance},
    vocabulary::{count, depth_bars},
};

/// One recipe on one slice of the grid.
pub(super) struct Trainability<'a> {
    run: &'a RunRecord,
    slice: Slice<'a>,
    /// Name of the recipe.
    recipe: &'a str,
    /// Depths with trainings, ascending.
    depths: Vec<usize>,
    columns: Vec<Column<'a>>,
}

/// One point of the phase diagram.
struct Column<'a> {
    frontier: PointFrontier,
    /// Trainings of all initialisations at one depth.
    cells: BTreeMap<usize, Vec<&'a TrainingRecord>>,
}

impl<'a> Column<'a> {
    /// Column of a frontier, from the trainings of its recipe in its slice.
    fn of(frontier: &PointFrontier, trained: &[&'a TrainingRecord]) -> Self {
        let mut cells: BTreeMap<usize, Vec<_>> = BTreeMap::new();
        for &record in trained.iter().filter(|record| record.id.point == frontier.point) {
            cells.entry(record.id.depth).or_default().push(record);
        }
        Self { frontier: frontier.clone(), cells }
    }

    /// True if no tried depth succeeds for the median initialisation.
    fn has_no_success(&self) -> bool {
        self.frontier.trained.censored == Some(Side::Shallower)
    }
}

impl<'a> Trainability<'a> {
    /// Figures of `run`, if it has trainings.
    pub(super) fn of(run: &'a RunRecord) -> Vec<Self> {
        let all = frontiers(&run.trainings);
        let recipes = run.recipes.iter().enumerate();
        let figure = |(index, recipe): (usize, &'a String), slice: Slice<'a>| {
            let is_here =
                |point: GridPoint, recipe: usize| recipe == index && slice.contains(point);
            let here = all.iter().filter(|found| is_here(found.point, found.recipe));
            let trained: Vec<&TrainingRecord> = run
                .trainings
                .iter()
                .filter(|record| is_here(record.id.point, record.id.recipe))
                .collect();
            let columns: Vec<_> = here.map(|found| Column::of(found, &trained)).collect();
            let mut depths: Vec<usize> =
                columns.iter().flat_map(|column| column.cells.keys().copied()).collect();
            depths.sort_unstable();
            depths.dedup();
            Self { run, slice, recipe, depths, columns }
        };
        recipes
            .flat_map(|recipe| slices(run).into_iter().map(move |slice| (recipe, slice)))
            .map(|(recipe, slice)| figure(recipe, slice))
            .filter(|figure| !figure.columns.is_empty())
            .collect()
    }

    /// A point of the figure's slice.
    pub(super) fn place_id(&self) -> GridPoint {
        self.slice.id()
    }

    /// Upper end of the colours: the greatest mean accuracy, rounded up to a tenth.
    fn most(&self) -> f64 {
        let cells = self.columns.iter().flat_map(|column| column.cells.values());
        let greatest = cells.map(|trainings| mean_accuracy(trainings)).fold(0.0, f64::max);
        // Without the margin, rounding would turn 0.3 into 0.4.
        ((10.0 * greatest - 1e-9).ceil() / 10.0).clamp(0.1, 1.0)
    }

    fn middles(&self) -> Vec<f64> {
        self.columns.iter().map(|column| column.frontier.point.sigma_w2).collect()
    }

    /// Midpoints between tried depths, extended by half a step at either end.
    fn rows(&self) -> Vec<f64> {
        let depths: Vec<f64> = self.depths.iter().map(|&depth| depth as f64).collect();
        edges(&depths)
    }

    /// Drawn position of the frontier at `depth`: between it and the next tried depth.
    fn above(&self, depth: f64) -> f64 {
        let rows = self.rows();
        let tried = self.depths.iter().filter(|&&tried| tried as f64 <= depth).count();
        rows[tried]
    }

    fn legend(&self) -> Vec<Entry> {
        let mut entries = vec![Entry {
            sample: Sample::Colored(palette::series(1), Dash::Solid, px(3)),
            label: format!("frontier of training (median; band: {})", self.bands()),
        }];
        let reaches: Vec<_> = self.reaches().map(|(_, reach)| reach).collect();
        if let Some((estimator, rule)) = self.run.estimators.first().zip(self.run.rules.first()) {
            let bars = depth_bars(self.run, *rule);
            let label = format!("cascade: {estimator} {} (bar: {bars})", rule.words());
            let [low, _] = self.depth_range();
            entries.extend(diagram::reach_entries(self.run, &reaches, &label, low));
        }
        let columns = edges(&self.middles());
        let across = [columns.first(), columns.last()].map(|edge| edge.copied().unwrap_or(0.0));
        entries.extend(diagram::theory_entries(self.slice.overlays, across, self.depth_range()));
        if self.columns.iter().any(Column::has_no_success) {
            entries.push(Entry {
                sample: Sample::Arrow(palette::series(1)),
                label: "frontier beyond the depths tried".into(),
            });
        }
        if let Some(line) = self.critical() {
            entries.push(Entry {
                sample: Sample::Critical,
                label: format!("critical σ_w² = {}", variance(line)),
            });
        }
        entries
    }

    /// Range of the depth axis: from 0 to the greatest of the depths tried and the cascade's depths.
    fn depth_range(&self) -> [f64; 2] {
        let tried = self.rows().last().copied().unwrap_or(1.0);
        let measured = self.reaches().filter_map(|(_, reach)| match reach {
            Reach::Measured { depth, .. } => Some(depth.high + 0.5),
            _ => None,
        });
        [0.0, measured.fold(tried, f64::max)]
    }

    fn bands(&self) -> String {
        format!("min\u{2013}max over {}", count(self.seeds(), "seed"))
    }

    fn seeds(&self) -> usize {
        self.columns.iter().map(|column| column.frontier.trained.seeds.len()).max().unwrap_or(0)
    }

    fn critical(&self) -> Option<f64> {
        let edges = edges(&self.middles());
        let (low, high) = edges.first().copied().zip(edges.last().copied())?;
        self.slice.critical.filter(|line| (low..=high).contains(line))
    }

    /// Depths of the cascade by the leading estimator and rule.
    fn reaches(&self) -> impl Iterator<Item = (GridPoint, Reach)> {
        let (run, names) = (self.run, self.run.estimators.first().zip(self.run.rules.first()));
        names.into_iter().flat_map(move |(&estimator, &rule)| {
            let reach = move |point: &isobath_analysis::points::Point<'_>| {
                (point.id, point.reach(estimator, rule, run.layers))
            };
            self.slice.points.iter().map(reach)
        })
    }

    fn draw_cells(&self, canvas: &Canvas<'_>, frame: &Frame) -> Result<Vec<Mark>> {
        let (across, rows) = (edges(&self.middles()), self.rows());
        let mut drawn = Vec::new();
        for (column, sides) in self.columns.iter().zip(across.windows(2)) {
            for (&depth, trainings) in &column.cells {
                let Ok(row) = self.depths.binary_search(&depth) else { continue };
                let rect = diagram::cell(frame, sides, &rows[row..]);
                let mean = mean_accuracy(trainings);
                canvas.block(rect, heat(mean / self.most()).to_rgba())?;
                let succeeded = trainings.iter().filter(|training| training.succeeded).count();
                let text = format!(
                    "{}, depth {depth}: accuracy {}, {succeeded} of {} succeed",
                    weights_words(self.run, column.frontier.point),
                    short(mean),
                    count(trainings.len(), "seed")
                );
                let (x, y) = (rect.left.midpoint(rect.right), rect.top.midpoint(rect.bottom));
                drawn.push(Mark { x, y, text });
            }
        }
        Ok(drawn)
    }

    /// Bands and steps of the frontier, each across its column.
    fn draw_frontier(&self, canvas: &Canvas<'_>, frame: &Frame) -> Result<Vec<Mark>> {
        let across = edges(&self.middles());
        let color = palette::series(1);
        let mut drawn = Vec::new();
        // Parts of the frontier between columns where no depth succeeds.
        let mut steps: Vec<Vec<(i32, i32)>> = vec![Vec::new()];
        for (column, sides) in self.columns.iter().zip(across.windows(2)) {
            let (left, right) = (frame.x(sides[0]), frame.x(sides[1]));
            let at = |depth: f64| frame.y(self.above(depth));
            let TrainedFrontier { deepest_success: median, range, .. } = column.frontier.trained;
            let y = at(median);
            if column.has_no_success() {
                let x = left.midpoint(right);
                let foot = frame.y(self.rows()[0]) - px(14);
                marks::arrow(canvas, (x, foot), -px(13), HALO.to_rgba(), px(9) / 2)?;
                marks::arrow(canvas, (x, foot), -px(13), color, px(2))?;
                steps.push(Vec::new());
                drawn.push(Mark { x, y: foot, text: words(self.run, &column.frontier) });
                continue;
            }
            if let Some(part) = steps.last_mut() {
                part.extend([(left, y), (right, y)]);
            }
            if range.1 > range.0 {
                let inset = (right - left) / 6;
                let band = Rect {
                    left: left + inset,
                    right: right - inset,
                    top: at(range.1),
                    bottom: at(range.0),
                };
                canvas.outline(band, HALO.mix(0.8), px(3))?;
                canvas.block(band, color.mix(0.35))?;
                canvas.outline(band, color, px(1))?;
            }
            if column.frontier.trained.censored == Some(Side::Deeper) {
                let x = left.midpoint(right);
                marks::arrow(canvas, (x, y + px(14)), px(13), HALO.to_rgba(), px(9) / 2)?;
                marks::arrow(canvas, (x, y + px(14)), px(13), color, px(2))?;
            }
            drawn.push(Mark {
                x: left.midpoint(right),
                y,
                text: words(self.run, &column.frontier),
            });
        }
        for part in steps.iter().filter(|part| !part.is_empty()) {
            canvas.line(part, HALO.mix(0.85), px(5))?;
            canvas.line(part, color, px(5) / 2)?;
        }
        Ok(drawn)
    }

    fn draw_cascade(&self, canvas: &Canvas<'_>, frame: &Frame) -> Result<Vec<Mark>> {
        let mut drawn = Vec::new();
        for (point, depth) in self.reaches() {
            let x = frame.x(point.sigma_w2);
            let Some(y) = diagram::draw_reach(canvas, frame, x, &depth)? else { continue };
            let reach = reach_words(&depth, self.run.rules[0], self.run.layers);
            drawn.push(Mark {
                x,
                y,
                text: format!("{}: cascade {reach}", weights_words(self.run, point)),
            });
        }
        Ok(drawn)
    }
}

impl Figure for Trainability<'_> {
    fn stem(&self) -> String {
        let stem = recipe_stem("trainability", self.recipe);
        format!("{stem}-{}", slice_stem(self.run, self.slice.id()))
    }

    fn title(&self) -> String {
        format!("Trainable networks, {}, {}", self.recipe, slice_words(self.run, self.slice.id()))
    }

    fn caption(&self) -> String {
        let success = self.run.success.map_or(String::new(), |accuracy| {
            format!(" Success is an accuracy of {} on held-out samples.", short(accuracy))
        });
        format!(
            "Trained networks: highest accuracy on held-out samples, mean over {}; untrained networks are left \
             empty.{success} The frontier lies between the greatest depth that succeeds and the next depth tried; an \
             arrow marks a frontier beyond all depths tried.",
            count(self.seeds(), "seed")
        )
    }

    fn size(&self, layout: Layout) -> (i32, i32) {
        diagram::size(layout)
    }

    fn place(&self) -> PageSection {
        PageSection::Chart
    }

    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover> {
        let axes = [
            variances(&edges(&self.middles()), layout),
            diagram::depths(&network_axis(self.run), &self.depth_range()),
        ];
        let title = [self.title(), network_words(self.run, self.slice.id())];
        let title = title.each_ref().map(String::as_str);
        let frame = diagram::frame(canvas, title, &self.legend(), axes, layout)?;
        let mut marks = self.draw_cells(canvas, &frame)?;
        diagram::draw_theory(canvas, &frame, self.slice.overlays, self.critical())?;
        marks.extend(self.draw_frontier(canvas, &frame)?);
        marks.extend(self.draw_cascade(canvas, &frame)?);
        diagram::share_bar(canvas, &frame, "accuracy on held-out samples", self.most(), layout)?;
        Ok(Hover { cells: None, marks })
    }
}

fn mean_accuracy(trainings: &[&TrainingRecord]) -> f64 {
    trainings.iter().map(|training| training.accuracy).sum::<f64>() / trainings.len() as f64
}

/// Describes the frontier at one point.
fn words(run: &RunRecord, frontier: &PointFrontier) -> String {
    let TrainedFrontier { deepest_success: median, censored, range: (low, high), seeds, .. } =
        &frontier.trained;
    let reach = match censored {
        Some(Side::Deeper) => format!("at least {}", depth(*median)),
        Some(Side::Shallower) => "none of the depths tried".to_owned(),
        None => depth(*median),
    };
    let spread = if high > low {
        format!(" ({} to {} over {})", depth(*low), depth(*high), count(seeds.len(), "seed"))
    } else {
        String::new()
    };
    format!("{}: trainable up to {reach}{spread}", weights_words(run, frontier.point))
}
