use std::fmt::Write as _;

use isobath_analysis::outcomes::{Table, TableScores, TableSettings, score};

use super::*;

/// Two grids; in the first one the frontier is beyond the depths at `sigma_w2 = 1.76`.
fn board() -> TableScores {
    let mut text =
        String::from("grid,optimiser,activation,sigma_b2,sigma_w2,depth,keep,accuracy\n");
    for (grid, keep, reach) in [("plain", 1.0, 1.0), ("dropout", 0.9, 0.5)] {
        for (sigma_w2, frontier) in
            [(1.0, 20.0), (1.4, 40.0), (1.76, 90.0), (2.4, 45.0), (3.2, 25.0)]
        {
            for depth in (5..=80).step_by(5) {
                let accuracy = if f64::from(depth) <= reach * frontier { "0.9" } else { "nan" };
                writeln!(text, "{grid},sgd,tanh,0.05,{sigma_w2},{depth},{keep},{accuracy}")
                    .unwrap();
            }
        }
    }
    score(&Table::read(&text, &TableSettings::default()).unwrap(), &[], &[], 100)
}

#[test]
fn markdown_answers_first() {
    let text = markdown("outcomes.csv", &board());
    for words in [
        "# outcomes.csv",
        "Success is an accuracy of at least 0.5;",
        "Networks: optimiser sgd, activation tanh, sigma_b2 0.05, no dropout.",
        "dropout that keeps 0.9",
        "in 80 cells succeeded: sigma_w2 from 1 to 3.2 in 5 families, depths from 5 to 80; ",
        "diverged and count as failures",
        "The deepest networks still succeed at sigma_w2 = 1.76: 1 of 5 frontiers are censored",
        "Best ranking: xi_c",
        "| xi_c without dropout |",
        "- parameters: ranks as depth does",
        "## Over all grids",
        "- chi_1: -|chi_1 - 1|",
    ] {
        assert!(text.contains(words), "no {words:?} in:\n{text}");
    }
    // The table of a grid has one cell for each of its heads.
    let lines = text.lines().filter(|line| line.starts_with("| xi_c |"));
    let cells: Vec<usize> = lines.map(|line| line.matches(" | ").count() + 1).collect();
    assert_eq!(cells, [13, 13, 8]);
}

#[test]
fn json_and_csv_have_the_same_numbers() {
    let board = board();
    let value = json("outcomes.csv", &board);
    let grid = &value["grids"][0];
    assert_eq!((&grid["facts"]["optimiser"], &grid["cells"]), (&"sgd".into(), &80.into()));
    let theory = &grid["predictors"][0];
    assert_eq!(theory["predictor"], "xi_c");
    let auc = theory["auc"]["value"].as_f64().unwrap();
    let interval = theory["auc"]["interval"].as_array().unwrap();
    assert!(interval[0].as_f64().unwrap() <= auc && auc <= interval[1].as_f64().unwrap());
    assert_eq!(theory["named"]["censored"], 1);
    let families = grid["frontiers"].as_array().unwrap();
    assert_eq!((families.len(), &families[2]["censored"]), (5, &"deeper".into()));
    assert!(families[2]["frontier"].is_null() && families[0]["predicted"]["xi_c"].is_number());

    let folder = tempfile::tempdir().unwrap();
    let files = write_csv(&board, folder.path()).unwrap();
    let tables: Vec<Vec<Vec<String>>> = files
        .iter()
        .map(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            text.lines().map(|line| line.split(',').map(ToOwned::to_owned).collect()).collect()
        })
        .collect();
    for table in &tables {
        assert!(table.iter().all(|row| row.len() == table[0].len()), "{:?}", table[0]);
    }
    let [predictors, frontiers, depths] = &tables[..] else { panic!("three tables") };
    let column = predictors[0].iter().position(|name| name == "auc").unwrap();
    assert_eq!(predictors[1][1], "xi_c");
    assert!((predictors[1][column].parse::<f64>().unwrap() - auc).abs() < 1e-15);
    assert_eq!(frontiers.len(), 1 + 10);
    // Two predictors of a depth without dropout, four with it.
    assert_eq!(depths.len(), 1 + 2 * 5 + 4 * 5);
}
