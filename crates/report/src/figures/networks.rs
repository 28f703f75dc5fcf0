//! Networks and optimisers that a grid compares, drawn over each other: depth over weight variance.

use isobath_analysis::{
    frontier::frontiers,
    points::{Slice, slices},
};
use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_experiment::{DepthScale, GridPoint, Overlay};
use isobath_store::RunRecord;
use plotters::style::RGBAColor;
use std::fmt::Write as _;

use super::{
    Figure, Hover, Layout, Mark, PageSection,
    canvas::{Canvas, Rect, px},
    diagram::{depths, edges, variances},
    frame::{self, Frame},
    legend::{self, Entry, Sample},
    marks::{self, Dash, Shape},
    palette,
    reached::Reached,
};
use crate::{
    Result,
    depth_words::profile_axis,
    numbers::variance,
    vocabulary::{capitalised, count, depth_bars},
};

/// All networks and recipes at one `sigma_b2`.
pub(super) struct NetworkComparison<'a> {
    run: &'a RunRecord,
    sigma_b2: f64,
    cascades: Vec<Series>,
    frontiers: Vec<Series>,
    /// Theory curves, one per distinct theory, with their colours.
    theories: Vec<Theory>,
    /// The theory curves in words, such as `6 ξ_c`.
    theory: &'static str,
}

/// Theory curve over the weight variance.
struct Theory {
    color: RGBAColor,
    points: Vec<(f64, Option<f64>)>,
}

/// Depths of one network, or of one network and recipe.
struct Series {
    name: String,
    /// Initialisation, if it has a scale of its own.
    scheme: Option<String>,
    color: RGBAColor,
    /// Marks of a cascade, a line for trainings.
    style: Style,
    /// Shift across and downwards, in canvas units, so that coinciding series are all visible.
    shift: (i32, i32),
    /// Weight variances and depths.
    points: Vec<(f64, Reached)>,
}

/// Drawing style of a series.
#[derive(Clone, Copy)]
enum Style {
    Marks(Shape),
    Line(Dash),
}

impl Style {
    fn sample(self, color: RGBAColor) -> Sample {
        match self {
            Self::Marks(shape) => Sample::Point(shape, color),
            Self::Line(dash) => Sample::Colored(color, dash, px(3)),
        }
    }
}

impl<'a> NetworkComparison<'a> {
    /// One figure per `sigma_b2`, if `run` compares several networks or recipes.
    pub(super) fn of(run: &'a RunRecord) -> Vec<Self> {
        let (Some(&estimator), Some(&rule)) = (run.estimators.first(), run.rules.first()) else {
            return Vec::new();
        };
        if !run.has_variants() && run.recipes.len() < 2 {
            return Vec::new();
        }
        // Initialisations with scales of their own have a figure of their own.
        let mut slices = slices(run);
        slices.retain(|slice| run.scheme(slice.id()).is_none());
        let mut biases: Vec<f64> = slices.iter().map(|slice| slice.sigma_b2).collect();
        biases.sort_by(f64::total_cmp);
        biases.dedup_by(|a, b| a.to_bits() == b.to_bits());
        let at = |sigma_b2: f64| {
            let here: Vec<&Slice<'_>> = slices
                .iter()
                .filter(|slice| slice.id().sigma_b2.to_bits() == sigma_b2.to_bits())
                .collect();
            Self::at(run, &here, estimator, rule)
        };
        let has_points = |figure: &Self| figure.all().any(|series| !series.points.is_empty());
        biases.into_iter().map(at).filter(has_points).collect()
    }

