//! Drawing surface of the figures.

use crate::Result;
use plotters::{coord::Shift, prelude::*};

/// Canvas units per pixel of the page. Plotters rounds positions to whole units, so more units give finer positions.
pub(super) const UNITS: i32 = 4;

/// Converts pixels of the page to canvas units.
pub(super) const fn px(pixels: i32) -> i32 {
    pixels * UNITS
}

/// Window width that a figure is drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Tablets, larger windows and files.
    Wide,
    /// Phones.
    Narrow,
}

impl Layout {
    /// Size of ordinary labels.
    pub(super) const fn text(self) -> i32 {
        match self {
            Self::Wide => px(13),
            Self::Narrow => px(12),
        }
    }
}

/// Rectangle in canvas units; it includes its right and bottom edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) left: i32,
    pub(super) top: i32,
    pub(super) right: i32,
    pub(super) bottom: i32,
}

impl Rect {
    pub(super) const fn width(self) -> i32 {
        self.right - self.left
    }

    pub(super) const fn height(self) -> i32 {
        self.bottom - self.top
    }

    /// The `index`-th of `total` parts: side by side, or stacked in narrow layouts.
    pub(super) fn part(self, index: i32, total: i32, layout: Layout) -> Self {
        match layout {
            Layout::Wide => {
                let step = self.width() / total;
                let left = self.left + index * step;
                Self { left, right: left + step - px(12), ..self }
            }
            Layout::Narrow => {
                let step = self.height() / total;
                let top = self.top + index * step;
                Self { top, bottom: top + step - px(10), ..self }
            }
        }
    }
}

/// Bitmap beneath the drawing, stretched over `rect` without smoothing.
pub(super) struct Underlay {
    pub(super) rect: Rect,
    /// PNG file.
    pub(super) png: Vec<u8>,
}

/// Plotters surface with the bitmaps beneath the drawing.
pub(crate) struct Canvas<'a> {
    pub(super) area: DrawingArea<SVGBackend<'a>, Shift>,
    pub(super) underlays: Vec<Underlay>,
}

impl Canvas<'_> {
    /// Draws a line through `points`, `width` units wide.
    pub(super) fn line(&self, points: &[(i32, i32)], color: RGBAColor, width: i32) -> Result<()> {
        if points.len() < 2 {
            return Ok(());
        }
        self.area
            .draw(&PathElement::new(points.to_vec(), color.stroke_width(width.unsigned_abs())))?;
        Ok(())
    }

    /// Fills a polygon.
    pub(super) fn fill(&self, points: &[(i32, i32)], color: RGBAColor) -> Result<()> {
        self.area.draw(&Polygon::new(points.to_vec(), color.filled()))?;
        Ok(())
    }

    /// Fills a rectangle.
    pub(super) fn block(&self, rect: Rect, color: RGBAColor) -> Result<()> {
        self.area.draw(&Rectangle::new(
            [(rect.left, rect.top), (rect.right, rect.bottom)],
            color.filled(),
        ))?;
        Ok(())
    }

    /// Draws the edges of a rectangle, `width` units wide.
    pub(super) fn outline(&self, rect: Rect, color: RGBAColor, width: i32) -> Result<()> {
        let Rect { left, top, right, bottom } = rect;
        self.line(
            &[(left, top), (right, top), (right, bottom), (left, bottom), (left, top)],
            color,
            width,
        )
    }
}
