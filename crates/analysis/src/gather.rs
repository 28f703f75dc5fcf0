//! Joins the store and mean-field theory into the record of a report.

use rayon::prelude::*;

use crate::{Error, Result, describe::variant_records, stages::stages, theory};
use isobath_experiment::{Cell, Plan};
use isobath_store::{CellRecord, Measurement, RunRecord, ScoreRecord, Store, TrainingRecord};

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
    let theory: Vec<_> = plan.points.iter().map(|&point| theory::record(plan, point)).collect();
    Ok(RunRecord {
        name: file.name.clone(),
        description: file.description.clone(),
        dataset: file.data.dataset.to_string(),
        shape: [plan.shape.channels, plan.shape.height, plan.shape.width],
        variants: variant_records(plan),
        kind: file.network.kind,
        depth: plan.depth,
        layers: plan.layers,
        train_samples: plan.train_samples().ok_or(Error::UnknownSamples)?,
        noise: plan.cascade.params().noise,
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
        curves: theory::curves(plan),
        stages: stages(plan, &theory),
        theory,
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
    if !keys.len().is_multiple_of(plan.cells.len()) {
        return Err(Error::OtherGrid);
    }
    let mut scores = Vec::new();
    // Groups of predictors follow each other, each with a key for every cell.
    for (key, cell) in keys.iter().zip(plan.cells.iter().cycle()) {
        let Some(key) = key else { continue };
        let point = cell.id.point;
        scores.extend(store.scores(key)?.into_iter().map(|score| ScoreRecord { point, ..score }));
    }
    Ok(scores)
}
