//! The scoreboard as CSV tables, in full precision.

use isobath_analysis::{
    comparison::{Estimate, FrontierErrors},
    outcomes::{Family, TableScores},
};
use isobath_scoring::Frontier;

use crate::{Result, csv::table};

/// Names and contents of the tables.
///
/// # Errors
/// If a table cannot be written.
pub(super) fn tables(board: &TableScores) -> Result<[(&'static str, String); 3]> {
    Ok([
        ("predictors.csv", predictors(board)?),
        ("frontiers.csv", frontiers(board)?),
        ("depths.csv", depths(board)?),
    ])
}

/// Value and interval of an estimate.
type Columns = (Option<f64>, Option<f64>, Option<f64>);

fn columns(estimate: Option<Estimate>) -> Columns {
    let interval = estimate.and_then(|estimate| estimate.interval);
    let (low, high) = interval.map(|interval| (interval.low, interval.high)).unzip();
    (estimate.map(|estimate| estimate.value), low, high)
}

/// Octaves, mean absolute and mean error in layers, and the numbers of frontiers.
type ErrorColumns = (Columns, Columns, Columns, Option<usize>, Option<usize>, Option<usize>);

fn errors(errors: Option<FrontierErrors>) -> ErrorColumns {
    (
        columns(errors.map(|errors| errors.octaves)),
        columns(errors.map(|errors| errors.mae_layers)),
        columns(errors.map(|errors| errors.bias_layers)),
        errors.map(|errors| errors.counted),
        errors.map(|errors| errors.censored),
        errors.map(|errors| errors.clamped),
    )
}

fn predictors(board: &TableScores) -> Result<String> {
    let mut header: Vec<String> =
        ["grid", "predictor", "missing", "factor"].map(ToOwned::to_owned).to_vec();
    let with_interval =
        |name: String| [name.clone(), format!("{name}_low"), format!("{name}_high")];
    for name in ["auc", "auc_at_depth", "auc_above_theory"] {
        header.extend(with_interval(name.to_owned()));
    }
    for kind in ["named", "other_variances", "other_grids"] {
        for name in ["octaves", "mae_layers", "bias_layers"] {
            header.extend(with_interval(format!("{kind}_{name}")));
        }
        header.extend(["counted", "censored", "clamped"].map(|name| format!("{kind}_{name}")));
    }
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let rows = board.grids.iter().flat_map(|grid| {
        grid.predictors.iter().map(move |scores| {
            (
                (&grid.name, &scores.predictor, scores.missing, scores.factor),
                [scores.auc, scores.auc_at_depth, scores.auc_above_theory].map(columns),
                [scores.named, scores.fitted, scores.transferred].map(errors),
            )
        })
    });
    table(&header, rows)
}

/// Settings of a family in every row about it.
const FAMILY: [&str; 6] = ["grid", "activation", "width", "sigma_w2", "sigma_b2", "keep"];

type FamilyColumns<'a> = (&'a str, String, Option<usize>, f64, f64, f64);

fn family<'a>(grid: &'a str, family: &Family) -> FamilyColumns<'a> {
    let Family { activation, sigma_w2, sigma_b2, keep, width, weights: _ } = *family;
    (grid, activation.to_string(), width, sigma_w2, sigma_b2, keep)
}

/// Side on which a frontier lies outside the trained depths; empty inside.
pub(super) const fn censored(frontier: Frontier) -> &'static str {
    match frontier {
        Frontier::Shallower => "shallower",
        Frontier::At(_) => "",
        Frontier::Deeper => "deeper",
    }
}

fn frontiers(board: &TableScores) -> Result<String> {
    let header: Vec<&str> = FAMILY
        .into_iter()
        .chain(["frontier", "censored", "deepest_success", "initialisations"])
        .collect();
    let rows = board.grids.iter().flat_map(|grid| {
        grid.frontiers.iter().map(move |found| {
            let frontier = found.trained.frontier;
            let depth = if let Frontier::At(depth) = frontier { Some(depth) } else { None };
            let trained = &found.trained;
            (
                family(&grid.name, &found.family),
                (depth, censored(frontier), trained.deepest_success, trained.seeds.len()),
            )
        })
    });
    table(&header, rows)
}

fn depths(board: &TableScores) -> Result<String> {
    let header: Vec<&str> = FAMILY.into_iter().chain(["predictor", "depth"]).collect();
    let rows = board.grids.iter().flat_map(|grid| {
        grid.predictors.iter().flat_map(move |scores| {
            let depths = grid.frontiers.iter().zip(&scores.depths);
            depths.filter_map(move |(found, depth)| {
                Some((family(&grid.name, &found.family), &scores.predictor, (*depth)?))
            })
        })
    });
    table(&header, rows)
}
