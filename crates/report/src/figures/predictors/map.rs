//! Configurations at which cascade, theory and training disagree.

use crate::Result;
use crate::places::{network_words, slice_stem, slice_words, weights_words};
use isobath_experiment::GridPoint;
use plotters::style::{Color, RGBAColor};

use super::super::{
    Figure, Hover, Layout, Mark, PageSection,
    canvas::{Canvas, Rect, px},
    diagram::{self, edges, variances},
    legend::{Entry, Sample},
    marks,
    palette::{self, HALO, OVER, heat},
    recipe_stem,
};
use isobath_analysis::comparison::{Class, Comparison, Configuration};
use isobath_store::RunRecord;

use crate::{
    depth_words::network_axis,
    vocabulary::{count, symbol},
};

/// Configurations that share a `sigma_b2`.
pub(super) struct Disagreement<'a> {
    run: &'a RunRecord,
    comparison: &'a Comparison,
    /// A point of the map's slice.
    place: GridPoint,
    cells: Vec<&'a Configuration>,
}

impl<'a> Disagreement<'a> {
    /// One map per slice, if cascade or theory make predictions.
    pub(super) fn of(run: &'a RunRecord, comparison: &'a Comparison) -> Vec<Self> {
        let leading = &comparison.leading;
        if leading.cascade.is_none() && leading.theory.is_none() {
            return Vec::new();
        }
        // Configurations are sorted by slice.
        let slices = comparison.map.chunk_by(|a, b| a.point.shares_slice(&b.point));
        let slice = |cells: &'a [Configuration]| {
            let place = cells[0].point;
            Self { run, comparison, place, cells: cells.iter().collect() }
        };
        slices.map(slice).collect()
    }

    /// Variances and depths of the map, ascending.
    fn middles(&self) -> [Vec<f64>; 2] {
        let rising = |of: fn(&Configuration) -> f64| {
            let mut values: Vec<f64> = self.cells.iter().map(|cell| of(cell)).collect();
            values.sort_by(f64::total_cmp);
            values.dedup();
            values
        };
        [rising(|cell| cell.point.sigma_w2), rising(|cell| cell.depth as f64)]
    }

    fn legend(&self) -> Vec<Entry> {
        let leading = &self.comparison.leading;
        let entry = |name: &Option<String>, color: RGBAColor| {
            let name = name.as_deref()?;
            let label = format!("{}: false positive (up) or false negative (down)", symbol(name));
            Some(Entry { sample: Sample::Arrow(color), label })
        };
        [entry(&leading.cascade, CASCADE), entry(&leading.theory, theory())]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// Draws the wrong predictions of a configuration.
const CASCADE: RGBAColor = RGBAColor(OVER.0, OVER.1, OVER.2, 1.0);

fn theory() -> RGBAColor {
    palette::series(1)
}

impl Figure for Disagreement<'_> {
    fn stem(&self) -> String {
        let stem = recipe_stem("compare-map", &self.comparison.recipe);
        format!("{stem}-{}", slice_stem(self.run, self.place))
    }

    fn title(&self) -> String {
        let place = slice_words(self.run, self.place);
        format!("Errors of cascade and theory, {}, {place}", self.comparison.recipe)
    }

    fn caption(&self) -> String {
        let wrong = |class: fn(&Configuration) -> Class| {
            let cells = self.cells.iter().filter(|cell| class(cell) != Class::Missing);
            let wrong = cells.clone().filter(|cell| class(cell) != Class::Right).count();
            format!("{wrong} of {}", count(cells.count(), "configuration"))
        };
        format!(
            "Colours: share of initialisations whose training succeeds. Arrows: the calibrated probability and this share \
             lie on opposite sides of 1/2. The cascade is wrong in {}, theory in {}. Calibrated on {}.",
            wrong(|cell| cell.cascade),
            wrong(|cell| cell.theory),
            self.comparison.calibrated_on
        )
    }

    fn size(&self, layout: Layout) -> (i32, i32) {
        diagram::size(layout)
    }

    fn place(&self) -> PageSection {
        PageSection::Evidence
    }

    fn draw(&self, canvas: &mut Canvas<'_>, layout: Layout) -> Result<Hover> {
        let [columns, depths] = self.middles();
        let (across, up) = (edges(&columns), edges(&depths));
        let axes = [variances(&across, layout), diagram::depths(&network_axis(self.run), &up)];
        let title = [self.title(), network_words(self.run, self.place)];
        let title = title.each_ref().map(String::as_str);
        let frame = diagram::frame(canvas, title, &self.legend(), axes, layout)?;
        let mut drawn = Vec::new();
        for cell in &self.cells {
            let place = |values: &[f64], value: f64| {
                values.binary_search_by(|other| other.total_cmp(&value)).unwrap_or(0)
            };
            let (column, row) =
                (place(&columns, cell.point.sigma_w2), place(&depths, cell.depth as f64));
            let rect = diagram::cell(&frame, &across[column..], &up[row..]);
            canvas.block(rect, heat(cell.trained).to_rgba())?;
            drawn.push(draw_cell(self.run, canvas, rect, cell)?);
        }
        diagram::share_bar(canvas, &frame, "share of successful trainings", 1.0, layout)?;
        Ok(Hover { cells: None, marks: drawn })
    }
}

fn draw_cell(
    run: &RunRecord,
    canvas: &Canvas<'_>,
    rect: Rect,
    cell: &Configuration,
) -> Result<Mark> {
    let (x, y) = (rect.left.midpoint(rect.right), rect.top.midpoint(rect.bottom));
    let aside = (rect.width() / 4).min(px(9));
    let mut errors = String::new();
    for (class, at, color, who) in [
        (cell.cascade, x - aside, CASCADE, "cascade"),
        (cell.theory, x + aside, theory(), "theory"),
    ] {
        let (length, words) = match class {
            Class::FalsePositive => (px(11), "false positive"),
            Class::FalseNegative => (px(-11), "false negative"),
            Class::Right | Class::Missing => continue,
        };
        let foot = (at, y + length / 2);
        marks::arrow(canvas, foot, length, HALO.to_rgba(), px(4))?;
        marks::arrow(canvas, foot, length, color, px(2))?;
        errors = format!("{errors}; {who}: {words}");
    }
    let share = cell.trained * cell.seeds as f64;
    let text = format!(
        "{}, depth {}: {share:.0} of {} succeed{errors}",
        weights_words(run, cell.point),
        cell.depth,
        count(cell.seeds, "seed")
    );
    Ok(Mark { x, y, text })
}
