//! The figures of a report.
//!
//! Each draws itself with `plotters` onto an SVG canvas, in a wide and a narrow layout; the narrow one is for small
//! windows of the page. Lengths are in canvas units, of which [`canvas::UNITS`] make one pixel of the page.

mod axis;
mod canvas;
mod color_bar;
mod diagram;
mod drawing;
mod frame;
mod gallery;
mod growth;
mod hover;
mod legend;
mod marks;
mod palette;
mod phase;
mod picture;
mod predictors;
mod profiles;
mod text;
mod theory;
mod theory_agreement;
mod trainability;

use crate::Result;

pub use self::growth::Growth;
use self::{
    canvas::Canvas, gallery::Gallery, phase::PhaseDiagram, profiles::Profiles,
    theory_agreement::TheoryComparison, trainability::Trainability,
};
pub(super) use self::{
    canvas::Layout,
    drawing::Drawing,
    gallery::{MOST_GALLERY_POINTS, MOST_GALLERY_SAMPLES, shown_depths},
    growth::GrowthChart,
    hover::{Cells, Hover, Mark, Values},
    picture::Scaling,
    predictors::{of_verdicts, share},
};
use isobath_analysis::points::{Slice, slices};
use isobath_entropy::EstimatorSpec;
use isobath_store::RunRecord;

/// One figure of a report.
pub(super) trait Figure {
    /// The name of its files, without extension.
    fn stem(&self) -> String;

    /// What it shows, in a few words.
    fn title(&self) -> String;

    /// How to read it, in sentences: what marks and bars are, what they rest on.
    fn caption(&self) -> String;

    /// The size of its canvas, width and height in canvas units.
    fn size(&self, layout: Layout) -> (i32, i32);

    /// Draws it and tells what a reader can point at.
    ///
    /// # Errors
    /// When the canvas cannot be drawn on.
    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover>;

    /// Where in the page it belongs.
    fn place(&self) -> PageSection;

    /// What its cells hold, if it has cells.
    fn values(&self) -> Option<Values> {
        None
    }
}

/// The parts of a page that hold figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageSection {
    /// Right after the answer.
    Chart,
    /// Under the heading of the evidence.
    Evidence,
    /// Not in the page, which shows its content in another way.
    FilesOnly,
}

/// The figures that `run` has data for, in the order of the page.
pub(super) fn of(run: &RunRecord) -> Vec<Box<dyn Figure + '_>> {
    let (Some(&estimator), Some(&rule)) = (run.estimators.first(), run.rules.first()) else {
        return Vec::new();
    };
    let mut figures: Vec<Box<dyn Figure + '_>> = Vec::new();
    let has = |slice: &Slice<'_>, estimator: EstimatorSpec| {
        slice.points.iter().any(|point| point.has_profile(estimator))
    };
    let diagram = |slice, estimator, leads| PhaseDiagram { run, slice, estimator, rule, leads };
    for figure in Trainability::of(run) {
        figures.push(Box::new(figure));
    }
    for slice in slices(run).into_iter().filter(|slice| has(slice, estimator)) {
        figures.push(Box::new(diagram(slice, estimator, true)));
    }
    if let Some(figure) = TheoryComparison::of(run) {
        figures.push(Box::new(figure));
    }
    for slice in slices(run).into_iter().filter(|slice| has(slice, estimator)) {
        figures.push(Box::new(Profiles { run, slice, estimator, rule }));
    }
    for &other in run.estimators.iter().skip(1) {
        if let Some(slice) = slices(run).into_iter().find(|slice| has(slice, other)) {
            figures.push(Box::new(diagram(slice, other, false)));
        }
    }
    if let Some(figure) = Gallery::of(run) {
        figures.push(Box::new(figure));
    }
    figures
}

/// Draws `figure` in one layout.
///
/// # Errors
/// As [`Figure::draw`].
pub(super) fn draw(figure: &dyn Figure, layout: Layout) -> Result<Drawing> {
    Drawing::of(figure, layout)
}

/// The beginning of a stem, with a recipe in letters that files can have.
fn recipe_stem(figure: &str, recipe: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    format!("{figure}-{}", recipe.chars().map(plain).collect::<String>())
}
