//! Cells of a scoreboard from the comparisons of single grids.

use super::{Cell, Grid};
use crate::{
    comparison::{Comparison, Estimate, FrontierErrors, PredictorSummary},
    outcomes::{PredictorScores, TableScores},
};

/// All predictors on a run; `carried` is the comparison that is calibrated on other runs.
pub(super) fn of_run(here: &Comparison, carried: Option<&Comparison>) -> Vec<(String, Cell)> {
    let cell = |summary| of_summary(summary, carried);
    here.summaries.iter().map(|summary| (summary.predictor.clone(), cell(summary))).collect()
}

fn of_summary(summary: &PredictorSummary, carried: Option<&Comparison>) -> Cell {
    let carried = carried.and_then(|carried| carried.summary(&summary.predictor));
    Cell {
        auc: summary.auc,
        auc_at_depth: summary.auc_at_depth,
        named: octaves(summary.published),
        other_variances: octaves(summary.calibrated),
        other_grids: carried.and_then(|summary| octaves(summary.calibrated)),
        cost: summary.cost_ratio.map(|ratio| ratio.value),
    }
}

/// The grids of a table, with the cells of all predictors.
pub(super) fn of_table(source: &str, table: &TableScores) -> Vec<(Grid, Vec<(String, Cell)>)> {
    let column = |scores: &crate::outcomes::GridScores| {
        let grid = Grid {
            name: if scores.name.is_empty() { source.to_owned() } else { scores.name.clone() },
            description: source.to_owned(),
            networks: scores.networks,
            succeeded: scores.succeeded,
            is_elsewhere: true,
        };
        (grid, scores.predictors.iter().map(|one| (name(one), cell(one))).collect())
    };
    table.grids.iter().map(column).collect()
}

fn cell(scores: &PredictorScores) -> Cell {
    Cell {
        auc: scores.auc,
        auc_at_depth: scores.auc_at_depth,
        named: octaves(scores.named),
        other_variances: octaves(scores.fitted),
        other_grids: octaves(scores.transferred),
        cost: None,
    }
}

/// Name of the score, without that of the run that measured it.
fn name(scores: &PredictorScores) -> String {
    let name = scores.predictor.as_str();
    let prefix = scores.run.as_ref().map(|run| format!("{run}: "));
    prefix.and_then(|prefix| name.strip_prefix(prefix.as_str())).unwrap_or(name).to_owned()
}

fn octaves(errors: Option<FrontierErrors>) -> Option<Estimate> {
    errors.map(|errors| errors.octaves)
}
