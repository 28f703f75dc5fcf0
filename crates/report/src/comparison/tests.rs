use isobath_analysis::comparison::{
    Comparison, Settings, judge,
    synthetic::{DEPTHS, run},
};
use isobath_store::RunRecord;

use super::*;

const SETTINGS: Settings<'static> = Settings { calibrate_on: None, resamples: 200 };

fn verdicts(run: &RunRecord) -> Comparison {
    judge(run, "sgd", &SETTINGS).unwrap()
}

#[test]
fn a_search_for_the_frontier_is_told() {
    let mut run = run();
    let told = |run: &RunRecord| {
        let told = sentences(run, &verdicts(run));
        told.into_iter().find(|sentence| sentence.contains("were trained, those near"))
    };
    assert_eq!(told(&run), None);
    run.trainings.retain(|training| training.id.depth != DEPTHS[0] || training.id.seed_index > 0);
    let sentence = told(&run).unwrap();
    let grid = 14 * DEPTHS.len() * 3;
    assert!(sentence.contains(&format!("Only {} of the grid's {grid}", grid - 14)), "{sentence}");
}

#[test]
fn scripts_and_readers_get_the_same_numbers() {
    let run = run();
    let all = [verdicts(&run)];
    let json = json(&run, &all);
    let predictor = &json["recipes"][0]["predictors"][0];
    for field in [
        "predictor",
        "auc",
        "spearman",
        "kendall",
        "brier",
        "frontier_mae_layers",
        "frontier_bias_layers",
        "frontier_error_octaves",
        "cost_seconds",
        "cost_flops",
        "cost_ratio",
        "auc_interval",
        "frontier_mae_layers_interval",
        "cost_ratio_interval",
    ] {
        assert!(!predictor[field].is_null(), "{field}: {predictor}");
    }
    let text = markdown(&run, &all);
    assert!(text.contains("| truth | 1.000 (1.000 to 1.000) |"), "{text}");
    assert!(text.contains("rule of thumb has 6"), "{text}");
    assert!(text.contains("Blind for the variance of the weights: depth."), "{text}");
}

#[test]
fn the_page_answers_first_and_shows_every_predictor() {
    let run = run();
    let folder = tempfile::tempdir().unwrap();
    let files = crate::write_comparison(&run, &[verdicts(&run)], folder.path()).unwrap();
    assert_eq!(files[0], folder.path().join("compare.html"));
    let names = ["compare-auc-sgd", "compare-map-sgd-sigma_b2-0.05", "compare-reliability-sgd"];
    let figures: Vec<_> = names
        .iter()
        .flat_map(|name| ["svg", "png"].map(|kind| format!("figures/{name}.{kind}")))
        .collect();
    for figure in &figures {
        assert!(folder.path().join(figure).is_file(), "{figure}");
    }
    assert_eq!(files.len(), 1 + figures.len());
    let page = std::fs::read_to_string(&files[0]).unwrap();
    let answer = page.find("A trainable network has a higher score").unwrap();
    assert!(answer < page.find("<table").unwrap());
    for part in [
        "steps-100",
        "opposite",
        "Scores that do not see the variance",
        "Depths as they are named",
        "GFLOP",
    ] {
        assert!(page.contains(part), "{part}");
    }
}
