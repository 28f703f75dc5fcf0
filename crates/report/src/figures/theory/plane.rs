//! Depth scale over the plane of weight and bias variances.

use crate::Result;
use plotters::style::{Color, RGBColor};

use super::super::{
    Figure, Hover, Layout, PageSection,
    axis::{Axis, Scale},
    canvas::{Canvas, Rect, Underlay, px},
    color_bar,
    frame::{self, Frame},
    legend::{self, Entry, Sample},
    marks::{self, Dash},
    palette::{INK, NO_RESULT, heat},
    picture,
};
use crate::{
    numbers::{log_ticks, short, ticks},
    theory_figures::Plane,
};

/// Colour range in layers. Longer scales, up to the infinite one at the critical line, share one colour.
const COLORS: (f64, f64) = (1.0, 200.0);

impl Figure for Plane {
    fn stem(&self) -> String {
        self.stem.clone()
    }

    fn title(&self) -> String {
        self.title.clone()
    }

    fn caption(&self) -> String {
        self.title.clone()
    }

    fn size(&self, _: Layout) -> (i32, i32) {
        (px(720), px(500))
    }

    fn place(&self) -> PageSection {
        PageSection::FilesOnly
    }

    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover> {
        let (width, height) = self.size(layout);
        let top = legend::draw(canvas, &self.title, &self.legend(), width, layout)?;
        let outer = Rect { left: px(4), top, right: width - px(92), bottom: height - px(2) };
        let axis = |label: &str, middles: &[f64]| {
            let (low, high) = ends(middles);
            let (label, ticks) = (label.into(), ticks(low, high, 8));
            Axis { label, low, high, ticks, write: short, scale: Scale::Linear }
        };
        let frame = Frame::draw(
            canvas,
            outer,
            layout,
            axis("weight variance σ_w²", &self.sigma_w2),
            axis("bias variance σ_b²", &self.sigma_b2),
            frame::Grid::Hidden,
        )?;
        canvas.underlays.push(Underlay { rect: frame.rect, png: self.bitmap()? });
        let line = self.critical.iter().map(|&(x, y)| (x, y.is_finite().then_some(y)));
        for part in frame.clipped(line) {
            marks::halo_line(canvas, &part, Dash::Solid)?;
        }
        canvas.outline(frame.rect, INK.to_rgba(), px(1))?;
        draw_colours(canvas, Rect { left: frame.rect.right, right: width, ..frame.rect }, layout)?;
        Ok(Hover::default())
    }
}

impl Plane {
    fn legend(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        if self.critical.windows(2).any(|pair| pair[0].1.is_finite() && pair[1].1.is_finite()) {
            let label = "critical line χ_1 = 1".into();
            entries.push(Entry { sample: Sample::Theory(Dash::Solid), label });
        }
        if self.xi_c.contains(&None) {
            entries.push(Entry { sample: Sample::NoResult, label: "no stable length".into() });
        }
        entries
    }

    /// One pixel per point, with the largest bias variance on top.
    fn bitmap(&self) -> Result<Vec<u8>> {
        let (columns, rows) = (self.sigma_w2.len(), self.sigma_b2.len());
        let pixels = (0..rows).rev().flat_map(|row| {
            (0..columns).map(move |column| match self.xi_c[row * columns + column] {
                Some(xi_c) => heat(share(xi_c)),
                None => NO_RESULT[usize::from((row + column) % 6 < 2)],
            })
        });
        let rgb: Vec<u8> =
            pixels.flat_map(|RGBColor(red, green, blue)| [red, green, blue]).collect();
        picture::encode(columns, rows, &rgb)
    }
}

/// Position of a depth scale along the colours.
fn share(xi_c: f64) -> f64 {
    let (low, high) = COLORS;
    (xi_c.max(low) / low).ln() / (high / low).ln()
}

/// Range extended half a step beyond the first and last of evenly spaced centres.
fn ends(middles: &[f64]) -> (f64, f64) {
    match middles {
        [] => (0.0, 1.0),
        [one] => (one - 0.5, one + 0.5),
        [first, second, ..] => {
            let half = 0.5 * (second - first);
            (first - half, middles[middles.len() - 1] + half)
        }
    }
}

/// Colour bar to the right of the plane.
fn draw_colours(canvas: &Canvas<'_>, room: Rect, layout: Layout) -> Result<()> {
    let label = |tick| if tick >= COLORS.1 { format!("\u{2265}{tick}") } else { short(tick) };
    let marks = log_ticks(COLORS.0, COLORS.1).into_iter().map(|tick| (share(tick), label(tick)));
    color_bar::draw(canvas, room, marks, "depth scale ξ_c (layers)", layout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_cover_their_range_and_infinity() {
        assert!(share(1.0).abs() < 1e-15 && (share(200.0) - 1.0).abs() < 1e-12);
        assert!(share(0.0).abs() < 1e-15 && share(f64::INFINITY) > 1.0);
        assert!(heat(share(f64::INFINITY)) == heat(1.0));
    }

    #[test]
    fn range_extends_half_a_step() {
        assert_eq!(ends(&[1.0, 2.0, 3.0]), (0.5, 3.5));
        assert_eq!(ends(&[2.0]), (1.5, 2.5));
    }
}
