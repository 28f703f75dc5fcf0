//! The scoreboard as Markdown: grids, ranks at equal depth, ranks over all networks, errors of frontiers.

use isobath_analysis::{
    comparison::Estimate,
    scoreboard::{Cell, Row, Scoreboard},
};

use crate::{
    comparison::{estimate, table},
    figures::{median_cost, share},
};

/// All tables of the scoreboard.
pub fn markdown(board: &Scoreboard) -> String {
    let mut lines = vec!["# Predictors on grids of trained networks".to_owned(), String::new()];
    lines.extend(grids(board));
    lines.extend([String::new(), explanation(board)]);
    let parts: [(&str, Of); 5] = [
        ("AUC among networks of equal depth", |cell| cell.auc_at_depth),
        ("AUC over all networks", |cell| cell.auc),
        ("Frontier error in octaves, as named", |cell| cell.named),
        ("Frontier error in octaves, calibrated on other weight variances of the grid", |cell| {
            cell.other_variances
        }),
        ("Frontier error in octaves, calibrated on other grids", |cell| cell.other_grids),
    ];
    for (title, of) in parts {
        lines.extend([String::new(), format!("## {title}"), String::new()]);
        lines.extend(part(board, of));
    }
    lines.extend(choices(board));
    lines.join("\n")
}

/// One quantity of a cell.
type Of = fn(&Cell) -> Option<Estimate>;

fn grids(board: &Scoreboard) -> Vec<String> {
    let rows = board.grids.iter().map(|grid| {
        let succeeded = format!("{} of {}", grid.succeeded, grid.networks);
        vec![grid.name.clone(), grid.description.clone(), succeeded]
    });
    table(&["grid", "networks", "successes"], rows)
}

fn explanation(board: &Scoreboard) -> String {
    let intervals = match board.resamples {
        0 => String::new(),
        count => format!(" Intervals are of 95%, from {count} resamples."),
    };
    format!(
        "Every score predicts success where it is larger, and none is reversed. Rows are ordered by the mean over grids of \
         the AUC at equal depth minus that of xi_c on the same grid, the trivial baselines last. A run is calibrated on the \
         other runs, a table's grid on the table's other grids. A training's cost is 100%.{intervals}"
    )
}

/// The noises that were chosen, one line for each score.
fn choices(board: &Scoreboard) -> Vec<String> {
    let mut names: Vec<&str> = Vec::new();
    for choice in &board.choices {
        if !names.contains(&choice.predictor.as_str()) {
            names.push(&choice.predictor);
        }
    }
    let line = |name: &&str| {
        let choices = board.choices.iter().filter(|choice| choice.predictor == **name);
        let noises: Vec<String> = choices
            .map(|choice| format!("{} for {}", choice.noise, board.grids[choice.grid].name))
            .collect();
        [String::new(), format!("Noise of {name}: {}.", noises.join(", "))]
    };
    names.iter().flat_map(line).collect()
}

fn part(board: &Scoreboard, of: Of) -> Vec<String> {
    let names = board.grids.iter().map(|grid| grid.name.as_str());
    let heads: Vec<&str> = ["predictor", "above xi_c", "cost"].into_iter().chain(names).collect();
    let has_any = |row: &&Row| row.cells.iter().flatten().any(|cell| of(cell).is_some());
    let row = |row: &Row| {
        let above = row.above_theory.map_or("-".to_owned(), |mean| format!("{mean:+.3}"));
        let cost = median_cost(row).map_or("-".to_owned(), share);
        let cells = row.cells.iter().map(|cell| estimate(cell.as_ref().and_then(of), 2));
        [row.predictor.clone(), above, cost].into_iter().chain(cells).collect()
    };
    table(&heads, board.rows.iter().filter(has_any).map(row))
}
