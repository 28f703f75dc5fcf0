//! Figures of theory: what `meanfield --plot` draws, apart from any run.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Format, figures::Figure, write_figure};

/// Panels side by side under one title, each with lines and points on its own axes.
#[derive(Clone, Debug)]
pub(crate) struct Panels {
    /// The name of its files, without extension.
    pub(crate) stem: String,
    /// What it shows.
    pub(crate) title: String,
    /// From left to right.
    pub(crate) list: Vec<Panel>,
    /// What the lines are, once for all panels.
    pub(crate) legend: Vec<(LineStyle, String)>,
    /// What the series of points are, once for all panels.
    pub(crate) marks: Vec<(usize, String)>,
    /// What the critical line is called, if a panel has one.
    pub(crate) critical: String,
}

/// One pair of axes and what is drawn between them.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    /// Written above it; may be empty.
    pub(crate) title: String,
    /// The axis across.
    pub(crate) x: AxisSpec,
    /// The axis upwards.
    pub(crate) y: AxisSpec,
    /// Drawn in order, later ones over earlier ones.
    pub(crate) lines: Vec<Line>,
    /// Points with bars, over the lines.
    pub(crate) points: Vec<PointWithBar>,
    /// Where the critical line passes, across.
    pub(crate) critical: Option<f64>,
}

/// What an axis covers.
#[derive(Clone, Debug)]
pub(crate) struct AxisSpec {
    /// What it measures, with symbols and units.
    pub(crate) label: String,
    /// Its lower end; positive on a logarithmic axis.
    pub(crate) low: f64,
    /// Its upper end.
    pub(crate) high: f64,
    /// Whether equal ratios are equally far apart.
    pub(crate) logarithmic: bool,
}

/// A line through points; those that are not finite break it, and what is beyond the axes is cut off.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// How it is drawn.
    pub(crate) style: LineStyle,
    /// Where it passes.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Colour and dashes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineStyle {
    /// The colour: ink, or one of the series'.
    pub(crate) color: LineColor,
    /// Solid (0) or one of the dashes.
    pub(crate) dash: usize,
    /// Whether it is thin, as helping lines are.
    pub(crate) thin: bool,
}

/// The colour of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineColor {
    /// That of axes and text.
    Ink,
    /// The colour of a series.
    Series(usize),
}

/// A measured value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PointWithBar {
    /// The series, for colour and shape.
    pub(crate) series: usize,
    /// Where it is, across and upwards.
    pub(crate) at: (f64, f64),
    /// The ends of its bar.
    pub(crate) bar: (f64, f64),
}

/// A quantity over the plane of weight and bias variances, with the critical line.
#[derive(Clone, Debug)]
pub(crate) struct Plane {
    /// The name of its files, without extension.
    pub(crate) stem: String,
    /// What it shows.
    pub(crate) title: String,
    /// Middles of the columns, ascending and evenly spaced.
    pub(crate) sigma_w2: Vec<f64>,
    /// Middles of the rows, ascending and evenly spaced.
    pub(crate) sigma_b2: Vec<f64>,
    /// Row-major; `None` where nothing is stable.
    pub(crate) xi_c: Vec<Option<f64>>,
    /// Points of the critical line, broken by those that are not finite.
    pub(crate) critical: Vec<(f64, f64)>,
}

impl LineStyle {
    /// A solid line in the colour of a series.
    pub(crate) const fn series(index: usize) -> Self {
        Self { color: LineColor::Series(index), dash: 0, thin: false }
    }

    /// A thin helping line in ink.
    pub(crate) const HELP: Self = Self { color: LineColor::Ink, dash: 0, thin: true };

    /// The same, dashed.
    pub(crate) const fn dashed(self, dash: usize) -> Self {
        Self { dash, ..self }
    }

    /// The same, thin.
    pub(crate) const fn thinner(self) -> Self {
        Self { thin: true, ..self }
    }
}

/// Writes a figure as PNG and SVG into `folder` and returns the files.
///
/// # Errors
/// When it cannot be drawn, or a file cannot be written.
pub(crate) fn write_panels(panels: &Panels, folder: &Path) -> Result<Vec<PathBuf>> {
    write(panels, folder)
}

/// As [`write_panels`], of a plane.
///
/// # Errors
/// As [`write_panels`].
pub(crate) fn write_plane(plane: &Plane, folder: &Path) -> Result<Vec<PathBuf>> {
    write(plane, folder)
}

fn write(figure: &dyn Figure, folder: &Path) -> Result<Vec<PathBuf>> {
    write_figure(figure, folder, &[Format::Png, Format::Svg])
}
