//! Lengths over depth in theory, at grid points without a stable length.

use crate::Result;
use crate::depth_words::profile_axis;
use crate::places::{theory_words, weights_words};
use isobath_experiment::GridPoint;
use isobath_store::{GrowthRecord, RunRecord};
use plotters::style::{Color, RGBAColor};

use super::{
    Figure, Hover, Layout, Mark, PageSection,
    axis::{Axis, Scale},
    canvas::{Canvas, Rect, px},
    frame::{self, Frame},
    legend::{self, Entry, Sample},
    marks::{self, Dash, Shape},
    palette::{self, INK},
};
use crate::numbers::{depth, log_ticks, significant, whole_ticks};

/// Theory's lengths at the points of a run without a stable length.
pub(super) struct LengthGrowth<'a> {
    run: &'a RunRecord,
    curves: Vec<Curve<'a>>,
    /// Number of points without a stable length; more than curves if they are thinned.
    points: usize,
}

/// Lengths at one point of the grid.
struct Curve<'a> {
    point: GridPoint,
    growth: &'a GrowthRecord,
    color: RGBAColor,
    /// One pattern per bias variance, so that curves on each other are both seen.
    dash: Dash,
}

/// Maximum number of curves, each with its own colour.
const MAX_CURVES: usize = 6;

/// Length at which typical activations `sqrt(q)` exceed the largest f32.
const OVERFLOW: f64 = f32::MAX as f64 * f32::MAX as f64;

/// Dashes of the line at [`OVERFLOW`].
const OVERFLOW_DASHES: (i32, i32) = (px(5), px(4));

impl<'a> LengthGrowth<'a> {
    /// Figure of `run`, if lengths grow at any point.
    pub(super) fn of(run: &'a RunRecord) -> Option<Self> {
        let growing = |record: &'a isobath_store::TheoryRecord| {
            Some((record.point, record.growth.as_ref()?))
                .filter(|(_, growth)| growth.lengths.len() > 1)
        };
        let mut all: Vec<(GridPoint, &GrowthRecord)> = Vec::new();
        for found in run.theory.iter().filter_map(growing) {
            // Networks that differ in width alone share their theory.
            let is_same = |known: &(GridPoint, &GrowthRecord)| {
                known.0.bits() == found.0.bits() && known.1 == found.1
            };
            if !all.iter().any(is_same) {
                all.push(found);
            }
        }
        let shown = all.len().min(MAX_CURVES);
        // Evenly spread, with the first and the last.
        let place = |index: usize| index * (all.len() - 1) / (shown - 1).max(1);
        let mut biases: Vec<GridPoint> = all.iter().map(|(point, _)| *point).collect();
        biases.dedup_by(|a, b| a.shares_slice(b));
        let curve = |index| {
            let (point, growth) = all[place(index)];
            let bias = biases.iter().position(|b| b.shares_slice(&point)).unwrap_or(0);
            Curve { point, growth, color: palette::series(index), dash: Dash::of(bias) }
        };
        let curves: Vec<_> = (0..shown).map(curve).collect();
        (!curves.is_empty()).then_some(Self { run, points: all.len(), curves })
    }

    /// True if f32 overflows within the network on any curve.
    fn overflows(&self) -> bool {
        self.curves.iter().any(|curve| curve.growth.overflow_layer.is_some())
    }

    fn legend(&self) -> Vec<Entry> {
        let curve = |curve: &Curve<'_>| Entry {
            sample: Sample::Colored(curve.color, curve.dash, px(2)),
            label: self.label(curve),
        };
        let mut entries: Vec<_> = self.curves.iter().map(curve).collect();
        if self.overflows() {
            let (on, off) = OVERFLOW_DASHES;
            entries.push(Entry {
                sample: Sample::Colored(INK.mix(0.6), Dash::Dashed(on, off), px(1)),
                label: "typical activation √q exceeds the largest f32".into(),
            });
        }
        entries
    }

    /// `σ_w² = 4, σ_b² = 0.1: f32 overflows at layer 257`; network and bias variance only
    /// where there are several.
    fn label(&self, curve: &Curve<'_>) -> String {
        let is_only_slice =
            self.run.theory.iter().all(|record| record.point.shares_slice(&curve.point));
        let place = if is_only_slice {
            weights_words(self.run, curve.point)
        } else {
            theory_words(self.run, curve.point)
        };
        let overflow = curve.growth.overflow_layer;
        let overflow = overflow.map(|layer| format!(": f32 overflows at layer {layer}"));
        format!("{place}{}", overflow.unwrap_or_default())
    }

    fn depths(&self, layout: Layout) -> Axis {
        let high = self.run.depth as f64;
        let ticks = whole_ticks(1.0, high, if layout == Layout::Wide { 10 } else { 5 });
        let label = profile_axis(self.run);
        Axis { label, low: 1.0, high, ticks, write: depth, scale: Scale::Linear }
    }

    /// Logarithmic axis over all lengths up to the overflow of f32, slightly widened.
    fn lengths(&self) -> Axis {
        let all = self.curves.iter().flat_map(|curve| &curve.growth.lengths);
        let shown = all.map(|q| q.clamp(f64::MIN_POSITIVE, OVERFLOW));
        let (low, high) =
            shown.fold((f64::INFINITY, 0.0_f64), |(low, high), q| (low.min(q), high.max(q)));
        // Slow growth also gets space around it.
        let room = (4.0 / (high / low)).sqrt().max((high / low).powf(0.05)).max(1.1);
        let (low, high) = (low / room, high * room);
        let (label, ticks) =
            ("variance q of a layer's pre-activations".into(), log_ticks(low, high));
        Axis { label, low, high, ticks, write: length, scale: Scale::Logarithmic }
    }
}

