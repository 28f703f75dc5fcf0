//! What a reader of the page can point at.

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
    numbers::{rounded, short, variance},
    vocabulary::profile_bars,
};

/// Places on one drawing, in canvas units.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Hover {
    /// The grid of a phase diagram.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cells: Option<Cells>,
    /// Single marks, in the order in which the arrow keys visit them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) marks: Vec<Mark>,
}

/// A grid of cells; what they hold is the same for every layout and given once, beside it.
#[derive(Debug, Serialize)]
pub(crate) struct Cells {
    /// Edges of the columns, one more than there are columns, ascending.
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

/// A mark and what it says.
#[derive(Debug, Serialize)]
pub(crate) struct Mark {
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) text: String,
}

/// What the cells of a phase diagram hold, column by column.
#[derive(Debug, Serialize)]
pub(crate) struct Values {
    /// What is measured.
    name: &'static str,
    unit: &'static str,
    /// What `low` and `high` are.
    bars: String,
    /// Layers, the rows.
    layers: usize,
    /// A heading for each column.
    heads: Vec<String>,
    /// Depths measured and predicted for each column.
    notes: Vec<String>,
    /// Mean for each column and layer.
    mean: Vec<Vec<Option<f64>>>,
    /// Ends of the bars; empty for large diagrams, to keep the page small.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    low: Vec<Vec<Option<f64>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    high: Vec<Vec<Option<f64>>>,
}

/// Diagrams of more cells are given without bars: the leading estimator's, and the others'.
const MOST_CELLS_WITH_BARS: [usize; 2] = [150_000, 20_000];

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
            <= MOST_CELLS_WITH_BARS[usize::from(!leads)];
        let bars = |pick| if with_bars { column(pick) } else { Vec::new() };
        let quantity = estimator.descriptor();
        Self {
            name: quantity.label,
            unit: quantity.unit,
            bars: profile_bars(run),
            layers: run.layers,
            heads: slice
                .points
                .iter()
                .map(|point| format!("σ_w² = {}", variance(point.id.sigma_w2)))
                .collect(),
            notes: slice.points.iter().map(|point| note(run, point, estimator, rule)).collect(),
            mean: column(|spread| spread.mean),
            low: bars(|spread| spread.low),
            high: bars(|spread| spread.high),
        }
    }
}

/// The depths of one point, measured and in theory.
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
