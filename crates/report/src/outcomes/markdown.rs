//! The scoreboard as Markdown, sentences first.

use isobath_analysis::{
    comparison::FrontierErrors,
    outcomes::{GridScores, PredictorScores, TableScores},
};

use super::summary::{sentences, success, title};
use crate::comparison::{estimate, table};

/// Scores of all predictors on the grids of the table called `source`.
pub fn markdown(source: &str, board: &TableScores) -> String {
    let mut lines = vec![format!("# {source}"), String::new(), success(board)];
    lines.extend(explanation(board));
    for grid in &board.grids {
        lines.extend([String::new(), format!("## {}", title(grid)), String::new()]);
        lines.extend(section(grid));
    }
    if board.grids.len() > 1 {
        lines.extend([String::new(), "## Over all grids".into(), String::new()]);
        lines.push("Least and greatest value over the grids that have one.".into());
        lines.push(String::new());
        lines.extend(overview(board));
    }
    lines.extend([String::new(), "## Scores".into(), String::new()]);
    lines.push("A larger score predicts success, and no score is reversed:".into());
    lines.push(String::new());
    lines.extend(meanings(board));
    lines.join("\n")
}

fn explanation(board: &TableScores) -> [String; 2] {
    [
        format!(
            "The 95% intervals resample cells of equal settings and depth, and for errors of frontiers whole families, {} \
             times (seed 1).",
            board.resamples
        ),
        "A frontier error is the mean of |log2(predicted / measured)| over families, in octaves, and the mean of predicted \
         minus measured, in layers: for the depth as named, for its multiple by one factor fitted on the other weight \
         variances of the grid, and for its multiple by one factor fitted on the other grids. Predictions outside the \
         trained depths count with the end of these."
            .into(),
    ]
}

fn section(grid: &GridScores) -> Vec<String> {
    let mut lines = sentences(grid);
    lines.push(String::new());
    lines.extend(predictors(grid));
    let notes = grid.predictors.iter().filter_map(|scores| {
        scores.note.as_ref().map(|note| format!("- {}: {note}", scores.predictor))
    });
    let notes: Vec<String> = notes.collect();
    if !notes.is_empty() {
        lines.push(String::new());
        lines.extend(notes);
    }
    lines
}

const HEADS: [&str; 13] = [
    "predictor",
    "AUC",
    "AUC at equal depth",
    "AUC minus that of xi_c",
    "octaves as named",
    "layers as named",
    "outside the depths as named",
    "factor",
    "octaves, factor of other variances",
    "layers, factor of other variances",
    "octaves, factor of other grids",
    "frontiers inside, censored",
    "networks without a prediction",
];

fn predictors(grid: &GridScores) -> Vec<String> {
    let row = |scores: &PredictorScores| {
        let octaves =
            |errors: Option<FrontierErrors>| estimate(errors.map(|errors| errors.octaves), 2);
        let layers =
            |errors: Option<FrontierErrors>| estimate(errors.map(|errors| errors.bias_layers), 0);
        let counts = scores.fitted.or(scores.named);
        vec![
            scores.predictor.clone(),
            estimate(scores.auc, 3),
            estimate(scores.auc_at_depth, 3),
            estimate(scores.auc_above_theory, 3),
            octaves(scores.named),
            layers(scores.named),
            scores
                .named
                .map_or("-".into(), |named| format!("{} of {}", named.clamped, named.counted)),
            scores.factor.map_or("-".into(), factor),
            octaves(scores.fitted),
            layers(scores.fitted),
            octaves(scores.transferred),
            counts.map_or("-".into(), |errors| format!("{}, {}", errors.counted, errors.censored)),
            scores.missing.to_string(),
        ]
    };
    table(&HEADS, grid.predictors.iter().map(row))
}

/// A factor with three digits.
fn factor(value: f64) -> String {
    crate::numbers::short(value)
}

/// Ranges of the measures over the grids.
fn overview(board: &TableScores) -> Vec<String> {
    let heads = [
        "predictor",
        "grids",
        "AUC",
        "AUC at equal depth",
        "octaves as named",
        "octaves, factor of other variances",
        "octaves, factor of other grids",
        "factor",
    ];
    let names = names(board);
    let row = |name: &&str| {
        let all: Vec<&PredictorScores> =
            board.grids.iter().filter_map(|grid| grid.predictor(name)).collect();
        let range = |of: &dyn Fn(&PredictorScores) -> Option<f64>, digits: usize| {
            let values = || all.iter().filter_map(|scores| of(scores));
            match values().reduce(f64::min).zip(values().reduce(f64::max)) {
                Some((low, high)) => format!("{low:.digits$} to {high:.digits$}"),
                None => "-".into(),
            }
        };
        let octaves = |errors: Option<FrontierErrors>| errors.map(|errors| errors.octaves.value);
        vec![
            (*name).to_owned(),
            all.len().to_string(),
            range(&|scores| scores.auc.map(|auc| auc.value), 3),
            range(&|scores| scores.auc_at_depth.map(|auc| auc.value), 3),
            range(&|scores| octaves(scores.named), 2),
            range(&|scores| octaves(scores.fitted), 2),
            range(&|scores| octaves(scores.transferred), 2),
            range(&|scores| scores.factor, 2),
        ]
    };
    table(&heads, names.iter().map(row))
}

/// Names of all predictors, each once, in the order of the grids.
fn names(board: &TableScores) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for scores in board.grids.iter().flat_map(|grid| &grid.predictors) {
        if !names.contains(&scores.predictor.as_str()) {
            names.push(&scores.predictor);
        }
    }
    names
}

fn meanings(board: &TableScores) -> Vec<String> {
    let all = || board.grids.iter().flat_map(|grid| &grid.predictors);
    let line = |name: &str| {
        let scores = all().find(|scores| scores.predictor == name)?;
        Some(format!("- {name}: {}", scores.meaning))
    };
    names(board).into_iter().filter_map(line).collect()
}
