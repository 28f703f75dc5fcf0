//! Mean-field theory, dropout included, and its correction for finite width.

use isobath_meanfield::{Dropout, FixedPoint, GradientNorm};
use isobath_predictors::{FINITE_WIDTH, FINITE_WIDTH_DEPTH};

use super::{GridPrediction, score_info};
use crate::outcomes::{Family, Grid, Network};

/// Score of the depth scale of correlations, with which all other predictors are compared.
pub(in crate::outcomes) const THEORY: &str = "xi_c";
/// Score of the rule of thumb.
const SIX: &str = "6 xi_c";
/// Factor of the rule of thumb.
const RULE_OF_THUMB: f64 = 6.0;

/// Theory of each family; `None` without a stable length.
type Points = Vec<Option<FixedPoint>>;

/// Depth scale, rule of thumb, distance from criticality and, where the width is known, the correction for it. Where there
/// is dropout, also the depths by theory without it.
///
/// Networks without a stable length score lowest.
pub(super) fn predictions(grid: &Grid) -> Vec<GridPrediction> {
    let points = points(grid, |family| family.keep);
    let distance = |network: &Network| {
        let point = points[network.family];
        Some(point.map_or(f64::NEG_INFINITY, |point| -point.distance.abs()))
    };
    let mut all = scales(grid, &points).to_vec();
    all.push(GridPrediction::of_scores(grid, &score_info("chi_1"), distance));
    all.extend(finite_width(grid).into_iter().flatten());
    let unstable = points.iter().filter(|point| point.is_none()).count();
    if unstable > 0 {
        let note = format!(
            "theory has no stable length in {unstable} of {} families, whose networks score lowest",
            points.len()
        );
        all.iter_mut().for_each(|prediction| prediction.note = Some(note.clone()));
    }
    if grid.families.iter().any(|family| family.keep < 1.0) {
        all.extend(without_dropout(grid));
    }
    all
}

/// `xi_c` and its multiple by the rule of thumb.
fn scales(grid: &Grid, points: &Points) -> [GridPrediction; 2] {
    [(THEORY, 1.0), (SIX, RULE_OF_THUMB)].map(|(name, factor)| {
        let depth =
            |point: &Option<FixedPoint>| Some(point.map_or(0.0, |point| factor * point.xi_c));
        GridPrediction::of_depths(grid, &score_info(name), points.iter().map(depth).collect())
    })
}

/// Distance that the gradient's norm moves in layers of finite width, and the depth at which it is one; `None` where no
/// width is known. Networks without a stable length score lowest.
fn finite_width(grid: &Grid) -> Option<[GridPrediction; 2]> {
    grid.families.iter().find_map(|family| family.width)?;
    let norm = |family: &Family| -> Option<GradientNorm> {
        let Family { activation, sigma_w2, sigma_b2, keep, .. } = *family;
        let theory = Dropout::new(activation, sigma_w2, sigma_b2, keep).ok()?;
        theory.gradient_norm(family.weights).ok()
    };
    let norms: Vec<Option<(f64, Option<GradientNorm>)>> = grid
        .families
        .iter()
        .map(|family| family.width.map(|width| (width as f64, norm(family))))
        .collect();
    let score = |network: &Network| {
        let (width, norm) = norms[network.family]?;
        Some(norm.map_or(f64::NEG_INFINITY, |norm| -norm.distance(network.depth as f64, width)))
    };
    let depth = |known: &Option<(f64, Option<GradientNorm>)>| {
        known.map(|(width, norm)| norm.map_or(0.0, |norm| norm.depth(width)))
    };
    let depths = norms.iter().map(depth).collect();
    Some([
        GridPrediction::of_scores(grid, &score_info(FINITE_WIDTH.as_str()), score),
        GridPrediction::of_depths(grid, &score_info(FINITE_WIDTH_DEPTH.as_str()), depths),
    ])
}

/// Depths by theory that does not know of the dropout, for comparison.
fn without_dropout(grid: &Grid) -> [GridPrediction; 2] {
    scales(grid, &points(grid, |_| 1.0)).map(|prediction| GridPrediction {
        name: format!("{} without dropout", prediction.name),
        note: Some("for comparison: theory that does not know of the dropout".into()),
        ..prediction
    })
}

fn points(grid: &Grid, keep: impl Fn(&Family) -> f64) -> Points {
    let point = |family: &Family| {
        let Family { activation, sigma_w2, sigma_b2, .. } = *family;
        Dropout::new(activation, sigma_w2, sigma_b2, keep(family)).ok()?.fixed_point().ok()
    };
    grid.families.iter().map(point).collect()
}
