use isobath_analysis::comparison::{
    Comparison, Settings, compare,
    synthetic::{DEPTHS, run},
};
use isobath_store::RunRecord;

use super::*;

const SETTINGS: Settings<'static> = Settings { calibrate_on: &[], resamples: 200 };

fn comparison(run: &RunRecord) -> Comparison {
    compare(run, "sgd", &SETTINGS).unwrap()
}

#[test]
fn frontier_search_is_mentioned() {
    let mut run = run();
    let mention = |run: &RunRecord| {
        let sentences = sentences(run, &comparison(run));
        sentences.into_iter().find(|sentence| sentence.contains("were trained, those near"))
    };
    assert_eq!(mention(&run), None);
    run.trainings.retain(|training| training.id.depth != DEPTHS[0] || training.id.seed_index > 0);
    let sentence = mention(&run).unwrap();
    let grid = 14 * DEPTHS.len() * 3;
    assert!(sentence.contains(&format!("Only {} of the grid's {grid}", grid - 14)), "{sentence}");
}

#[test]
fn few_successes_are_no_verdict() {
    let mut run = run();
    let mut successes = 0;
    for training in &mut run.trainings {
        training.succeeded &= successes < 1;
        successes += usize::from(training.succeeded);
    }
    let comparison = comparison(&run);
    let (sentences, failed) = (sentences(&run, &comparison), comparison.networks - 1);
    let expected =
        format!("With 1 network succeeding and {failed} failing, predictors are not compared");
    assert!(sentences.iter().any(|sentence| sentence.starts_with(&expected)), "{sentences:?}");
    assert!(!sentences.iter().any(|sentence| sentence.contains("AUC")), "{sentences:?}");
    let folder = tempfile::tempdir().unwrap();
    let all = std::slice::from_ref(&comparison);
    let files = crate::write_comparison(&run, all, folder.path()).unwrap();
    let page = std::fs::read_to_string(&files[0]).unwrap();
    for text in [markdown(&run, all), page] {
        assert!(text.contains(&format!("1 successes and {failed} failures are too few to judge")));
        assert!(text.contains("| too few |") || text.contains("<td>too few</td>"), "{text}");
    }
    let json = json(&run, &[comparison]);
    assert_eq!(json["recipes"][0]["conclusive"], false);
}

#[test]
fn json_and_markdown_agree() {
    let run = run();
    let all = [comparison(&run)];
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
    assert!(text.contains("rule of thumb is a = 6"), "{text}");
    assert!(text.contains("Scores independent of the weight variance: depth."), "{text}");
}

#[test]
fn missing_cascade_is_stated_everywhere() {
    let mut run = run();
    let all = [comparison(&run)];
    assert!(json(&run, &all)["recipes"][0]["cascade_missing"].is_null());
    assert!(!markdown(&run, &all).contains("The cascade predicts no depth"));
    for score in run.scores.iter_mut().filter(|score| score.quantity.starts_with("cascade ")) {
        (score.score, score.predicted_depth) = (f64::NEG_INFINITY, None);
    }
    for cutoff in run.cells.iter_mut().flat_map(|record| &mut record.cutoffs) {
        (cutoff.depth, cutoff.beyond, cutoff.note) = (None, false, Some("not decoded".into()));
    }
    let all = [comparison(&run)];
    assert!(all[0].summaries.iter().all(|summary| !summary.predictor.starts_with("cascade ")));
    let expected =
        "The cascade predicts no depth for any of these networks: no cell has a cut-off by";
    let text = json(&run, &all)["recipes"][0]["cascade_missing"].as_str().unwrap().to_owned();
    assert!(text.starts_with(expected) && text.ends_with("First reason: not decoded."), "{text}");
    let markdown = markdown(&run, &all);
    assert!(markdown.contains(&text) && markdown.contains("| no prediction | no prediction |"));
    let folder = tempfile::tempdir().unwrap();
    let files = crate::write_comparison(&run, &all, folder.path()).unwrap();
    assert!(std::fs::read_to_string(&files[0]).unwrap().contains(expected));
}

#[test]
fn page_answers_first_and_shows_every_predictor() {
    let run = run();
    let folder = tempfile::tempdir().unwrap();
    let files = crate::write_comparison(&run, &[comparison(&run)], folder.path()).unwrap();
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
    let answer = page.find("Probability that a trainable network scores higher").unwrap();
    assert!(answer < page.find("<table").unwrap());
    for part in [
        "steps-100",
        "opposite",
        "Scores independent of the weight variance",
        "Predicted depths without calibration",
        "GFLOP",
    ] {
        assert!(page.contains(part), "{part}");
    }
}