    fn at(
        run: &'a RunRecord,
        slices: &[&Slice<'_>],
        estimator: EstimatorSpec,
        rule: CutoffRule,
    ) -> Self {
        let descriptor = rule.descriptor();
        let mut theories: Vec<Theory> = Vec::new();
        for slice in slices {
            let is_it = |overlay: Overlay| {
                overlay.scale == DepthScale::Uniform
                    && (overlay.factor - descriptor.theory_factor).abs() < 1e-9
            };
            let Some(overlay) = slice.overlays.iter().find(|one| is_it(one.overlay)) else {
                continue;
            };
            if theories.iter().all(|known| known.points != overlay.points) {
                let (color, points) = (palette::series(slice.variant), overlay.points.clone());
                theories.push(Theory { color, points });
            }
        }
        Self {
            run,
            sigma_b2: slices.first().map_or(0.0, |slice| slice.sigma_b2),
            cascades: slices.iter().map(|slice| cascade(run, slice, estimator, rule)).collect(),
            frontiers: slices.iter().flat_map(|slice| trained(run, slice)).collect(),
            theories,
            theory: descriptor.theory_symbol,
        }
    }

    fn all(&self) -> impl Iterator<Item = &Series> {
        self.cascades.iter().chain(&self.frontiers)
    }

    fn points(&self) -> impl Iterator<Item = &(f64, Reached)> {
        self.all().flat_map(|series| &series.points)
    }

    fn legend(&self) -> Vec<Entry> {
        let entry = |sample, label| Entry { sample, label };
        let drawn = self.all().filter(|series| !series.points.is_empty());
        let series = |series: &Series| {
            let what = match series.style {
                Style::Marks(_) => "cascade",
                Style::Line(_) => "frontier of training",
            };
            entry(series.style.sample(series.color), series.label(what))
        };
        let mut entries: Vec<Entry> = drawn.map(series).collect();
        if let Some(Theory { color, .. }) = self.theories.first() {
            let label = format!("theory, {}", self.theory);
            entries.push(entry(Sample::Colored(*color, THEORY, px(3) / 2), label));
        }
        if self.points().any(|(_, reached)| reached.is_open) {
            let label = "lower bound, or beyond the network";
            entries.push(entry(Sample::Beyond, label.to_owned()));
        }
        entries
    }

    fn axes(&self, layout: Layout) -> [super::axis::Axis; 2] {
        let mut middles: Vec<f64> = self.points().map(|(sigma_w2, _)| *sigma_w2).collect();
        middles.sort_by(f64::total_cmp);
        middles.dedup_by(|a, b| a.to_bits() == b.to_bits());
        let high = self.points().map(|(_, reached)| reached.top());
        let high = 1.08 * high.fold(1.0, f64::max);
        [variances(&edges(&middles), layout), depths(&profile_axis(self.run), &[0.0, high])]
    }
}

/// Shift of series `index` of `count`: `step` for each series before it, at most 8 pixels in all.
fn shift(step: i32, index: usize, count: usize) -> i32 {
    step.min(px(8) / count.max(1) as i32) * index as i32
}

/// Dashes of theory curves.
const THEORY: Dash = Dash::of(2);

/// Dashes of the recipes, if colours distinguish the networks.
const DASHES: [Dash; 3] = [Dash::Solid, Dash::of(1), Dash::of(3)];

fn line(
    canvas: &Canvas<'_>,
    points: &[(i32, i32)],
    color: RGBAColor,
    dash: Dash,
    width: i32,
) -> Result<()> {
    match dash {
        Dash::Solid => canvas.line(points, color, width),
        Dash::Dashed(on, off) => marks::dashed(canvas, points, color, width, (on, off)),
    }
}

/// Cut-offs of the leading estimator and rule in one slice.
fn cascade(
    run: &RunRecord,
    slice: &Slice<'_>,
    estimator: EstimatorSpec,
    rule: CutoffRule,
) -> Series {
    let point = |point: &isobath_analysis::points::Point<'_>| {
        let reach = point.reach(estimator, rule, run.layers);
        Some((point.id.sigma_w2, Reached::by_cascade(&reach, rule, run.layers)?))
    };
    Series {
        name: name(run, slice.id(), None),
        scheme: run.scheme(slice.id()).map(ToOwned::to_owned),
        color: palette::series(slice.variant),
        style: Style::Marks(Shape::of(slice.variant)),
        shift: (shift(px(3), slice.variant, run.variants.len()), 0),
        points: slice.points.iter().filter_map(point).collect(),
    }
}

