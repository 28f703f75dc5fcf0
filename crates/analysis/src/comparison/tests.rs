use super::{
    synthetic::{DEPTHS, FACTOR, run},
    *,
};

const SETTINGS: Settings<'static> = Settings { calibrate_on: &[], resamples: 200 };

fn comparison(run: &RunRecord) -> Comparison {
    compare(run, "sgd", &SETTINGS).unwrap()
}

fn summary<'a>(comparison: &'a Comparison, predictor: &str) -> &'a PredictorSummary {
    comparison.summary(predictor).unwrap_or_else(|| panic!("no {predictor}"))
}

#[test]
fn networks_and_configurations_are_counted() {
    let run = run();
    let comparison = comparison(&run);
    assert_eq!((comparison.networks, comparison.cells), (14 * DEPTHS.len() * 3, 14 * DEPTHS.len()));
    let succeeded = run.trainings.iter().filter(|training| training.succeeded).count();
    assert_eq!(comparison.succeeded, succeeded);
    assert!((comparison.training.seconds - 2.0).abs() < 1e-12);
}

#[test]
fn perfect_and_inverted_scores() {
    let comparison = comparison(&run());
    let (truth, opposite) = (summary(&comparison, "truth"), summary(&comparison, "opposite"));
    assert!((truth.auc.unwrap().value - 1.0).abs() < 1e-12);
    assert!((truth.spearman.unwrap().value - 1.0).abs() < 1e-12);
    assert!(opposite.auc.unwrap().value.abs() < 1e-12);
    assert!((opposite.kendall.unwrap().value + 1.0).abs() < 1e-12);
    // Calibration does not invert it: it is no better than the base rate of success.
    let frequency = comparison.succeeded as f64 / comparison.networks as f64;
    assert!(opposite.brier.unwrap().value > 0.99 * frequency * (1.0 - frequency));
    assert!(truth.brier.unwrap().value < 0.05);
    assert_eq!(comparison.summaries[0].predictor, "truth");
    assert_eq!(comparison.summaries.last().unwrap().predictor, "opposite");
}

#[test]
fn few_successes_give_no_intervals_and_no_comparison() {
    let mut run = run();
    let succeeded = |run: &RunRecord| run.trainings.iter().filter(|one| one.succeeded).count();
    let keep = |run: &mut RunRecord, count: usize| {
        let mut kept = 0;
        for training in &mut run.trainings {
            training.succeeded &= kept < count;
            kept += usize::from(training.succeeded);
        }
    };
    keep(&mut run, 5);
    assert_eq!(succeeded(&run), 5);
    let enough = comparison(&run);
    assert!(enough.is_conclusive() && summary(&enough, "truth").auc_above_theory.is_some());
    keep(&mut run, 4);
    let few = comparison(&run);
    let truth = summary(&few, "truth");
    assert!(!few.is_conclusive() && truth.auc.is_some_and(|auc| auc.interval.is_none()));
    assert!(truth.auc_above_theory.is_none() && truth.auc_above_depth.is_none());
}

#[test]
fn constant_score_is_compared_with_none() {
    let mut run = run();
    let constant = |score: &mut isobath_store::ScoreRecord| {
        if score.quantity == "truth" {
            score.score = 1.0;
        }
    };
    run.scores.iter_mut().for_each(constant);
    let comparison = comparison(&run);
    let truth = summary(&comparison, "truth");
    assert!(truth.auc_above_theory.is_none() && truth.auc_above_depth.is_none());
}

#[test]
fn calibration_on_other_initialisations_is_named() {
    let mut run = run();
    for variant in &mut run.variants {
        variant.scheme = Some("pytorch".into());
    }
    assert_eq!(comparison(&run).calibrated_on, "the other initialisations");
}

#[test]
fn coefficient_of_theory_is_fitted() {
    let comparison = comparison(&run());
    let theory = summary(&comparison, "xi_c");
    let a = theory.coefficient.unwrap().a;
    let interval = a.interval.unwrap();
    assert!((a.value / FACTOR).log2().abs() < 0.3, "{a:?}");
    assert!(interval.low < a.value && a.value < interval.high && interval.high < 6.0, "{a:?}");
    // Six times the depth has a sixth of the factor and the same ranks.
    let six = summary(&comparison, "6 xi_c");
    assert!((six.coefficient.unwrap().a.value * 6.0 / a.value - 1.0).abs() < 1e-6);
    assert_eq!(six.auc, theory.auc);
    assert!(theory.auc_above_theory.is_none() && six.auc_above_theory.unwrap().value.abs() < 1e-12);
}

