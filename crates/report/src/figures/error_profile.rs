//! Reconstruction error over the layers of one network.

use crate::Result;
use isobath_analysis::layer_losses::LayerLoss;
use plotters::style::Color;

use super::{
    Figure, Hover, Layout, Mark, PageSection,
    axis::{Axis, Scale},
    canvas::{Canvas, Rect, px},
    frame::{self, Frame},
    legend::{self, Entry, Sample},
    marks::{self, Dash, Shape},
    palette::{INK, series},
};
use crate::{
    interpretation::{Interpretation, LayerRow},
    numbers::{depth, short, ticks, whole_ticks},
};

/// Highest error on the axis; larger ones lie on its upper end.
const HIGHEST: f64 = 1.5;

/// The profile of an interpretation.
pub(crate) struct ErrorProfile<'a> {
    pub(crate) interpretation: &'a Interpretation,
}

impl ErrorProfile<'_> {
    fn layers(&self) -> &[LayerRow] {
        &self.interpretation.layers
    }

    fn linear(&self) -> Vec<(usize, f64)> {
        let layers = self.layers().iter().enumerate();
        layers.filter_map(|(index, layer)| Some((index + 1, layer.linear?))).collect()
    }

    fn highest(&self) -> f64 {
        let ends = |layer: &LayerRow| layer.interval.map_or(layer.error, |[_, high]| high);
        let all = self.layers().iter().map(ends).chain(self.linear().into_iter().map(|one| one.1));
        (1.05 * all.fold(1.0, f64::max)).min(HIGHEST)
    }
}

impl Figure for ErrorProfile<'_> {
    fn stem(&self) -> String {
        "profile".into()
    }

    fn title(&self) -> String {
        format!("Reconstruction error behind the layers of {}", self.interpretation.name)
    }

    fn caption(&self) -> String {
        let linear = if self.linear().is_empty() {
            ""
        } else {
            " The dashed line is one linear decoder from the layer directly to the input; of wide layers, it reads a part \
             of the units, so it may lie above."
        };
        format!(
            "Share of the variance of the held-out samples that reconstructions from a layer miss: 0 for perfect \
             reconstructions, 1 for the mean image. Bars are 95% bootstrap intervals over samples.{linear}"
        )
    }

    fn size(&self, layout: Layout) -> (i32, i32) {
        match layout {
            Layout::Wide => (px(760), px(420)),
            Layout::Narrow => (px(360), px(400)),
        }
    }

    fn place(&self) -> PageSection {
        PageSection::Chart
    }

    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover> {
        let (width, height) = self.size(layout);
        let color = series(0);
        let mut entries = vec![Entry {
            sample: Sample::Point(Shape::Circle, color),
            label: "chained decoders".into(),
        }];
        let linear = self.linear();
        if !linear.is_empty() {
            let sample = Sample::Colored(series(1), Dash::of(1), px(2));
            entries.push(Entry { sample, label: "one linear decoder from the layer".into() });
        }
        let top = legend::draw(canvas, &self.title(), &entries, width, layout)?;
        let outer =
            Rect { left: px(4), top: top + px(4), right: width - px(14), bottom: height - px(2) };
        let (last, highest) = (self.layers().len() as f64 + 0.3, self.highest());
        let axis = |label: &str, high: f64, ticks: Vec<f64>, write| {
            let (label, scale) = (label.to_owned(), Scale::Linear);
            Axis { label, low: 0.0, high, ticks, write, scale }
        };
        let frame = Frame::draw(
            canvas,
            outer,
            layout,
            axis("layer (0: input)", last, whole_ticks(0.0, last, 10), depth),
            axis("reconstruction error 1 \u{2212} R²", highest, ticks(0.0, highest, 6), short),
            frame::Grid::Shown,
        )?;
        let mean_image = frame.clipped([(0.0, Some(1.0)), (last, Some(1.0))]);
        for part in mean_image {
            canvas.line(&part, INK.mix(0.4), px(1))?;
        }
        let line = |points: Vec<(usize, f64)>| {
            let points = points.into_iter().map(|(x, y)| (x as f64, Some(y)));
            frame.clipped(points.collect::<Vec<_>>())
        };
        for part in line(linear) {
            if let Dash::Dashed(on, off) = Dash::of(1) {
                marks::dashed(canvas, &part, series(1), px(2), (on, off))?;
            }
        }
        let errors = (1..).zip(self.layers().iter().map(|layer| layer.error));
        for part in line(std::iter::once((0, 0.0)).chain(errors).collect()) {
            canvas.line(&part, color, px(2))?;
        }
        let mut hover = Hover::default();
        for ((index, layer), loss) in
            self.layers().iter().enumerate().zip(self.interpretation.losses())
        {
            let inside = |value: f64| frame.y(value).clamp(frame.rect.top, frame.rect.bottom);
            let at = (frame.x((index + 1) as f64), inside(layer.error));
            if let Some([low, high]) = layer.interval {
                marks::bar(canvas, at.0, inside(low), inside(high), color.mix(0.6), px(1))?;
            }
            marks::point(canvas, Shape::Circle, at, color, false)?;
            let text = described(index + 1, layer, loss);
            hover.marks.push(Mark { x: at.0, y: at.1, text });
        }
        canvas.outline(frame.rect, INK.to_rgba(), px(1))?;
        Ok(hover)
    }
}

/// A layer in words, for hovering.
fn described(number: usize, layer: &LayerRow, loss: LayerLoss) -> String {
    let interval =
        layer.interval.map(|[low, high]| format!(" ({} to {})", short(low), short(high)));
    let (name, error, rise) = (&layer.name, short(layer.error), short(loss.lost()));
    let interval = interval.unwrap_or_default();
    format!("layer {number}: {name}; error {error}{interval}; rise in this layer {rise}")
}