/// Frontiers of training in one slice, one series per recipe.
fn trained(run: &RunRecord, slice: &Slice<'_>) -> Vec<Series> {
    let all = frontiers(&run.trainings);
    let of_recipe = |recipe: usize| {
        let here = all.iter().filter(|found| found.recipe == recipe && slice.contains(found.point));
        let index = slice.variant * run.recipes.len() + recipe;
        let (color, dash) = if run.has_variants() {
            (slice.variant, DASHES[recipe % DASHES.len()])
        } else {
            (recipe, Dash::Solid)
        };
        Series {
            name: name(run, slice.id(), Some(recipe)),
            scheme: run.scheme(slice.id()).map(ToOwned::to_owned),
            color: palette::series(color),
            style: Style::Line(dash),
            shift: [shift(px(3) / 2, index, run.variants.len() * run.recipes.len()); 2].into(),
            points: here
                .map(|found| (found.point.sigma_w2, Reached::by_training(run, found)))
                .collect(),
        }
    };
    let series = (0..run.recipes.len()).map(of_recipe);
    series.filter(|series| !series.points.is_empty()).collect()
}

/// `relu, width 64, adam 0.001`, of the parts that differ in the run.
fn name(run: &RunRecord, point: GridPoint, recipe: Option<usize>) -> String {
    let recipe = recipe.filter(|_| run.recipes.len() > 1).map(|index| run.recipes[index].as_str());
    let parts: Vec<&str> = [run.variant_name(point), recipe].into_iter().flatten().collect();
    parts.join(", ")
}

impl Figure for NetworkComparison<'_> {
    fn stem(&self) -> String {
        format!("networks-sigma_b2-{}", GridPoint::file_stem(self.sigma_b2))
    }

    fn title(&self) -> String {
        let what = if self.run.has_variants() { "network" } else { "optimiser" };
        format!("Depth by {what}, σ_b² = {}", variance(self.sigma_b2))
    }

    fn caption(&self) -> String {
        let rule = self.run.rules[0];
        let mut caption = format!(
            "Marks: {} ({}); bars: {}.",
            capitalised(rule.descriptor().label),
            rule.words(),
            depth_bars(self.run, rule)
        );
        if !self.frontiers.is_empty() {
            caption += " Lines without marks: greatest depth that trains, the median over seeds; bars: their range; coinciding lines are \
                        drawn beside each other.";
        }
        if !self.theories.is_empty() {
            let _ = write!(
                caption,
                " Dotted lines: theory ({}), {} in the colour of the first network it applies to.",
                self.theory,
                count(self.theories.len(), "curve")
            );
        }
        caption
    }

    fn size(&self, layout: Layout) -> (i32, i32) {
        match layout {
            Layout::Wide => (px(860), px(520)),
            Layout::Narrow => (px(360), px(400) + px(20) * self.legend().len() as i32),
        }
    }

    fn place(&self) -> PageSection {
        PageSection::Chart
    }

    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover> {
        let (width, height) = self.size(layout);
        let top = legend::draw(canvas, &self.title(), &self.legend(), width, layout)?;
        let outer = Rect { left: px(4), top, right: width - px(14), bottom: height - px(2) };
        let [x, y] = self.axes(layout);
        let frame = Frame::draw(canvas, outer, layout, x, y, frame::Grid::Shown)?;
        for Theory { color, points } in &self.theories {
            for part in frame.clipped(points.iter().copied()) {
                line(canvas, &part, *color, THEORY, px(3) / 2)?;
            }
        }
        let mut marks = Vec::new();
        for series in self.frontiers.iter().chain(&self.cascades) {
            marks.extend(series.draw(canvas, &frame)?);
        }
        Ok(Hover { cells: None, marks })
    }
}

