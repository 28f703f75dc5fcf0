//! Joins the store and mean-field theory into the record of a report.

use isobath_meanfield::{FixedPoint, critical_sigma_w2, growth_sentence};
use rayon::prelude::*;

use crate::{Error, Result};
use isobath_experiment::{Cell, GridPoint, NetworkKind, Plan};
use isobath_store::{
    CellRecord, Measurement, OverlayRecord, RunRecord, ScoreRecord, Store, TheoryRecord,
    TrainingRecord,
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
    let theory = plan.sigma_b2.iter().flat_map(|&b| plan.sigma_w2.iter().map(move |&w| (w, b)));
    let curves = plan.sigma_b2.iter().map(|&sigma_b2| (sigma_b2, overlays(plan, sigma_b2)));
    let critical =
        plan.sigma_b2.iter().map(|&b| (b, critical_sigma_w2(file.network.activation, b).ok()));
    Ok(RunRecord {
        name: file.name.clone(),
        description: file.description.clone(),
        dataset: file.data.dataset.to_string(),
        shape: [plan.shape.channels, plan.shape.height, plan.shape.width],
        network: describe(plan),
        depth: plan.network.depth(),
        layers: plan.layers,
        train_samples: plan.train_samples().ok_or(Error::UnknownSamples)?,
        probe_samples: file.data.probe,
        seeds: file.grid.seeds,
        estimators: file.entropy.estimators.clone(),
        rules: file.entropy.cutoff.as_slice().to_vec(),
        cells,
        cells_planned: plan.cells.len(),
        success: plan.train.as_ref().map(|train| train.section.success.accuracy),
        recipes: recipes(plan),
        train_depths: plan.train.as_ref().map_or_else(Vec::new, |train| train.depths.clone()),
        trainings: trainings(plan, store)?,
        scores: scores(store)?,
        theory: theory.map(|(w, b)| theory_record(plan, w, b)).collect(),
        overlays: curves.collect(),
        critical: critical.collect(),
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
fn scores(store: &Store) -> Result<Vec<ScoreRecord>> {
    let mut scores = Vec::new();
    for key in store.score_grid()? {
        scores.extend(store.scores(&key)?);
    }
    Ok(scores)
}

/// Computes the fixed point, if one exists.
fn fixed_point(plan: &Plan, sigma_w2: f64, sigma_b2: f64) -> Option<FixedPoint> {
    plan.theory(sigma_w2, sigma_b2).and_then(|theory| theory.fixed_point()).ok()
}

fn theory_record(plan: &Plan, sigma_w2: f64, sigma_b2: f64) -> TheoryRecord {
    let point = fixed_point(plan, sigma_w2, sigma_b2);
    TheoryRecord {
        point: GridPoint::new(sigma_w2, sigma_b2),
        xi_c: xi_c(point),
        chi_1: point.map(|point| point.chi_1),
        growth: if point.is_none() { growth(plan, sigma_w2, sigma_b2) } else { None },
    }
}

/// Depth scale of correlations, if finite.
fn xi_c(point: Option<FixedPoint>) -> Option<f64> {
    point.map(|point| point.xi_c).filter(|xi_c| xi_c.is_finite())
}

/// Growth of lengths from inputs of mean square 1, in words.
fn growth(plan: &Plan, sigma_w2: f64, sigma_b2: f64) -> Option<String> {
    let theory = plan.theory(sigma_w2, sigma_b2).ok()?;
    let growth = theory.growth(sigma_w2 + sigma_b2, plan.network.depth()).ok()?;
    Some(growth_sentence(plan.file.network.activation, sigma_w2, &growth))
}

fn overlays(plan: &Plan, sigma_b2: f64) -> Vec<OverlayRecord> {
    let range = plan
        .sigma_w2
        .iter()
        .fold((f64::INFINITY, 0.0_f64), |(low, high), &w| (low.min(w), high.max(w)));
    let at = |i: usize| range.0 + (range.1 - range.0) * i as f64 / (CURVE_POINTS - 1) as f64;
    let xi_c: Vec<(f64, Option<f64>)> =
        (0..CURVE_POINTS).map(|i| (at(i), xi_c(fixed_point(plan, at(i), sigma_b2)))).collect();
    let overlays = plan.file.meanfield.overlay.iter().map(|overlay| OverlayRecord {
        label: overlay.to_string(),
        factor: overlay.factor,
        points: xi_c.iter().map(|&(w, xi_c)| (w, xi_c.map(|xi_c| overlay.factor * xi_c))).collect(),
    });
    overlays.collect()
}

/// Describes the network: `tanh MLP, width 784, 49 hidden layers`
fn describe(plan: &Plan) -> String {
    let NetworkKind::Mlp = plan.file.network.kind;
    let hidden = &plan.network.widths()[1..plan.network.depth()];
    let widths = match (hidden.iter().min(), hidden.iter().max()) {
        (Some(low), Some(high)) if low == high => format!("width {low}, "),
        (Some(_), Some(_)) => format!("widths {} to {}, ", hidden[0], hidden[hidden.len() - 1]),
        _ => String::new(),
    };
    let layers = if hidden.len() == 1 { "hidden layer" } else { "hidden layers" };
    format!("{} MLP, {widths}{} {layers}", plan.file.network.activation, hidden.len())
}