impl Figure for LengthGrowth<'_> {
    fn stem(&self) -> String {
        "growth-of-lengths".into()
    }

    fn title(&self) -> String {
        "Growth of lengths where theory has no fixed point".into()
    }

    fn caption(&self) -> String {
        let count = match self.points {
            points if points > self.curves.len() => {
                format!("{} of {points} grid points", self.curves.len())
            }
            _ => "Grid points".to_owned(),
        };
        format!(
            "{count} without a stable length. Lines: mean-field theory's variance q of the pre-activations \
             of each layer, for inputs of mean square 1. Without a stable length there is no depth scale ξ_c."
        )
    }

    fn size(&self, layout: Layout) -> (i32, i32) {
        match layout {
            Layout::Wide => (px(860), px(420)),
            Layout::Narrow => (px(360), px(330) + px(36) * self.curves.len() as i32),
        }
    }

    fn place(&self) -> PageSection {
        PageSection::Evidence
    }

    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover> {
        let (width, height) = self.size(layout);
        let top = legend::draw(canvas, &self.title(), &self.legend(), width, layout)?;
        let outer =
            Rect { left: px(4), top: top + px(4), right: width - px(14), bottom: height - px(2) };
        let (x, y) = (self.depths(layout), self.lengths());
        let frame = Frame::draw(canvas, outer, layout, x, y, frame::Grid::Shown)?;
        if self.overflows() {
            let (left, right, y) = (frame.rect.left, frame.rect.right, frame.y(OVERFLOW));
            let line = [(left, y), (right, y)];
            marks::dashed(canvas, &line, INK.mix(0.6), px(1), OVERFLOW_DASHES)?;
        }
        let mut hover = Hover::default();
        for curve in &self.curves {
            curve.draw(canvas, &frame)?;
            hover.marks.extend(self.hover(&frame, curve));
        }
        Ok(hover)
    }
}

impl LengthGrowth<'_> {
    fn hover(&self, frame: &Frame, curve: &Curve<'_>) -> Vec<Mark> {
        let label = self.label(curve);
        let inside = curve.layers().take_while(|(_, q)| *q <= OVERFLOW);
        let mark = |(layer, q)| {
            let text = format!("{label}; layer {}: q = {}", depth(layer), significant(q, 5));
            Mark { x: frame.x(layer), y: frame.y(q), text }
        };
        inside.map(mark).collect()
    }
}

