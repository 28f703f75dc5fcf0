//! Entropy profiles over depth, at a few weight variances on both sides of the critical line.

use crate::Result;
use crate::places::{at_slice, slice_stem, weights_words};
use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use plotters::style::{Color, RGBAColor, text_anchor::HPos};

use super::{
    Figure, Hover, Layout, Mark, PageSection,
    axis::{Axis, Scale},
    canvas::{Canvas, Rect, px},
    frame::{self, Frame},
    legend::{self, Entry, Sample},
    marks::{self, Shape},
    palette, text,
};
use isobath_analysis::{
    points::{Phase, Point, Reach, Slice},
    spread::Spread,
};
use isobath_store::RunRecord;

use crate::{
    depth_words::profile_axis,
    numbers::{depth, fitting, short, significant, ticks, whole_ticks},
    vocabulary::{capitalised, count, profile_bars},
};

/// Profiles of the leading estimator in one slice of the grid.
pub(super) struct Profiles<'a> {
    pub(super) run: &'a RunRecord,
    pub(super) slice: Slice<'a>,
    pub(super) estimator: EstimatorSpec,
    pub(super) rule: CutoffRule,
}

/// Maximum number of profiles.
const MAX_PROFILES: usize = 8;

impl Figure for Profiles<'_> {
    fn stem(&self) -> String {
        format!("profiles-{}-{}", self.estimator, slice_stem(self.run, self.slice.id()))
    }

    fn title(&self) -> String {
        format!("Profiles over depth {}", at_slice(self.run, self.slice.id()))
    }

    fn caption(&self) -> String {
        format!(
            "{} at selected weight variances. Lines are means over \
             {}; bands are the {}.",
            capitalised(&self.estimator.descriptor().axis_label()),
            count(self.run.seeds, "seed"),
            profile_bars(self.run)
        )
    }

    fn size(&self, layout: Layout) -> (i32, i32) {
        match layout {
            Layout::Wide => (px(860), px(480)),
            Layout::Narrow => (px(360), px(440)),
        }
    }

    fn place(&self) -> PageSection {
        PageSection::Evidence
    }

    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover> {
        let (width, height) = self.size(layout);
        let lines = self.lines();
        let top = legend::draw(canvas, &self.title(), &self.legend(&lines), width, layout)?;
        let outer =
            Rect { left: px(4), top: top + px(14), right: width - px(66), bottom: height - px(2) };
        let (x, y) = (self.depths(layout), self.values(&lines));
        let frame = Frame::draw(canvas, outer, layout, x, y, frame::Grid::Shown)?;
        for line in &lines {
            line.draw(canvas, &frame)?;
        }
        let mut hover = Hover::default();
        for line in &lines {
            self.draw_marks(canvas, &frame, line)?;
            hover.marks.extend(self.hover(&frame, line));
        }
        // The title names an initialisation with a scale of its own, which has no variance in common.
        if self.run.scheme(self.slice.id()).is_none() {
            draw_labels(canvas, &frame, &lines, layout)?;
        }
        Ok(hover)
    }
}

