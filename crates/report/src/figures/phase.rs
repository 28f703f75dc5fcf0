//! Phase diagram: entropy over weight variance and depth, with theory and measured depths.

use crate::places::{at_slice, network_words, slice_stem, weights_words};
use crate::reach_words::reach_words;
use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use std::fmt::Write;

use crate::Result;
use plotters::style::{Color, RGBColor};

use super::{
    Cells, Figure, Hover, Layout, Mark, PageSection,
    axis::Axis,
    canvas::{Canvas, Rect, Underlay, px},
    color_bar,
    diagram::{self, edges, variances},
    frame::Frame,
    legend::{Entry, Sample},
    marks,
    palette::{INK, NO_RESULT, heat},
    picture,
};
use isobath_analysis::{
    points::{Reach, Slice},
    spread::Spread,
};
use isobath_store::RunRecord;

use crate::{
    depth_words::profile_axis,
    numbers::{short, ticks, variance},
    vocabulary::{capitalised, count, depth_bars},
};
use isobath_analysis::spread::quantile;

/// One estimator on one slice of the grid.
pub(super) struct PhaseDiagram<'a> {
    pub(super) run: &'a RunRecord,
    pub(super) slice: Slice<'a>,
    pub(super) estimator: EstimatorSpec,
    pub(super) rule: CutoffRule,
    /// True for the experiment's first estimator.
    pub(super) leads: bool,
}

/// Diagrams with at most this many cells are drawn cell by cell, so that the file can be scaled and edited; larger
/// ones become a bitmap.
const MAX_RECTANGLES: usize = 8_000;

/// Minimum distance of the drawn depths.
const MARK_DISTANCE: i32 = px(10);

impl Figure for PhaseDiagram<'_> {
    fn stem(&self) -> String {
        format!("phase-{}-{}", self.estimator, slice_stem(self.run, self.slice.id()))
    }

    fn title(&self) -> String {
        format!(
            "{} {}",
            capitalised(self.estimator.descriptor().label),
            at_slice(self.run, self.slice.id())
        )
    }

    fn caption(&self) -> String {
        let seeds = count(self.run.seeds, "seed");
        let mut caption = format!(
            "{}: {}, mean over {seeds}, {} probe samples of {}.",
            self.run.network(self.slice.id()),
            self.estimator.descriptor().axis_label(),
            self.run.probe_samples,
            self.run.dataset,
        );
        if self.reaches().any(|reach| !matches!(reach, Reach::Unknown { .. })) {
            let bars = depth_bars(self.run, self.rule);
            let _ = write!(caption, " Rule of the cut-offs: {}; bars: {bars}.", self.rule.words());
            if let step @ 2.. = self.mark_step(Layout::Wide) {
                let _ = write!(caption, " Every {step}th cut-off is drawn.");
            }
        }
        caption
    }

    fn size(&self, layout: Layout) -> (i32, i32) {
        diagram::size(layout)
    }

    fn place(&self) -> PageSection {
        if self.leads { PageSection::Chart } else { PageSection::Evidence }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover> {
        let profiles: Vec<_> =
            self.slice.points.iter().map(|point| point.profile(self.estimator)).collect();
        let columns =
            edges(&self.slice.points.iter().map(|point| point.id.sigma_w2).collect::<Vec<_>>());
        let axes = [variances(&columns, layout), self.depths()];
        let title = [self.title(), network_words(self.run, self.slice.id())];
        let title = title.each_ref().map(String::as_str);
        let frame = diagram::frame(canvas, title, &self.legend(&profiles), axes, layout)?;
        let range = range(&profiles);
        let places: Vec<_> = columns.iter().map(|edge| frame.x(*edge)).collect();
        let grid = Grid {
            frame: &frame,
            columns: &places,
            layers: self.run.layers,
            profiles: &profiles,
            range,
        };
        grid.draw(canvas)?;
        let critical = self.slice.critical.filter(|line| self.covers(*line));
        diagram::draw_theory(canvas, &frame, self.slice.overlays, critical)?;
        let marks = self.draw_depths(canvas, &frame, layout)?;
        canvas.outline(frame.rect, INK.to_rgba(), px(1))?;
        let label = self.bar_label(layout);
        draw_colours(canvas, diagram::bar_room(&frame, layout), &label, range, layout)?;
        Ok(Hover { cells: Some(Cells::new(places, frame.rect)), marks })
    }

    fn values(&self) -> Option<super::hover::Values> {
        Some(super::hover::Values::of(self.run, &self.slice, self.estimator, self.rule))
    }
}