impl Curve<'_> {
    /// Layers from 1, and their lengths.
    fn layers(&self) -> impl Iterator<Item = (f64, f64)> {
        (1..).map(f64::from).zip(self.growth.lengths.iter().copied())
    }

    fn draw(&self, canvas: &Canvas<'_>, frame: &Frame) -> Result<()> {
        for part in frame.clipped(self.layers().map(|(layer, q)| (layer, Some(q)))) {
            match self.dash {
                Dash::Solid => canvas.line(&part, self.color, px(2))?,
                Dash::Dashed(on, off) => {
                    marks::dashed(canvas, &part, self.color, px(2), (on, off))?;
                }
            }
        }
        if let Some(depth) = self.overflow_depth() {
            let at = (frame.x(depth), frame.y(OVERFLOW));
            marks::point(canvas, Shape::Circle, at, self.color, false)?;
        }
        Ok(())
    }

    /// Depth at which the curve crosses [`OVERFLOW`], between two layers.
    fn overflow_depth(&self) -> Option<f64> {
        let layer = self.growth.overflow_layer?;
        let ln_q = |layer: usize| Some(self.growth.lengths.get(layer.checked_sub(1)?)?.ln());
        let (below, above) = (ln_q(layer.checked_sub(1)?)?, ln_q(layer)?);
        Some((layer - 1) as f64 + (OVERFLOW.ln() - below) / (above - below))
    }
}

/// A length at a tick of the axis, in a few characters.
fn length(q: f64) -> String {
    if q < 1000.0 { significant(q, 2) } else { format!("{q:.0e}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_store::synthetic::{Options, run};

    /// A run of 30 layers whose lengths grow by each of `factors`, from 1.
    fn growing(factors: &[f64]) -> RunRecord {
        let mut run = run(&Options { sigma_w2: factors.to_vec(), ..Options::default() });
        for (record, factor) in run.theory.iter_mut().zip(factors) {
            let lengths: Vec<f64> = (0..30).map(|layer| factor.powi(layer)).collect();
            let overflow_layer = lengths.iter().position(|&q| q > OVERFLOW).map(|index| index + 1);
            let sentence = "lengths grow".into();
            record.growth = Some(GrowthRecord { sentence, lengths, overflow_layer });
        }
        run
    }

    #[test]
    fn runs_with_stable_lengths_have_no_such_figure() {
        assert!(LengthGrowth::of(&run(&Options::default())).is_none());
    }

    #[test]
    fn constant_factors_are_straight_lines_on_the_logarithmic_axis() {
        let run = growing(&[1.25]);
        let drawing = super::super::draw(&LengthGrowth::of(&run).unwrap(), Layout::Wide).unwrap();
        let marks = &drawing.hover.marks;
        assert_eq!(marks.len(), 30);
        assert_eq!(marks[3].text, "σ_w² = 1.25; layer 4: q = 1.9531");
        let slope = |from: usize, to: usize| {
            f64::from(marks[from].y - marks[to].y) / f64::from(marks[to].x - marks[from].x)
        };
        assert!(slope(0, 29) > 0.0 && (slope(0, 15) / slope(15, 29) - 1.0).abs() < 0.02);
    }

    #[test]
    fn overflow_within_the_network_is_marked() {
        let run = growing(&[1.25, 1e4]);
        let drawing = super::super::draw(&LengthGrowth::of(&run).unwrap(), Layout::Narrow).unwrap();
        let svg = drawing.to_svg();
        assert!(svg.contains("f32 overflows at layer 21"), "{svg}");
        let figure = LengthGrowth::of(&run).unwrap();
        // 1e4^(l - 1) = 1.158e77
        let depth = figure.curves[1].overflow_depth().unwrap();
        assert!(
            (depth - (1.0 + OVERFLOW.log10() / 4.0)).abs() < 1e-9 && (20.0..21.0).contains(&depth)
        );
        // The second curve ends below the overflow.
        assert_eq!(drawing.hover.marks.len(), 30 + 20);
    }

    #[test]
    fn many_points_are_thinned() {
        let run = growing(&(1..=20).map(|step| 1.0 + f64::from(step) / 10.0).collect::<Vec<_>>());
        let figure = LengthGrowth::of(&run).unwrap();
        assert_eq!(figure.curves.len(), MAX_CURVES);
        let last = figure.curves[MAX_CURVES - 1].point;
        assert_eq!(Some(last), run.theory.last().map(|record| record.point));
        assert!(figure.caption().starts_with("6 of 20 grid points"), "{}", figure.caption());
    }
}