impl<'a> Profiles<'a> {
    fn lines(&self) -> Vec<Line<'_>> {
        let points =
            self.slice.representative(MAX_PROFILES, |point| point.has_profile(self.estimator));
        let total = |phase| points.iter().filter(|point| point.phase == phase).count();
        let mut counted = Vec::new();
        let line = |point: &&'_ Point<'a>| {
            let index = counted.iter().filter(|phase| **phase == point.phase).count();
            counted.push(point.phase);
            palette::phase(point.phase, index, total(point.phase))
        };
        let colors: Vec<_> = points.iter().map(line).collect();
        let line =
            |(point, color)| Line { point, color, profile: Point::profile(point, self.estimator) };
        points.into_iter().zip(colors).map(line).collect()
    }

    fn legend(&self, lines: &[Line<'_>]) -> Vec<Entry> {
        let mut entries = vec![Entry {
            sample: Sample::Band,
            label: format!("mean, band: {}", profile_bars(self.run)),
        }];
        let reach = |line: &Line<'_>| line.point.reach(self.estimator, self.rule, self.run.layers);
        let on_axis = |line: &Line<'_>| matches!(reach(line), Reach::Measured { depth, .. } if depth.mean >= 1.0);
        if lines.iter().any(on_axis) {
            entries.push(Entry {
                sample: Sample::Open,
                label: format!("measured, {}", self.rule.words()),
            });
        }
        if lines.iter().any(|line| self.theory(line.point).is_some()) {
            let label = format!("theory, {}", self.rule.descriptor().theory_symbol);
            entries.push(Entry { sample: Sample::Tick, label });
        }
        for (phase, index, label) in [
            (Phase::Ordered, 1, "ordered"),
            (Phase::Critical, 0, "critical"),
            (Phase::Chaotic, 0, "chaotic"),
            (Phase::Unknown, 0, "no fixed point in theory"),
        ] {
            if lines.iter().any(|line| line.point.phase == phase) {
                let sample = Sample::Point(Shape::Square, palette::phase(phase, index, 2));
                entries.push(Entry { sample, label: label.into() });
            }
        }
        entries
    }

    /// Depth predicted by theory, if it lies within the network.
    fn theory(&self, point: &Point<'_>) -> Option<f64> {
        let depth = point.theory_depth(self.rule)?;
        (1.0..=self.run.layers as f64).contains(&depth).then_some(depth)
    }

    fn depths(&self, layout: Layout) -> Axis {
        let high = self.run.layers as f64;
        let (low, high) = if high > 1.0 { (1.0, high) } else { (0.5, 1.5) };
        let ticks = whole_ticks(low, high, if layout == Layout::Wide { 10 } else { 5 });
        Axis { label: profile_axis(self.run), low, high, ticks, write: depth, scale: Scale::Linear }
    }

    fn values(&self, lines: &[Line<'_>]) -> Axis {
        let all = || lines.iter().flat_map(|line| line.profile.iter().flatten());
        let low = all().fold(f64::INFINITY, |low, spread| low.min(spread.low));
        let high = all().fold(f64::NEG_INFINITY, |high, spread| high.max(spread.high));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let room = if high > low { 0.04 * (high - low) } else { 0.5 };
        let (low, high) = (low - room, high + room);
        let label = self.estimator.descriptor().axis_label();
        Axis { label, low, high, ticks: ticks(low, high, 6), write: short, scale: Scale::Linear }
    }

    fn draw_marks(&self, canvas: &Canvas<'_>, frame: &Frame, line: &Line<'_>) -> Result<()> {
        if let Some(at) = self.theory(line.point).and_then(|depth| line.at(frame, depth)) {
            canvas.line(&[(at.0, at.1 - px(7)), (at.0, at.1 + px(7))], line.color, px(2))?;
        }
        if let Reach::Measured { depth, .. } =
            line.point.reach(self.estimator, self.rule, self.run.layers)
            && let Some(at) = line.at(frame, depth.mean)
        {
            marks::point(canvas, Shape::Circle, at, palette::HALO.to_rgba(), false)?;
            marks::point(canvas, Shape::Circle, at, line.color, true)?;
        }
        Ok(())
    }

    fn hover(&self, frame: &Frame, line: &Line<'_>) -> Vec<Mark> {
        let quantity = self.estimator.descriptor();
        let layers = self.run.layers;
        let reach = line.point.reach(self.estimator, self.rule, layers);
        let reach = crate::reach_words::reach_words(&reach, self.rule, layers);
        let mark = |(layer, spread): (usize, Spread)| {
            let [mean, low, high] =
                [spread.mean, spread.low, spread.high].map(|value| significant(value, 4));
            let value = quantity.with_unit(&format!("{mean} ({low} to {high})"));
            let text = format!(
                "{}, depth {layer}: {value}; {reach}",
                weights_words(self.run, line.point.id)
            );
            Mark { x: frame.x(layer as f64), y: frame.y(spread.mean), text }
        };
        let layers = line
            .profile
            .iter()
            .enumerate()
            .filter_map(|(index, spread)| Some((index + 1, (*spread)?)));
        layers.map(mark).collect()
    }
}

/// One profile.
struct Line<'a> {
    point: &'a Point<'a>,
    color: RGBAColor,
    profile: Vec<Option<Spread>>,
}

