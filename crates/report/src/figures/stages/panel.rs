//! One quantity over the stages of a network.

use plotters::style::Color;

use super::{
    super::{
        Mark,
        axis::{Axis, Scale},
        canvas::{Canvas, Layout, Rect},
        frame::{self, Frame},
        marks::{self, Dash, Shape},
    },
    BAND_ERRORS, Curve, StageRecord, StageTheory, px,
};
use crate::{
    Result,
    depth_words::profile_axis,
    numbers::{depth, short, significant, ticks, whole_ticks},
};

/// Quantity of theory at each stage.
pub(super) struct Quantity {
    pub(super) label: &'static str,
    /// Its value; `None` or infinite where there is none.
    pub(super) value: fn(&StageRecord) -> Option<f64>,
    /// True if the sampling error is the error of this quantity.
    pub(super) has_band: bool,
}

pub(super) struct Panel<'a> {
    pub(super) figure: &'a StageTheory<'a>,
    pub(super) quantity: &'a Quantity,
}

/// Most hover targets of one curve.
const MOST_MARKS: usize = 60;

/// Least range of the axis of a quantity, so that rounding errors do not fill it.
const LEAST_RANGE: f64 = 0.02;

impl Panel<'_> {
    pub(super) fn draw(
        &self,
        canvas: &Canvas<'_>,
        outer: Rect,
        layout: Layout,
    ) -> Result<Vec<Mark>> {
        let frame =
            Frame::draw(canvas, outer, layout, self.stages(), self.values(), frame::Grid::Shown)?;
        if let Some(gap) = self.figure.gap() {
            let left = frame.x(gap as f64 - 0.5).max(frame.rect.left);
            marks::hatched(canvas, Rect { left, ..frame.rect })?;
        }
        for curve in &self.figure.curves {
            self.draw_curve(canvas, &frame, curve)?;
        }
        Ok(self.figure.curves.iter().flat_map(|curve| self.hover(&frame, curve)).collect())
    }

    fn stages(&self) -> Axis {
        let high = self.figure.last_stage() as f64;
        let (low, high) = if high > 1.0 { (1.0, high) } else { (0.5, 1.5) };
        let label = profile_axis(self.figure.run);
        let ticks = whole_ticks(low, high, 5);
        Axis { label, low, high, ticks, write: depth, scale: Scale::Linear }
    }

    fn values(&self) -> Axis {
        let curves = self.figure.curves.iter();
        let all =
            curves.flat_map(|curve| curve.record.stages.iter().flat_map(|s| self.interval(s)));
        let finite = all.filter(|value| value.is_finite());
        let (low, high) = finite
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let room = (0.05 * (high - low)).max(0.5 * (LEAST_RANGE - (high - low)));
        let (low, high) = (low - room, high + room);
        let label = self.quantity.label.into();
        Axis { label, low, high, ticks: ticks(low, high, 6), write: short, scale: Scale::Linear }
    }

    fn value(&self, stage: &StageRecord) -> Option<f64> {
        (self.quantity.value)(stage).filter(|value| value.is_finite())
    }

    /// Ends of the band; twice the value without one.
    fn interval(&self, stage: &StageRecord) -> Vec<f64> {
        let error = stage.sampling_error.filter(|_| self.quantity.has_band).unwrap_or(0.0);
        // A relative error of q is an error of ln q.
        self.value(stage)
            .map(|value| vec![value - BAND_ERRORS * error, value + BAND_ERRORS * error])
            .unwrap_or_default()
    }

    fn draw_curve(&self, canvas: &Canvas<'_>, frame: &Frame, curve: &Curve<'_>) -> Result<()> {
        let stages = &curve.record.stages;
        for run in stages.split(|stage| self.value(stage).is_none()) {
            let at = |stage: &StageRecord, end: usize| {
                Some((frame.x(stage.stage as f64), frame.y(*self.interval(stage).get(end)?)))
            };
            if run.iter().any(|stage| stage.sampling_error.is_some()) && self.quantity.has_band {
                let upper = run.iter().filter_map(|stage| at(stage, 1));
                let lower = run.iter().rev().filter_map(|stage| at(stage, 0));
                canvas.fill(&upper.chain(lower).collect::<Vec<_>>(), curve.color.mix(0.2))?;
            }
            if let [stage] = run
                && let Some(value) = self.value(stage)
            {
                let at = (frame.x(stage.stage as f64), frame.y(value));
                marks::point(canvas, Shape::Circle, at, curve.color, false)?;
            }
        }
        let points = stages.iter().map(|stage| (stage.stage as f64, self.value(stage)));
        for part in frame.clipped(points) {
            match curve.dash {
                Dash::Solid => canvas.line(&part, curve.color, px(3) / 2)?,
                Dash::Dashed(on, off) => {
                    marks::dashed(canvas, &part, curve.color, px(3) / 2, (on, off))?;
                }
            }
        }
        Ok(())
    }

    fn hover(&self, frame: &Frame, curve: &Curve<'_>) -> Vec<Mark> {
        let step = curve.record.stages.len().div_ceil(MOST_MARKS).max(1);
        let mark = |stage: &StageRecord| {
            let value = self.value(stage)?;
            let text = format!(
                "{}; stage {}: {} = {}",
                curve.label,
                stage.stage,
                self.quantity.label,
                significant(value, 4)
            );
            Some(Mark { x: frame.x(stage.stage as f64), y: frame.y(value), text })
        };
        curve.record.stages.iter().step_by(step).filter_map(mark).collect()
    }
}
