//! The scoreboard as JSON.

use serde_json::{Map, Value, json};

use isobath_analysis::{
    comparison::FrontierErrors,
    outcomes::{FamilyFrontier, GridScores, PredictorScores, TableScores},
};
use isobath_scoring::Frontier;

use crate::comparison::estimate_json;

/// Scores of all predictors on the grids of the table called `source`. Missing and infinite numbers are null; intervals
/// are `[low, high]`.
pub fn json(source: &str, board: &TableScores) -> Value {
    json!({
        "table": source,
        "success_accuracy": board.success,
        "resamples": board.resamples,
        "grids": board.grids.iter().map(grid).collect::<Vec<_>>(),
    })
}

fn grid(grid: &GridScores) -> Value {
    let facts: Map<String, Value> =
        grid.facts.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "grid": grid.name,
        "facts": facts,
        "networks": grid.networks,
        "succeeded": grid.succeeded,
        "diverged": grid.diverged,
        "cells": grid.cells,
        "depths": grid.depths,
        "predictors": grid.predictors.iter().map(predictor).collect::<Vec<_>>(),
        "frontiers": grid.frontiers.iter().enumerate().map(|(index, found)| family(grid, index, found)).collect::<Vec<_>>(),
    })
}

fn family(grid: &GridScores, index: usize, found: &FamilyFrontier) -> Value {
    let depth = |scores: &PredictorScores| {
        let depth = (*scores.depths.get(index)?)?;
        Some((scores.predictor.clone(), json!(depth)))
    };
    let predicted: Map<String, Value> = grid.predictors.iter().filter_map(depth).collect();
    let family = found.family;
    json!({
        "activation": family.activation.to_string(),
        "width": family.width,
        "sigma_w2": family.sigma_w2,
        "sigma_b2": family.sigma_b2,
        "keep": family.keep,
        "frontier": match found.trained.frontier {
            Frontier::At(depth) => Some(depth),
            Frontier::Shallower | Frontier::Deeper => None,
        },
        "censored": super::csv::censored(found.trained.frontier),
        "deepest_success": found.trained.deepest_success,
        "initialisations": found.trained.seeds.len(),
        "predicted": predicted,
    })
}

fn predictor(scores: &PredictorScores) -> Value {
    json!({
        "predictor": scores.predictor,
        "meaning": scores.meaning,
        "note": scores.note,
        "missing": scores.missing,
        "factor": scores.factor,
        "auc": estimate_json(scores.auc),
        "auc_at_depth": estimate_json(scores.auc_at_depth),
        "auc_above_theory": estimate_json(scores.auc_above_theory),
        "named": scores.named.as_ref().map(errors),
        "fitted_on_other_variances": scores.fitted.as_ref().map(errors),
        "fitted_on_other_grids": scores.transferred.as_ref().map(errors),
    })
}

fn errors(errors: &FrontierErrors) -> Value {
    json!({
        "octaves": estimate_json(Some(errors.octaves)),
        "mae_layers": estimate_json(Some(errors.mae_layers)),
        "bias_layers": estimate_json(Some(errors.bias_layers)),
        "counted": errors.counted,
        "censored": errors.censored,
        "clamped": errors.clamped,
    })
}
