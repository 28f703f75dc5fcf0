//! The figures of a report.
//!
//! Each figure draws itself with `plotters` on an SVG canvas, in a wide and a narrow layout; the narrow layout is for
//! small windows. Lengths are in canvas units; [`canvas::UNITS`] of them make one pixel of the page.

mod axis;
mod bars;
mod canvas;
mod color_bar;
mod diagram;
mod drawing;
mod error_profile;
mod frame;
mod gallery;
mod growth;
mod hover;
mod initialisations;
mod layers;
mod legend;
mod length_growth;
mod marks;
mod networks;
mod palette;
mod phase;
mod picture;
mod picture_table;
mod predictors;
mod profiles;
mod reached;
mod scoreboard;
mod stages;
mod text;
mod theory;
mod theory_agreement;
mod trainability;

use crate::{
    Result,
    interpretation::{Interpretation, tables},
};

pub use self::growth::Growth;
pub(super) use self::{
    bars::MOST_BARS,
    canvas::Layout,
    drawing::Drawing,
    error_profile::ErrorProfile,
    gallery::{MAX_GALLERY_POINTS, MAX_GALLERY_SAMPLES, shown_depths},
    growth::GrowthChart,
    hover::{Cells, Hover, Mark, Values},
    layers::LayerPanels,
    picture::Scaling,
    picture_table::{Picture, PictureRow, PictureTable},
    predictors::{of_comparison, share},
    scoreboard::{Board, median_cost},
};
use self::{
    canvas::Canvas, gallery::Gallery, initialisations::InitialisationChart,
    length_growth::LengthGrowth, networks::NetworkComparison, phase::PhaseDiagram,
    profiles::Profiles, stages::StageTheory, theory_agreement::TheoryComparison,
    trainability::Trainability,
};
use isobath_analysis::points::{Slice, slices};
use isobath_entropy::EstimatorSpec;
use isobath_experiment::GridPoint;
use isobath_store::RunRecord;

/// One figure of a report.
pub(super) trait Figure {
    /// File name without extension.
    fn stem(&self) -> String;

    /// Title.
    fn title(&self) -> String;

    /// Caption in sentences: marks, bars and the data behind them.
    fn caption(&self) -> String;

    /// Size of the canvas, width and height in canvas units.
    fn size(&self, layout: Layout) -> (i32, i32);

    /// Draws the figure and returns its hover targets.
    ///
    /// # Errors
    /// If drawing on the canvas fails.
    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover>;

    /// Section of the page.
    fn place(&self) -> PageSection;

    /// Values of its cells, if it has cells.
    fn values(&self) -> Option<Values> {
        None
    }
}

/// Sections of a page that contain figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageSection {
    /// Directly after the answer.
    Chart,
    /// Under the "Evidence" heading.
    Evidence,
    /// Not on the page, which shows the content in another form.
    FilesOnly,
}

/// Figures with data in `run`, in page order.
pub(super) fn of(run: &RunRecord) -> Vec<Box<dyn Figure + '_>> {
    let (Some(&estimator), Some(&rule)) = (run.estimators.first(), run.rules.first()) else {
        return Vec::new();
    };
    let mut figures: Vec<Box<dyn Figure + '_>> = Vec::new();
    let has = |slice: &Slice<'_>, estimator: EstimatorSpec| {
        slice.points.iter().any(|point| point.has_profile(estimator))
    };
    let diagram = |slice, estimator, leads| PhaseDiagram { run, slice, estimator, rule, leads };
    let initialisations = InitialisationChart::of(run);
    // A single point needs no chart over variances where another figure shows it.
    let is_row = |place: GridPoint| initialisations.is_some() && run.scheme(place).is_some();
    for figure in NetworkComparison::of(run) {
        figures.push(Box::new(figure));
    }
    for figure in Trainability::of(run).into_iter().filter(|figure| !is_row(figure.place_id())) {
        figures.push(Box::new(figure));
    }
    let charted = |slice: &Slice<'_>| has(slice, estimator) && !is_row(slice.id());
    for slice in slices(run).into_iter().filter(charted) {
        figures.push(Box::new(diagram(slice, estimator, true)));
    }
    if let Some(figure) = InitialisationChart::of(run) {
        figures.push(Box::new(figure));
    }
    if let Some(figure) = TheoryComparison::of(run) {
        figures.push(Box::new(figure));
    }
    if let Some(figure) = LengthGrowth::of(run) {
        figures.push(Box::new(figure));
    }
    for figure in StageTheory::of(run) {
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

/// Figures of an interpretation: its profile and its tables of pictures.
pub(super) fn of_interpretation(interpretation: &Interpretation) -> Vec<Box<dyn Figure + '_>> {
    let mut figures: Vec<Box<dyn Figure + '_>> = vec![Box::new(ErrorProfile { interpretation })];
    for table in tables(interpretation) {
        figures.push(Box::new(table));
    }
    figures
}

/// Draws `figure` in one layout.
///
/// # Errors
/// See [`Figure::draw`].
pub(super) fn draw(figure: &dyn Figure, layout: Layout) -> Result<Drawing> {
    Drawing::of(figure, layout)
}

/// Beginning of a file name, with the recipe in characters allowed in file names.
fn recipe_stem(figure: &str, recipe: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    format!("{figure}-{}", recipe.chars().map(plain).collect::<String>())
}
