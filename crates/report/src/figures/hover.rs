//! Hover targets of a figure.

use crate::reach_words::reach_words;
use isobath_entropy::{
    EstimatorSpec,
    cutoff::{CutoffRule, RuleDescriptor},
};
use serde::Serialize;

use super::canvas::Rect;
use isobath_analysis::{
    points::{Point, Slice},
    spread::Spread,
};
use isobath_store::RunRecord;

use crate::{
    numbers::{rounded, short},
    places::weights_words,
    vocabulary::profile_bars,
};

/// Hover targets of one drawing, in canvas units.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Hover {
    /// Grid of a phase diagram.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cells: Option<Cells>,
    /// Single marks, in the order of the arrow keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) marks: Vec<Mark>,
}

/// Grid of cells. Their values are the same in every layout and stored once, in [`Values`].
#[derive(Debug, Serialize)]
pub(crate) struct Cells {
    /// Edges of the columns, ascending; one more than columns.
    pub(crate) edges: Vec<i32>,
    /// Top of the deepest row.
    pub(crate) top: i32,
    /// Bottom of the first row.
    pub(crate) bottom: i32,
}

impl Cells {
    pub(super) fn new(edges: Vec<i32>, rect: Rect) -> Self {
        Self { edges, top: rect.top, bottom: rect.bottom }
    }
}

/// A mark and its text.
#[derive(Debug, Serialize)]
pub(crate) struct Mark {
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) text: String,
}

/// Values of the cells of a phase diagram, column by column.
#[derive(Debug, Serialize)]
pub(crate) struct Values {
    /// Measured quantity.
    name: &'static str,
    unit: &'static str,
    /// Meaning of `low` and `high`.
    bars: String,
    /// Number of layers, the rows.
    layers: usize,
    /// Heading per column.
    heads: Vec<String>,
    /// Measured and predicted depths per column.
    notes: Vec<String>,
    /// Mean per column and layer.
    mean: Vec<Vec<Option<f64>>>,
    /// Ends of the bars; empty for large diagrams, to keep the page small.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    low: Vec<Vec<Option<f64>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    high: Vec<Vec<Option<f64>>>,
}

/// Cell limits above which diagrams have no bars: for the leading estimator, and for the others.
const MAX_CELLS_WITH_BARS: [usize; 2] = [150_000, 20_000];

impl Values {
    pub(super) fn of(
        run: &RunRecord,
        slice: &Slice<'_>,
        estimator: EstimatorSpec,
        rule: CutoffRule,
    ) -> Self {
        let leads = run.estimators.first().is_some_and(|first| *first == estimator);
        let profiles: Vec<_> = slice.points.iter().map(|point| point.profile(estimator)).collect();
        let column = |pick: fn(&Spread) -> f64| {
            let one = |spread: &Option<Spread>| {
                spread.as_ref().and_then(|spread| rounded(pick(spread), 4))
            };
            profiles.iter().map(|profile| profile.iter().map(one).collect()).collect()
        };
        let with_bars = profiles.iter().map(Vec::len).sum::<usize>()
            <= MAX_CELLS_WITH_BARS[usize::from(!leads)];
        let bars = |pick| if with_bars { column(pick) } else { Vec::new() };
        let quantity = estimator.descriptor();
        Self {
            name: quantity.label,
            unit: quantity.unit,
            bars: profile_bars(run),
            layers: run.layers,
            heads: slice.points.iter().map(|point| weights_words(run, point.id)).collect(),
            notes: slice.points.iter().map(|point| note(run, point, estimator, rule)).collect(),
            mean: column(|spread| spread.mean),
            low: bars(|spread| spread.low),
            high: bars(|spread| spread.high),
        }
    }
}

/// Measured and theoretical depth of one point.
fn note(run: &RunRecord, point: &Point<'_>, estimator: EstimatorSpec, rule: CutoffRule) -> String {
    let measured = reach_words(&point.reach(estimator, rule, run.layers), rule, run.layers);
    let Some(xi_c) = point.xi_c() else { return measured };
    let RuleDescriptor { theory_factor: factor, theory_symbol: name, .. } = rule.descriptor();
    if factor > 1.0 {
        format!("{measured}; theory ξ_c {}, {name} {}", short(xi_c), short(factor * xi_c))
    } else {
        format!("{measured}; theory ξ_c {}", short(xi_c))
    }
}
