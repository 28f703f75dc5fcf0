//! Cut-offs of runs.

use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_predictors::{RidgeNoise, ScoreInfo, cascade_depth_score, ridge_depth_score};
use isobath_store::RunRecord;

use super::{
    GridPrediction,
    cutoff_curve::{CutoffCurve, matching_slices},
};
use crate::outcomes::Grid;

/// Cut-offs that one network of a run gives the families of a grid.
struct Cutoffs {
    /// Index of the run's network.
    variant: usize,
    depths: Vec<Option<f64>>,
    /// Number of families whose depth is a lower bound.
    bounds: usize,
}

/// Predictions from the cut-offs of `run`: one for each estimator, rule and network of the run that covers a family of the
/// grid.
pub(super) fn predictions(grid: &Grid, run: &RunRecord) -> Vec<GridPrediction> {
    let mut all = Vec::new();
    for (estimator, rule) in run.pairs() {
        let info = score(run, estimator, rule);
        for Cutoffs { variant, depths, bounds } in cutoffs(grid, run, estimator, rule) {
            let variant = &run.variants[variant];
            let network =
                if run.has_variants() { format!(", {}", variant.name) } else { String::new() };
            all.push(GridPrediction {
                name: format!("{}{network}: {}", run.name, info.id),
                run: Some(run.name.clone()),
                note: Some(note(grid, run, &variant.description, bounds)),
                ..GridPrediction::of_depths(grid, &info, depths)
            });
        }
    }
    all
}

/// Score of the cut-offs of `run`, which says the noise of ridge decoders: runs of several noises are several predictors.
fn score(run: &RunRecord, estimator: EstimatorSpec, rule: CutoffRule) -> ScoreInfo {
    match run.noise {
        Some(noise) => ridge_depth_score(RidgeNoise::Given(noise), estimator, rule),
        None => cascade_depth_score(estimator, rule),
    }
}

/// Interpolated cut-offs by one rule.
fn cutoffs(
    grid: &Grid,
    run: &RunRecord,
    estimator: EstimatorSpec,
    rule: CutoffRule,
) -> Vec<Cutoffs> {
    let mut all: Vec<Cutoffs> = Vec::new();
    for (index, family) in grid.families.iter().enumerate() {
        for slice in matching_slices(run, family) {
            let curve = CutoffCurve::new(run, &slice, estimator, rule);
            let Some(point) = curve.at(family.sigma_w2) else { continue };
            let variant = slice.variant;
            let place =
                all.iter().position(|found| found.variant == variant).unwrap_or_else(|| {
                    let depths = vec![None; grid.families.len()];
                    all.push(Cutoffs { variant, depths, bounds: 0 });
                    all.len() - 1
                });
            all[place].depths[index] = point.depth;
            all[place].bounds += usize::from(point.is_lower_bound);
        }
    }
    all
}

/// Networks that the run measured, and how they differ from those of the table.
fn note(grid: &Grid, run: &RunRecord, networks: &str, bounds: usize) -> String {
    let mut parts = vec![format!("measured on {networks}, {}", run.dataset)];
    if grid.families.iter().any(|family| family.keep < 1.0) {
        parts.push("without dropout".into());
    }
    if bounds > 0 {
        parts.push(format!("a lower bound in {bounds} of {} families", grid.families.len()));
    }
    parts.join("; ")
}
