use super::*;
use crate::{
    comparison::synthetic,
    outcomes::{self, Table, TableSettings},
};

/// A second run whose networks train `factor` times as deep as their scores say.
fn rescaled(name: &str, factor: f64) -> RunRecord {
    let mut run = RunRecord { name: name.to_owned(), ..synthetic::run() };
    run.recipes.truncate(1);
    run.trainings.retain(|training| training.id.recipe == 0);
    for score in run.scores.iter_mut().filter(|score| score.quantity == "xi_c") {
        score.predicted_depth = score.predicted_depth.map(|depth| depth / factor);
        score.score -= factor.log2();
    }
    run
}

fn row<'a>(board: &'a Scoreboard, name: &str) -> &'a Row {
    board.rows.iter().find(|row| row.predictor == name).unwrap_or_else(|| panic!("no {name}"))
}

fn octaves(board: &Scoreboard, name: &str, grid: usize) -> [f64; 2] {
    let cell = row(board, name).cells[grid].unwrap();
    [cell.other_variances, cell.other_grids].map(|estimate| estimate.unwrap().value)
}

#[test]
fn a_factor_that_differs_between_grids_does_not_carry_over() {
    let (near, far) = (rescaled("near", 1.0), rescaled("far", 16.0));
    let board = scoreboard(&[&near, &far], &[], 50).unwrap();
    assert_eq!(board.grids[1].name, "far");
    for grid in 0..2 {
        let [here, elsewhere] = octaves(&board, "xi_c", grid);
        assert!(elsewhere > here + 0.3, "grid {grid}: {here} and {elsewhere}");
        // The cascade's depth has one factor on both.
        let [here, elsewhere] = octaves(&board, "cascade relative saturation", grid);
        assert!(elsewhere < here + 0.1, "grid {grid}: {here} and {elsewhere}");
    }
}

#[test]
fn rows_are_ordered_by_ranks_at_equal_depth_and_end_with_depth() {
    let near = rescaled("near", 1.0);
    let board = scoreboard(&[&near], &[], 0).unwrap();
    assert_eq!(board.rows.first().unwrap().predictor, "truth");
    let last = board.rows.last().unwrap();
    assert!(last.predictor == "depth" && last.is_baseline());
    assert_eq!(row(&board, "xi_c").above_theory, Some(0.0));
    assert!(row(&board, "opposite").above_theory.unwrap() < -0.5);
    // A single grid has no other one to be calibrated on.
    assert!(row(&board, "xi_c").cells[0].unwrap().other_grids.is_none());
}

#[test]
fn grids_of_a_table_stand_beside_runs() {
    let rows = (10..=40).step_by(10).flat_map(|depth| {
        let outcome = move |(sigma_w2, most): (f64, usize)| {
            format!("{sigma_w2},{depth},{},first\n", u8::from(depth <= most))
        };
        [(1.3, 30), (2.5, 20), (4.0, 10)].map(outcome)
    });
    let text = format!("sigma_w2,depth,success,grid\n{}", rows.collect::<String>());
    let settings = TableSettings {
        activation: Some(isobath_architecture::Activation::Tanh),
        sigma_b2: Some(0.05),
        ..TableSettings::default()
    };
    let table = outcomes::score(&Table::read(&text, &settings).unwrap(), &[], &[], 20);
    let near = rescaled("near", 1.0);
    let board = scoreboard(&[&near], &[("table.csv", &table)], 20).unwrap();
    assert_eq!(board.grids[1].name, "first");
    assert!(board.grids[1].is_elsewhere && board.grids[1].networks == 12);
    assert!(row(&board, "xi_c").cells.iter().all(Option::is_some));
    let trained = row(&board, "steps-100");
    assert!(trained.cells[0].is_some() && trained.cells[1].is_none());
}