#[test]
fn frontier_errors_match_the_synthetic_run() {
    let comparison = comparison(&run());
    let theory = summary(&comparison, "xi_c");
    let (calibrated, published) = (theory.calibrated.unwrap(), theory.published.unwrap());
    // Uncalibrated xi_c predicts two octaves too little, or the end of the grid.
    assert!(
        published.octaves.value > calibrated.octaves.value + 0.7,
        "{published:?} {calibrated:?}"
    );
    assert!(published.bias_layers.value < 0.0);
    assert_eq!(calibrated.counted + calibrated.censored, 14);
    assert!(calibrated.counted > 5 && calibrated.octaves.value < 0.6, "{calibrated:?}");
    let truth = summary(&comparison, "truth").calibrated.unwrap();
    assert!(truth.octaves.value < 0.35, "{truth:?}");
    assert_eq!(comparison.families.len(), 14);
    assert!(comparison.families.iter().all(|family| family.seeds.len() == 3));
}

#[test]
fn cost_ratios() {
    let comparison = comparison(&run());
    assert!((summary(&comparison, "steps-100").cost_ratio.unwrap().value - 0.1).abs() < 1e-12);
    let cascade = summary(&comparison, "cascade relative saturation");
    assert!((cascade.costs.seconds - 0.75).abs() < 1e-12);
    assert!((cascade.costs.flops - 0.75e9).abs() < 1.0);
}

#[test]
fn depth_is_uninformative_at_equal_depth() {
    let comparison = comparison(&run());
    let at_depth = |predictor| summary(&comparison, predictor).auc_at_depth.unwrap().value;
    assert!((at_depth("depth") - 0.5).abs() < 1e-12 && (at_depth("truth") - 1.0).abs() < 1e-12);
    assert!(at_depth("xi_c") > 0.9);
}

#[test]
fn unchanged_scores_are_found() {
    let comparison = comparison(&run());
    assert_eq!(summary(&comparison, "depth").unchanged, Some(1.0));
    assert_eq!(summary(&comparison, "sigma_w2").unchanged, Some(0.0));
}

#[test]
fn map_locates_errors() {
    let comparison = comparison(&run());
    assert_eq!(comparison.map.len(), comparison.cells);
    let wrong = |class: fn(&Configuration) -> Class| {
        comparison.map.iter().filter(|cell| class(cell) != Class::Right).count()
    };
    // Errors lie near the frontier only.
    assert!((1..20).contains(&wrong(|cell| cell.theory)), "{}", wrong(|cell| cell.theory));
    for cell in &comparison.map {
        let shown = cell.trained >= 0.5;
        assert!(cell.theory != Class::FalsePositive || !shown);
        assert!(cell.theory != Class::FalseNegative || shown);
    }
}

#[test]
fn calibration_on_another_run() {
    let (run, mut other) = (run(), run());
    // The other run succeeds exactly where this one fails.
    other.name = "elsewhere".into();
    for training in &mut other.trainings {
        training.succeeded = !training.succeeded;
    }
    let settings = Settings { calibrate_on: &[&other], ..SETTINGS };
    let compared = compare(&run, "sgd", &settings).unwrap();
    let here = comparison(&run);
    assert!(compared.calibrated_on.contains("elsewhere"));
    // Calibration changes probabilities, not ranks.
    assert_eq!(summary(&compared, "truth").auc, summary(&here, "truth").auc);
    let brier = |comparison: &Comparison| summary(comparison, "truth").brier.unwrap().value;
    assert!(brier(&compared) > brier(&here) + 0.1);
}

#[test]
fn incomparable_runs_are_errors() {
    let good = run();
    let error = |run: &RunRecord, recipe| compare(run, recipe, &SETTINGS).unwrap_err();
    let one = error(&good, "hopeless");
    assert!(matches!(one, Error::OneClass { ended: "failed", .. }), "{one}");
    assert!(one.to_string().contains("success.accuracy"), "{one}");
    assert!(error(&good, "adam").to_string().contains("sgd, hopeless"));
    let unfinished = RunRecord { trainings: Vec::new(), ..good.clone() };
    let message = recipes(&unfinished, None).unwrap_err().to_string();
    assert!(message.contains("finish it with: cargo xtask run"), "{message}");
    let untrained = RunRecord { success: None, ..unfinished };
    assert_eq!(recipes(&untrained, None), Err(Error::NoTrainings { run: "made-up".into() }));
    let unscored = RunRecord { scores: Vec::new(), ..good.clone() };
    assert_eq!(error(&unscored, "sgd"), Error::NoScores { run: "made-up".into() });
    assert_eq!(recipes(&good, None).unwrap(), ["sgd", "hopeless"]);
}

#[test]
fn missing_scores_rank_lowest() {
    let mut run = run();
    let mut left = 0;
    run.scores.retain(|score| {
        left += usize::from(score.quantity == "truth");
        score.quantity != "truth" || left > 10
    });
    let compared = comparison(&run);
    assert_eq!(summary(&compared, "truth").missing, 10);
    assert!(summary(&compared, "truth").auc.unwrap().value < 1.0);
}