impl Line<'_> {
    fn draw(&self, canvas: &Canvas<'_>, frame: &Frame) -> Result<()> {
        let layers: Vec<_> = (1..).map(f64::from).zip(self.profile.iter().copied()).collect();
        for run in layers.split(|(_, spread)| spread.is_none()) {
            let run: Vec<_> = run
                .iter()
                .filter_map(|(layer, spread)| Some((frame.x(*layer), (*spread)?)))
                .collect();
            self.draw_run(canvas, frame, &run)?;
        }
        Ok(())
    }

    /// Draws adjacent depths, given by their horizontal positions.
    fn draw_run(&self, canvas: &Canvas<'_>, frame: &Frame, run: &[(i32, Spread)]) -> Result<()> {
        if let [(x, spread)] = run {
            // A line through a single depth would be invisible.
            marks::bar(canvas, *x, frame.y(spread.low), frame.y(spread.high), self.color, px(1))?;
            return marks::point(
                canvas,
                Shape::Circle,
                (*x, frame.y(spread.mean)),
                self.color,
                false,
            );
        }
        let upper = run.iter().map(|(x, spread)| (*x, frame.y(spread.high)));
        let lower = run.iter().rev().map(|(x, spread)| (*x, frame.y(spread.low)));
        let band: Vec<_> = upper.chain(lower).collect();
        if !band.is_empty() {
            canvas.fill(&band, self.color.mix(0.2))?;
        }
        let means: Vec<_> = run.iter().map(|(x, spread)| (*x, frame.y(spread.mean))).collect();
        canvas.line(&means, self.color, px(2))
    }

    /// Position of the line at `depth`.
    fn at(&self, frame: &Frame, depth: f64) -> Option<(i32, i32)> {
        let (below, part) = (depth.floor(), depth.fract());
        let value = |layer: f64| {
            self.profile.get((layer - 1.0) as usize).copied().flatten().map(|spread| spread.mean)
        };
        if below < 1.0 {
            return None;
        }
        let low = value(below)?;
        let high = if part > 0.0 { value(below + 1.0)? } else { low };
        Some((frame.x(depth), frame.y(low + part * (high - low))))
    }

    /// End of the line.
    fn end(&self, frame: &Frame) -> Option<(i32, i32)> {
        let (index, spread) = self
            .profile
            .iter()
            .enumerate()
            .rev()
            .find_map(|(index, spread)| Some((index, (*spread)?)))?;
        Some((frame.x(index as f64 + 1.0), frame.y(spread.mean)))
    }
}

/// Most characters of a label, which the margin holds.
const LABEL_ROOM: usize = 6;

/// Writes each line's variance at its end. Labels of close ends are moved apart and connected by thin leader lines.
fn draw_labels(
    canvas: &Canvas<'_>,
    frame: &Frame,
    lines: &[Line<'_>],
    layout: Layout,
) -> Result<()> {
    let size = layout.text();
    let mut labels: Vec<_> =
        lines.iter().filter_map(|line| Some((line.end(frame)?, line))).collect();
    labels.sort_by_key(|(end, line)| (end.1, (line.point.id.sigma_w2 * 1e6) as i64));
    let wanted: Vec<_> = labels.iter().map(|((_, y), _)| *y).collect();
    let places = apart(&wanted, size * 5 / 4, frame.rect.top + size, frame.rect.bottom);
    let left = frame.rect.right + px(16);
    text::write(canvas, "σ_w²", (left, frame.rect.top - px(8)), size, HPos::Left)?;
    for (((x, y), line), place) in labels.iter().zip(places) {
        canvas.line(
            &[(*x, *y), (frame.rect.right + px(4), *y), (left - px(3), place)],
            line.color,
            px(1),
        )?;
        let variance = fitting(line.point.id.sigma_w2, LABEL_ROOM);
        text::write(canvas, &variance, (left, place), size, HPos::Left)?;
    }
    Ok(())
}

/// Moves ascending `wanted` positions at least `distance` apart, within `top..=bottom` if possible.
fn apart(wanted: &[i32], distance: i32, top: i32, bottom: i32) -> Vec<i32> {
    let mut places = wanted.to_vec();
    let mut least = top;
    for place in &mut places {
        *place = (*place).max(least);
        least = *place + distance;
    }
    let mut most = bottom;
    for place in places.iter_mut().rev() {
        *place = (*place).min(most);
        most = *place - distance;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_moved_apart_inside_the_frame() {
        assert_eq!(apart(&[0, 50, 52], 10, 0, 100), [0, 50, 60]);
        assert_eq!(apart(&[98, 99, 100], 10, 0, 100), [80, 90, 100]);
        assert_eq!(apart(&[], 10, 0, 100).len(), 0);
    }
}
