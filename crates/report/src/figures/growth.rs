//! Growth of a quantity with depth: measurements and a fitted line.

use crate::Result;
use plotters::style::Color;

use super::{
    Figure, Hover, Layout, Mark, PageSection,
    axis::{Axis, Scale},
    canvas::{Canvas, Rect, px},
    frame::{self, Frame},
    legend::{self, Entry, Sample},
    marks::{self, Shape},
    palette::{self, INK},
};
use crate::numbers::{depth, short, ticks, whole_ticks};

/// Quantity measured at several depths, with a fitted line.
#[derive(Clone, Debug)]
pub struct Growth {
    /// Name and unit.
    pub label: String,
    /// Depths, each with the median, minimum and maximum of its measurements.
    pub points: Vec<(f64, [f64; 3])>,
    /// Intercept and slope of the line.
    pub line: [f64; 2],
}

/// Chart with one panel per quantity.
pub(crate) struct GrowthChart<'a> {
    pub(crate) stem: &'a str,
    pub(crate) title: &'a str,
    pub(crate) quantities: &'a [Growth],
}

impl Figure for GrowthChart<'_> {
    fn stem(&self) -> String {
        self.stem.to_owned()
    }

    fn title(&self) -> String {
        self.title.to_owned()
    }

    fn caption(&self) -> String {
        "Points are medians, bars show the range of the measurements, and lines are least-squares fits.".into()
    }

    fn size(&self, layout: Layout) -> (i32, i32) {
        let panels = self.quantities.len() as i32;
        match layout {
            Layout::Wide => (px(60) + px(400) * panels, px(420)),
            Layout::Narrow => (px(360), px(90) + px(330) * panels),
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover> {
        let (width, height) = self.size(layout);
        let entry = |sample, label: &str| Entry { sample, label: label.to_owned() };
        let legend = [
            entry(Sample::Point(Shape::Circle, palette::series(0)), "median, bar: range"),
            entry(Sample::Line, "least-squares line"),
        ];
        let top = legend::draw(canvas, &self.title(), &legend, width, layout)?;
        let room =
            Rect { left: px(4), top: top + px(4), right: width - px(14), bottom: height - px(2) };
        let mut hover = Hover::default();
        for (index, quantity) in self.quantities.iter().enumerate() {
            let outer = room.part(index as i32, self.quantities.len() as i32, layout);
            hover.marks.extend(quantity.draw(canvas, outer, layout)?);
        }
        Ok(hover)
    }

    fn place(&self) -> PageSection {
        PageSection::FilesOnly
    }
}

impl Growth {
    fn draw(&self, canvas: &Canvas<'_>, outer: Rect, layout: Layout) -> Result<Vec<Mark>> {
        let deepest = self.points.iter().fold(0.0, |deepest: f64, (depth, _)| deepest.max(*depth));
        let [intercept, slope] = self.line;
        let end = intercept + slope * deepest;
        let highest = self.points.iter().fold(end, |highest, (_, [.., high])| highest.max(*high));
        let axis = |label: String, high: f64, ticks: Vec<f64>, write| Axis {
            label,
            low: 0.0,
            high,
            ticks,
            write,
            scale: Scale::Linear,
        };
        // A margin keeps the last point inside.
        let (across, up) = (1.04 * deepest.max(1.0), 1.06 * highest.max(f64::MIN_POSITIVE));
        let frame = Frame::draw(
            canvas,
            outer,
            layout,
            axis("depth (layers)".into(), across, whole_ticks(0.0, across, 5), depth),
            axis(self.label.clone(), up, ticks(0.0, up, 5), short),
            frame::Grid::Shown,
        )?;
        for part in frame.clipped([(0.0, Some(intercept)), (deepest, Some(end))]) {
            canvas.line(&part, INK.mix(0.6), px(1))?;
        }
        let color = palette::series(0);
        let mut drawn = Vec::new();
        for &(x, [median, low, high]) in &self.points {
            let at = (frame.x(x), frame.y(median));
            if high > low {
                marks::bar(canvas, at.0, frame.y(low), frame.y(high), color.mix(0.6), px(1))?;
            }
            marks::point(canvas, Shape::Circle, at, color, false)?;
            let [median, low, high] = [median, low, high].map(short);
            let text = format!("depth {}: {median} ({low} to {high})", depth(x));
            drawn.push(Mark { x: at.0, y: at.1, text });
        }
        Ok(drawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_of_points_and_line() {
        let points = [5.0, 10.0].map(|x| (x, [2.0 * x, 1.9 * x, 2.2 * x])).to_vec();
        let quantity = Growth { label: "seconds".into(), points, line: [0.0, 2.0] };
        let chart = GrowthChart { stem: "growth", title: "Growth", quantities: &[quantity] };
        let drawing = super::super::draw(&chart, Layout::Wide).unwrap();
        let [first, second] = &drawing.hover.marks[..] else { panic!("two points") };
        assert_eq!(second.text, "depth 10: 20 (19 to 22)");
        // Both points lie on the line through the origin, which is the lower left corner.
        assert!(first.x < second.x && first.y > second.y);
        let svg = drawing.to_svg();
        assert!(svg.contains("seconds") && svg.contains("depth (layers)"), "{svg}");
    }

    #[test]
    fn a_single_measurement_can_be_drawn() {
        let quantity = Growth { label: "x".into(), points: vec![(5.0, [0.0; 3])], line: [0.0; 2] };
        let chart = GrowthChart { stem: "growth", title: "Growth", quantities: &[quantity] };
        super::super::draw(&chart, Layout::Narrow).unwrap();
    }
}