impl PhaseDiagram<'_> {
    fn legend(&self, profiles: &[Vec<Option<Spread>>]) -> Vec<Entry> {
        let sigma_w2 = self.slice.points.iter().map(|point| point.id.sigma_w2);
        let columns = edges(&sigma_w2.collect::<Vec<_>>());
        let across = [columns.first(), columns.last()].map(|edge| edge.copied().unwrap_or(0.0));
        let up = [0.5, self.run.layers as f64 + 0.5];
        let mut entries = diagram::theory_entries(self.slice.overlays, across, up);
        if let Some(line) = self.slice.critical.filter(|line| self.covers(*line)) {
            entries.push(Entry {
                sample: Sample::Critical,
                label: format!("critical σ_w² = {}", variance(line)),
            });
        }
        let reaches: Vec<_> = self.reaches().collect();
        let name = self.rule.descriptor().label;
        let label =
            format!("{name} ({}; bar: {})", self.rule.words(), depth_bars(self.run, self.rule));
        entries.extend(diagram::reach_entries(self.run, &reaches, &label, 0.5));
        let missing = |profile: &Vec<Option<Spread>>| {
            profile.len() < self.run.layers || profile.contains(&None)
        };
        if profiles.iter().any(missing) {
            entries.push(Entry { sample: Sample::NoResult, label: "no result".into() });
        }
        entries
    }

    /// Label of the colour bar. Of all estimators, only the reconstruction error is sure to rise as information is lost.
    fn bar_label(&self, layout: Layout) -> String {
        let label = self.estimator.descriptor().axis_label();
        if self.estimator == EstimatorSpec::RECONSTRUCTION_ERROR && layout == Layout::Wide {
            return format!("{label}: dark preserved, bright lost");
        }
        label
    }

    fn reaches(&self) -> impl Iterator<Item = Reach> {
        self.slice
            .points
            .iter()
            .map(|point| point.reach(self.estimator, self.rule, self.run.layers))
    }

    fn covers(&self, sigma_w2: f64) -> bool {
        let edges =
            edges(&self.slice.points.iter().map(|point| point.id.sigma_w2).collect::<Vec<_>>());
        edges
            .first()
            .zip(edges.last())
            .is_some_and(|(low, high)| (*low..=*high).contains(&sigma_w2))
    }

    fn depths(&self) -> Axis {
        diagram::depths(&profile_axis(self.run), &[0.5, self.run.layers.max(1) as f64 + 0.5])
    }

    /// Step between drawn depths.
    fn mark_step(&self, layout: Layout) -> usize {
        let room = self.size(layout).0 - px(150);
        let most = (room / MARK_DISTANCE).max(1) as usize;
        self.slice.points.len().div_ceil(most).max(1)
    }

    fn draw_depths(&self, canvas: &Canvas<'_>, frame: &Frame, layout: Layout) -> Result<Vec<Mark>> {
        let mut drawn = Vec::new();
        for (point, reach) in
            self.slice.points.iter().zip(self.reaches()).step_by(self.mark_step(layout))
        {
            let x = frame.x(point.id.sigma_w2);
            let Some(y) = diagram::draw_reach(canvas, frame, x, &reach)? else { continue };
            let text = format!(
                "{}: {}",
                weights_words(self.run, point.id),
                reach_words(&reach, self.rule, self.run.layers)
            );
            drawn.push(Mark { x, y, text });
        }
        Ok(drawn)
    }
}

/// Cells with their positions and common colour range.
struct Grid<'a> {
    frame: &'a Frame,
    /// Edges in canvas units.
    columns: &'a [i32],
    layers: usize,
    profiles: &'a [Vec<Option<Spread>>],
    range: (f64, f64),
}

