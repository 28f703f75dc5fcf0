//! Figures of theory: what `meanfield --plot` draws, apart from any run.

use std::path::{Path, PathBuf};

use crate::Result;

use super::{Format, figures::Figure, write_figure};

/// Panels side by side under one title, each with lines and points on its own axes.
#[derive(Clone, Debug)]
pub struct Panels {
    /// The name of its files, without extension.
    pub stem: String,
    /// What it shows.
    pub title: String,
    /// From left to right.
    pub list: Vec<Panel>,
    /// What the lines are, once for all panels.
    pub legend: Vec<(LineStyle, String)>,
    /// What the series of points are, once for all panels.
    pub marks: Vec<(usize, String)>,
    /// What the critical line is called, if a panel has one.
    pub critical: String,
}

/// One pair of axes and what is drawn between them.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Written above it; may be empty.
    pub title: String,
    /// The axis across.
    pub x: AxisSpec,
    /// The axis upwards.
    pub y: AxisSpec,
    /// Drawn in order, later ones over earlier ones.
    pub lines: Vec<Line>,
    /// Points with bars, over the lines.
    pub points: Vec<PointWithBar>,
    /// Where the critical line passes, across.
    pub critical: Option<f64>,
}

/// What an axis covers.
#[derive(Clone, Debug)]
pub struct AxisSpec {
    /// What it measures, with symbols and units.
    pub label: String,
    /// Its lower end; positive on a logarithmic axis.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Whether equal ratios are equally far apart.
    pub logarithmic: bool,
}

/// A line through points; those that are not finite break it, and what is beyond the axes is cut off.
#[derive(Clone, Debug)]
pub struct Line {
    /// How it is drawn.
    pub style: LineStyle,
    /// Where it passes.
    pub points: Vec<(f64, f64)>,
}

/// Colour and dashes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineStyle {
    /// The colour: ink, or one of the series'.
    pub color: LineColor,
    /// Solid (0) or one of the dashes.
    pub dash: usize,
    /// Whether it is thin, as helping lines are.
    pub thin: bool,
}

/// The colour of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineColor {
    /// That of axes and text.
    Ink,
    /// The colour of a series.
    Series(usize),
}

/// A measured value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointWithBar {
    /// The series, for colour and shape.
    pub series: usize,
    /// Where it is, across and upwards.
    pub at: (f64, f64),
    /// The ends of its bar.
    pub bar: (f64, f64),
}

/// A quantity over the plane of weight and bias variances, with the critical line.
#[derive(Clone, Debug)]
pub struct Plane {
    /// The name of its files, without extension.
    pub stem: String,
    /// What it shows.
    pub title: String,
    /// Middles of the columns, ascending and evenly spaced.
    pub sigma_w2: Vec<f64>,
    /// Middles of the rows, ascending and evenly spaced.
    pub sigma_b2: Vec<f64>,
    /// Row-major; `None` where nothing is stable.
    pub xi_c: Vec<Option<f64>>,
    /// Points of the critical line, broken by those that are not finite.
    pub critical: Vec<(f64, f64)>,
}

impl LineStyle {
    /// A solid line in the colour of a series.
    pub const fn series(index: usize) -> Self {
        Self { color: LineColor::Series(index), dash: 0, thin: false }
    }

    /// A thin helping line in ink.
    pub const HELP: Self = Self { color: LineColor::Ink, dash: 0, thin: true };

    /// The same, dashed.
    #[must_use]
    pub const fn dashed(self, dash: usize) -> Self {
        Self { dash, ..self }
    }

    /// The same, thin.
    #[must_use]
    pub const fn thinner(self) -> Self {
        Self { thin: true, ..self }
    }
}

/// Writes a figure as PNG and SVG into `folder` and returns the files.
///
/// # Errors
/// When it cannot be drawn, or a file cannot be written.
pub fn write_panels(panels: &Panels, folder: &Path) -> Result<Vec<PathBuf>> {
    write(panels, folder)
}

/// As [`write_panels`], of a plane.
///
/// # Errors
/// As [`write_panels`].
pub fn write_plane(plane: &Plane, folder: &Path) -> Result<Vec<PathBuf>> {
    write(plane, folder)
}

fn write(figure: &dyn Figure, folder: &Path) -> Result<Vec<PathBuf>> {
    write_figure(figure, folder, &[Format::Png, Format::Svg])
}
