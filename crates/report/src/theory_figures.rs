//! Figures of mean-field theory, drawn by `meanfield --plot` without a run.

use std::path::{Path, PathBuf};

use crate::Result;

use super::{Format, figures::Figure, write_figure};

/// Panels side by side under one title, each with lines and points on its own axes.
#[derive(Clone, Debug)]
pub struct Panels {
    /// File name without extension.
    pub stem: String,
    /// Title.
    pub title: String,
    /// Panels from left to right.
    pub list: Vec<Panel>,
    /// Legend of the lines, shared by all panels.
    pub legend: Vec<(LineStyle, String)>,
    /// Legend of the point series, shared by all panels.
    pub marks: Vec<(usize, String)>,
    /// Legend of the critical line, if a panel has one.
    pub critical: String,
}

/// One pair of axes and its contents.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Title of the panel; may be empty.
    pub title: String,
    /// Horizontal axis.
    pub x: AxisSpec,
    /// Vertical axis.
    pub y: AxisSpec,
    /// Lines in drawing order; later lines cover earlier ones.
    pub lines: Vec<Line>,
    /// Points with error bars, drawn over the lines.
    pub points: Vec<PointWithBar>,
    /// Horizontal position of the critical line.
    pub critical: Option<f64>,
}

/// Label, range and scale of an axis.
#[derive(Clone, Debug)]
pub struct AxisSpec {
    /// Label with symbols and units.
    pub label: String,
    /// Lower end; positive on a logarithmic axis.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// True if the axis is logarithmic.
    pub logarithmic: bool,
}

/// Line through points. Non-finite points break it; parts outside the axes are clipped.
#[derive(Clone, Debug)]
pub struct Line {
    /// Colour and dashes.
    pub style: LineStyle,
    /// Points of the line.
    pub points: Vec<(f64, f64)>,
}

/// Colour and dashes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineStyle {
    /// Colour: ink, or the colour of a series.
    pub color: LineColor,
    /// Dash pattern; 0 is solid.
    pub dash: usize,
    /// True for thin guide lines.
    pub thin: bool,
}

/// Colour of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineColor {
    /// Colour of axes and text.
    Ink,
    /// Colour of a series.
    Series(usize),
}

/// A measured value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointWithBar {
    /// Series; selects colour and shape.
    pub series: usize,
    /// Horizontal and vertical position.
    pub at: (f64, f64),
    /// Ends of the error bar.
    pub bar: (f64, f64),
}

/// A quantity over the plane of weight and bias variances, with the critical line.
#[derive(Clone, Debug)]
pub struct Plane {
    /// File name without extension.
    pub stem: String,
    /// Title.
    pub title: String,
    /// Centres of the columns, ascending and evenly spaced.
    pub sigma_w2: Vec<f64>,
    /// Centres of the rows, ascending and evenly spaced.
    pub sigma_b2: Vec<f64>,
    /// Row-major values; `None` where no length is stable.
    pub xi_c: Vec<Option<f64>>,
    /// Points of the critical line; non-finite points break it.
    pub critical: Vec<(f64, f64)>,
}

impl LineStyle {
    /// Solid line in the colour of a series.
    pub const fn series(index: usize) -> Self {
        Self { color: LineColor::Series(index), dash: 0, thin: false }
    }

    /// Thin guide line in ink.
    pub const HELP: Self = Self { color: LineColor::Ink, dash: 0, thin: true };

    /// Returns a dashed copy.
    #[must_use]
    pub const fn dashed(self, dash: usize) -> Self {
        Self { dash, ..self }
    }

    /// Returns a thin copy.
    #[must_use]
    pub const fn thinner(self) -> Self {
        Self { thin: true, ..self }
    }
}

/// Writes a figure as PNG and SVG into `folder`. Returns the files.
///
/// # Errors
/// If it cannot be drawn, or a file cannot be written.
pub fn write_panels(panels: &Panels, folder: &Path) -> Result<Vec<PathBuf>> {
    write(panels, folder)
}

/// Writes a [`Plane`]; see [`write_panels`].
///
/// # Errors
/// See [`write_panels`].
pub fn write_plane(plane: &Plane, folder: &Path) -> Result<Vec<PathBuf>> {
    write(plane, folder)
}

fn write(figure: &dyn Figure, folder: &Path) -> Result<Vec<PathBuf>> {
    write_figure(figure, folder, &[Format::Png, Format::Svg])
}
