//! Joins the store and mean-field theory into the record of a report.

use isobath_meanfield::{FixedPoint, critical_sigma_w2, growth_sentence};
use rayon::prelude::*;

use crate::{Error, Result, describe::variant_record};
use isobath_experiment::{Cell, GridPoint, Plan};
use isobath_store::{
    CellRecord, GrowthRecord, Measurement, OverlayRecord, RunRecord, ScoreRecord, SliceTheory,
    Store, TheoryRecord, TrainingRecord,
};

/// Points of a theory curve.
const CURVE_POINTS: usize = 600;

/// Gathers the results of `plan`'s run. `command` reproduces the run.
///
/// # Errors
/// If the store cannot be read or has no cell of this plan.
pub fn gather(plan: &Plan, store: &Store, command: &str) -> Result<RunRecord> {
    let file = &plan.file;
    let keys = store.grid()?;
    if keys.len() != plan.cells.len() {
        return Err(Error::OtherGrid);
    }
    let mut measured = Vec::new();
    for (key, cell) in keys.iter().zip(&plan.cells) {
        measured.extend(store.get(key)?.map(|measurement| (cell, measurement)));
    }
    let conclude = |(cell, measurement): (&Cell, Measurement)| {
        measurement.conclude(cell.id, &file.entropy, cell.seed, file.report.gallery)
    };
    let cells: Vec<CellRecord> =
        measured.into_par_iter().map(conclude).collect::<Result<_, _>>()?;
    if cells.is_empty() {
        return Err(Error::NoCells);
    }
    Ok(RunRecord {
        name: file.name.clone(),
        description: file.description.clone(),
        dataset: file.data.dataset.to_string(),
        shape: [plan.shape.channels, plan.shape.height, plan.shape.width],
        variants: plan.variants.iter().map(variant_record).collect(),
        kind: file.network.kind,
        depth: plan.depth,
        layers: plan.layers,
        train_samples: plan.train_samples().ok_or(Error::UnknownSamples)?,
        probe_samples: file.data.probe(),
        seeds: file.grid.seeds,
        estimators: file.entropy.estimators.clone(),
        rules: file.entropy.cutoff.as_slice().to_vec(),
        cells,
        cells_planned: plan.cells.len(),
        success: plan.train.as_ref().map(|train| train.section.success.accuracy),
        recipes: recipes(plan),
        train_depths: plan.train.as_ref().map_or_else(Vec::new, |train| train.depths.clone()),
        trainings: trainings(plan, store)?,
        scores: scores(plan, store)?,
        theory: plan.points.iter().map(|&point| theory_record(plan, point)).collect(),
        curves: curves(plan),
        experiment_toml: plan.resolved_toml(),
        environment: environment(store)?,
        command: command.to_owned(),
    })
}

/// Facts about this process, and the programs that computed the results.
fn environment(store: &Store) -> Result<Vec<(String, String)>> {
    let mut facts = isobath_store::environment::facts();
    let programs = store.programs()?;
    if !programs.is_empty() {
        facts.push(("results computed by".to_owned(), programs.join(", ")));
    }
    Ok(facts)
}

fn recipes(plan: &Plan) -> Vec<String> {
    let recipes = plan.train.iter().flat_map(|train| &train.recipes);
    recipes.map(|recipe| recipe.name.clone()).collect()
}

/// Reads the finished trainings.
fn trainings(plan: &Plan, store: &Store) -> Result<Vec<TrainingRecord>> {
    let Some(train) = &plan.train else { return Ok(Vec::new()) };
    let keys = store.training_grid()?;
    // A run that stopped before its first training has none.
    if !keys.is_empty() && keys.len() != train.trainings.len() {
        return Err(Error::OtherTrainings);
    }
    let success = train.section.success.accuracy;
    let mut trainings = Vec::new();
    for (key, cell) in keys.iter().zip(&train.trainings) {
        trainings.extend(store.training(key, cell.id, success)?.map(|training| training.record));
    }
    Ok(trainings)
}

/// Reads the predictors' scores of the trained networks.
fn scores(plan: &Plan, store: &Store) -> Result<Vec<ScoreRecord>> {
    let keys = store.score_grid()?;
    // A run that stopped before its predictors has none.
    if !keys.is_empty() && keys.len() != plan.cells.len() {
        return Err(Error::OtherGrid);
    }
    let mut scores = Vec::new();
    for (key, cell) in keys.iter().zip(&plan.cells) {
        let Some(key) = key else { continue };
        let point = cell.id.point;
        scores.extend(store.scores(key)?.into_iter().map(|score| ScoreRecord { point, ..score }));
    }
    Ok(scores)
}