impl Grid<'_> {
    fn draw(&self, canvas: &mut Canvas<'_>) -> Result<()> {
        if self.profiles.len() * self.layers > MAX_RECTANGLES {
            canvas.underlays.push(Underlay { rect: self.frame.rect, png: self.bitmap()? });
            return Ok(());
        }
        for (column, edges) in self.columns.windows(2).enumerate() {
            self.draw_column(canvas, column, edges[0], edges[1])?;
        }
        Ok(())
    }

    /// Draws a column upwards; adjacent cells of one colour become one rectangle.
    ///
    /// Each rectangle extends slightly under the next one and the next column, so that no seam shows.
    fn draw_column(&self, canvas: &Canvas<'_>, column: usize, left: i32, right: i32) -> Result<()> {
        let Rect { top, right: end, .. } = self.frame.rect;
        let edge = |layer: usize| self.frame.y(layer as f64 + 0.5);
        let mut first = 0;
        while first < self.layers {
            let color = self.color(column, first);
            let next = (first + 1..self.layers)
                .find(|layer| self.color(column, *layer) != color)
                .unwrap_or(self.layers);
            let rect = Rect {
                left,
                right: (right + px(1)).min(end),
                top: (edge(next) - px(1)).max(top),
                bottom: edge(first),
            };
            match color {
                Some(color) => canvas.block(rect, color.to_rgba())?,
                None => marks::hatched(canvas, Rect { right, top: edge(next), ..rect })?,
            }
            first = next;
        }
        Ok(())
    }

    /// One pixel per page pixel across, one per layer upwards.
    fn bitmap(&self) -> Result<Vec<u8>> {
        let rect = self.frame.rect;
        let width = (rect.width() / px(1)).max(1) as usize;
        let column = |x: usize| {
            let place = rect.left + px(x as i32) + px(1) / 2;
            self.columns.partition_point(|edge| *edge <= place).clamp(1, self.profiles.len()) - 1
        };
        let columns: Vec<_> = (0..width).map(column).collect();
        let pixels = (0..self.layers).rev().flat_map(|layer| {
            let columns = &columns;
            columns.iter().enumerate().map(move |(x, column)| {
                let hatch = NO_RESULT[usize::from((x + layer) % 6 < 2)];
                self.color(*column, layer).unwrap_or(hatch)
            })
        });
        let rgb: Vec<u8> =
            pixels.flat_map(|RGBColor(red, green, blue)| [red, green, blue]).collect();
        picture::encode(width, self.layers, &rgb)
    }

    fn color(&self, column: usize, layer: usize) -> Option<RGBColor> {
        let (low, high) = self.range;
        let spread = self.profiles.get(column)?.get(layer).copied().flatten()?;
        // 256 steps are as fine as a screen shows, and flat regions become one rectangle.
        Some(heat(((spread.mean - low) / (high - low) * 255.0).round() / 255.0))
    }
}

/// Colour bar to the right of the diagram.
fn draw_colours(
    canvas: &Canvas<'_>,
    room: Rect,
    label: &str,
    (low, high): (f64, f64),
    layout: Layout,
) -> Result<()> {
    let share = |tick| (tick - low) / (high - low);
    let marks = ticks(low, high, 5).into_iter().map(|tick| (share(tick), short(tick)));
    color_bar::draw(canvas, room, marks, label, layout)
}

/// Colour range: all values, or, if outliers would flatten the rest, all except one percent at either end.
fn range(profiles: &[Vec<Option<Spread>>]) -> (f64, f64) {
    let mut values: Vec<_> =
        profiles.iter().flatten().flatten().map(|spread| spread.mean).collect();
    values.sort_by(f64::total_cmp);
    let at = |share| quantile(&values, share).unwrap_or(0.0);
    let (low, high) = (at(0.0), at(1.0));
    let (inner_low, inner_high) = (at(0.01), at(0.99));
    let (low, high) = if high - low > 3.0 * (inner_high - inner_low) {
        (inner_low, inner_high)
    } else {
        (low, high)
    };
    if high > low { (low, high) } else { (low - 0.5, high + 0.5) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_meet_half_way_and_do_not_reach_below_0() {
        assert_eq!(edges(&[0.5, 1.0, 2.0]), [0.25, 0.75, 1.5, 2.5]);
        assert_eq!(edges(&[0.25, 2.25]), [0.0, 1.25, 3.25]);
        assert_eq!(edges(&[2.0]), [1.8, 2.2]);
        assert_eq!(edges(&[]).len(), 0);
    }

    #[test]
    fn outliers_do_not_flatten_the_colours() {
        let spread = |mean: f64| Some(Spread { mean, low: mean, high: mean });
        let mut values: Vec<_> = (0..400).map(|step| spread(f64::from(step) / 400.0)).collect();
        values.push(spread(-46.0));
        let (low, high) = range(&[values]);
        assert!(low >= 0.0 && high <= 1.0, "{low} {high}");
        assert_eq!(range(&[vec![spread(2.0), None]]), (1.5, 2.5));
    }
}