impl Series {
    /// `relu, width 64: text`
    fn label(&self, text: &str) -> String {
        if self.name.is_empty() { text.to_owned() } else { format!("{}: {text}", self.name) }
    }

    fn draw(&self, canvas: &Canvas<'_>, frame: &Frame) -> Result<Vec<Mark>> {
        let (dash, width) = match self.style {
            Style::Marks(_) => (Dash::Solid, px(1)),
            Style::Line(dash) => (dash, px(5) / 2),
        };
        let places: Vec<(i32, i32)> =
            self.points.iter().map(|point| self.place(frame, point)).collect();
        // A line of cut-offs has no place where there is none.
        let is_marks = matches!(self.style, Style::Marks(_));
        let together =
            |a: &(f64, Reached), b: &(f64, Reached)| !is_marks || !(a.1.is_beyond || b.1.is_beyond);
        let mut first = 0;
        for part in self.points.chunk_by(together) {
            line(canvas, &places[first..first + part.len()], self.color, dash, width)?;
            first += part.len();
        }
        let mark = |((sigma_w2, point), &(x, y)): (&(f64, Reached), &(i32, i32))| {
            if let Some((low, high)) = point.range {
                marks::bar(canvas, x, frame.y(low), frame.y(high), self.color, px(1))?;
            }
            if point.is_open {
                marks::arrow(canvas, (x, y), px(13), self.color, px(3) / 2)?;
            }
            if let Style::Marks(shape) = self.style {
                marks::point(canvas, shape, (x, y), self.color, false)?;
            }
            let text = match &self.scheme {
                None => format!("σ_w² = {}: {}", variance(*sigma_w2), point.words),
                Some(scheme) if self.name.contains(scheme) => point.words.clone(),
                Some(scheme) => format!("{scheme} initialisation: {}", point.words),
            };
            Ok(Mark { x, y, text: self.label(&text) })
        };
        self.points.iter().zip(&places).map(mark).collect()
    }

    fn place(&self, frame: &Frame, (sigma_w2, point): &(f64, Reached)) -> (i32, i32) {
        let (across, down) = self.shift;
        (frame.x(*sigma_w2) + across, frame.y(point.depth) + down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_store::synthetic::{Options, run, train};

    #[test]
    fn one_network_with_one_recipe_has_no_comparison() {
        assert!(NetworkComparison::of(&run(&Options::default())).is_empty());
    }

    #[test]
    fn networks_are_drawn_over_each_other_for_each_bias_variance() {
        let run = run(&Options { variants: 3, sigma_b2: vec![0.0, 0.05], ..Options::default() });
        let figures = NetworkComparison::of(&run);
        assert_eq!(figures.len(), 2);
        assert_eq!(figures[1].cascades.len(), 3);
        // Equal activations have one theory.
        assert_eq!(figures[1].theories.len(), 1);
        let labels: Vec<String> =
            figures[0].legend().into_iter().map(|entry| entry.label).collect();
        assert!(labels.contains(&"width 785: cascade".to_owned()), "{labels:?}");
    }

    #[test]
    fn recipes_have_frontiers_of_their_own() {
        let mut run = run(&Options::default());
        train(&mut run, &[5, 10, 20], &[(1.0, &[5, 10]), (2.0, &[20, 20])]);
        let mut second = run.trainings.clone();
        second.iter_mut().for_each(|training| training.id.recipe = 1);
        run.trainings.extend(second);
        run.recipes.push("adam 0.001".to_owned());
        let figures = NetworkComparison::of(&run);
        let names: Vec<_> =
            figures[0].frontiers.iter().map(|series| series.name.as_str()).collect();
        assert_eq!(names, ["sgd 0.1", "adam 0.001"]);
        assert!(figures[0].frontiers[0].points[1].1.is_open);
        assert_eq!(figures[0].frontiers[0].points[0].1.range, Some((5.0, 10.0)));
    }
}
