//! The scoreboard as JSON.

use serde_json::{Value, json};

use crate::comparison::estimate_json;
use isobath_analysis::scoreboard::{Cell, Row, Scoreboard};

/// The scoreboard as one JSON object. Missing numbers are null; numbers with intervals are objects.
pub fn json(board: &Scoreboard) -> Value {
    let grids = board.grids.iter().map(|grid| {
        json!({
            "name": grid.name,
            "description": grid.description,
            "networks": grid.networks,
            "succeeded": grid.succeeded,
            "trained_elsewhere": grid.is_elsewhere,
        })
    });
    let choices = board.choices.iter().map(|choice| {
        let grid = &board.grids[choice.grid].name;
        json!({ "predictor": choice.predictor, "grid": grid, "noise": choice.noise })
    });
    json!({
        "resamples": board.resamples,
        "chosen_noises": choices.collect::<Vec<_>>(),
        "grids": grids.collect::<Vec<_>>(),
        "predictors": board.rows.iter().map(|row| predictor(board, row)).collect::<Vec<_>>(),
    })
}

fn predictor(board: &Scoreboard, row: &Row) -> Value {
    let cells = board.grids.iter().zip(&row.cells);
    let cells = cells.filter_map(|(grid, cell)| Some((grid.name.as_str(), cell.as_ref()?)));
    json!({
        "predictor": row.predictor,
        "evidence": row.evidence.label(),
        "auc_at_depth_above_theory": row.above_theory,
        "grids": cells.map(|(name, one)| cell(name, one)).collect::<Vec<_>>(),
    })
}

fn cell(grid: &str, cell: &Cell) -> Value {
    json!({
        "grid": grid,
        "auc": estimate_json(cell.auc),
        "auc_at_depth": estimate_json(cell.auc_at_depth),
        "octaves_named": estimate_json(cell.named),
        "octaves_other_variances": estimate_json(cell.other_variances),
        "octaves_other_grids": estimate_json(cell.other_grids),
        "share_of_training": cell.cost,
    })
}