/// Computes the fixed point, if one exists.
fn fixed_point(plan: &Plan, point: GridPoint) -> Option<FixedPoint> {
    plan.theory(point).and_then(|theory| theory.fixed_point()).ok()
}

fn theory_record(plan: &Plan, point: GridPoint) -> TheoryRecord {
    if plan.variant(point).theory_gap().is_some() {
        return TheoryRecord { point, xi_c: None, chi_1: None, growth: None };
    }
    let fixed = fixed_point(plan, point);
    TheoryRecord {
        point,
        xi_c: xi_c(fixed),
        chi_1: fixed.map(|fixed| fixed.chi_1),
        growth: if fixed.is_none() { growth(plan, point) } else { None },
    }
}

/// Depth scale of correlations, if finite.
fn xi_c(point: Option<FixedPoint>) -> Option<f64> {
    point.map(|point| point.xi_c).filter(|xi_c| xi_c.is_finite())
}

/// Growth of lengths from inputs of mean square 1.
fn growth(plan: &Plan, point: GridPoint) -> Option<GrowthRecord> {
    let theory = plan.theory(point).ok()?;
    let (q_1, depth) = (point.sigma_w2 + point.sigma_b2, plan.depth);
    let growth = theory.growth(q_1, depth).ok()?;
    Some(GrowthRecord {
        sentence: growth_sentence(plan.variant(point).activation, point.sigma_w2, &growth),
        lengths: theory.growth_profile(q_1, depth).ok()?,
        overflow_layer: growth.overflow_layer.filter(|&layer| layer <= depth),
    })
}

/// Theory of each slice. Variants of one activation share it.
fn curves(plan: &Plan) -> Vec<SliceTheory> {
    let mut curves: Vec<SliceTheory> = Vec::new();
    for slice in plan.points.chunk_by(GridPoint::shares_slice) {
        let GridPoint { variant, sigma_b2, .. } = slice[0];
        let activation = plan.variant(slice[0]).activation;
        let range = range(slice);
        let is_same = |known: &&SliceTheory| {
            plan.variants[known.variant].activation == activation
                && known.sigma_b2.to_bits() == sigma_b2.to_bits()
                && plan.variants[known.variant].scheme.uses_grid()
                && plan.variants[variant].scheme.uses_grid()
        };
        let has_theory = plan.variant(slice[0]).theory_gap().is_none();
        let (critical, overlays) = match curves.iter().find(is_same) {
            _ if !has_theory => (None, Vec::new()),
            Some(known) => (known.critical, known.overlays.clone()),
            None => (critical_sigma_w2(activation, sigma_b2).ok(), overlays(plan, slice[0], range)),
        };
        curves.push(SliceTheory { variant, sigma_b2, critical, overlays });
    }
    curves
}

/// Range of the curves of a slice: that of its weight variances, or around the only one.
fn range(slice: &[GridPoint]) -> [f64; 2] {
    let variances = slice.iter().map(|point| point.sigma_w2);
    let [low, high] =
        variances.fold([f64::INFINITY, 0.0], |[low, high]: [f64; 2], w| [low.min(w), high.max(w)]);
    if high > low { [low, high] } else { [0.5 * low, 1.5 * low] }
}

/// Theory curves of the slice of `point`.
fn overlays(plan: &Plan, point: GridPoint, range: [f64; 2]) -> Vec<OverlayRecord> {
    let at = |i: usize| range[0] + (range[1] - range[0]) * i as f64 / (CURVE_POINTS - 1) as f64;
    let xi_c = |sigma_w2| xi_c(fixed_point(plan, GridPoint { sigma_w2, ..point }));
    let xi_c: Vec<(f64, Option<f64>)> = (0..CURVE_POINTS).map(|i| (at(i), xi_c(at(i)))).collect();
    let overlays = plan.file.meanfield.overlay.iter().map(|overlay| OverlayRecord {
        label: overlay.to_string(),
        factor: overlay.factor,
        points: xi_c.iter().map(|&(w, xi_c)| (w, xi_c.map(|xi_c| overlay.factor * xi_c))).collect(),
    });
    overlays.collect()
}
