use isobath_analysis::{
    comparison::{Estimate, synthetic},
    scoreboard::{NoiseChoice, Scoreboard, scoreboard},
};
use isobath_store::RunRecord;

use super::*;

fn board() -> Scoreboard {
    let first = RunRecord { recipes: vec!["sgd".into()], ..synthetic::run() };
    let mut first = RunRecord { name: "first".into(), ..first };
    first.trainings.retain(|training| training.id.recipe == 0);
    let second = RunRecord { name: "second".into(), ..first.clone() };
    scoreboard(&[&first, &second], &[], 20).unwrap()
}

#[test]
fn every_grid_is_a_column_and_every_predictor_a_row() {
    let board = board();
    let text = markdown(&board);
    assert!(text.contains("| predictor | above xi_c | cost | first | second |"), "{text}");
    let truth = text.lines().find(|line| line.starts_with("| truth |")).unwrap();
    assert!(truth.contains("| 50% | 1.00 (1.00 to 1.00) |"), "{truth}");
    // A score that names no depth has no error as named.
    let named = text.split("## ").find(|part| part.starts_with("Frontier error in octaves, as"));
    let named = named.unwrap();
    assert!(named.contains("| 6 xi_c |") && !named.contains("| truth |"), "{named}");
}

#[test]
fn chosen_noises_are_named_with_their_grids() {
    let predictor = "ridge chosen reconstruction-error decay".to_owned();
    let choice = |grid, noise| NoiseChoice { predictor: predictor.clone(), grid, noise };
    let board = Scoreboard { choices: vec![choice(0, 0.03), choice(1, 0.1)], ..board() };
    let line = format!("Noise of {predictor}: 0.03 for first, 0.1 for second.");
    assert!(markdown(&board).ends_with(&line), "{}", markdown(&board));
    assert_eq!(json(&board)["chosen_noises"][1]["noise"], 0.1);
}

#[test]
fn json_has_the_numbers_of_every_cell() {
    let board = board();
    let json = json(&board);
    assert_eq!(json["grids"][1]["name"], "second");
    let row = &json["predictors"][0];
    let Some(Estimate { value, .. }) = board.rows[0].cells[1].unwrap().auc_at_depth else {
        panic!("no AUC");
    };
    assert_eq!(row["grids"][1]["auc_at_depth"]["value"], value);
    assert_eq!(row["predictor"], board.rows[0].predictor.as_str());
}

#[test]
fn the_figure_writes_both_files() {
    let folder = tempfile::tempdir().unwrap();
    let files = crate::write_scoreboard(&board(), folder.path()).unwrap();
    assert_eq!(files.len(), 2);
    let svg = std::fs::read_to_string(&files[0]).unwrap();
    assert!(svg.contains("second") && svg.contains("octaves"), "no labels");
}
