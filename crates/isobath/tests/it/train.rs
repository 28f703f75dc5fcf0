//! Trainings that are killed, searched, sharded and interrupted.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::BTreeSet,
    process::Stdio,
    thread::sleep,
    time::{Duration, Instant},
};

use crate::common::{EXPERIMENT, Place};
use isobath_store::{Measurement, ScoreRecord};
use isobath_trainer::Outcome;

/// Number of trainings of the grid: 4 variances, 2 initialisations, 5 depths.
const LATTICE: usize = 40;

fn experiment(train: &str) -> String {
    let smaller = EXPERIMENT
        .replace("{ from = 0.5, to = 3.0, step = 0.5 }", "[0.5, 1.5, 2.5, 4.0]")
        .replace("[0.0, 0.05]", "0.05")
        .replace("train = 500", "train = 200")
        .replace("depth = 6", "depth = 10");
    let table = "[train]\ndepths = { from = 2, to = 10, step = 2 }\ntrain = 400\ntest = 100\n\
                 success = { accuracy = 0.5 }\nepochs = 3\nbatch = 20\n\
                 optimizer = { kind = \"sgd\", lr = 0.1 }\n";
    format!("{smaller}\n{table}{train}\n")
}

fn run(place: &Place, settings: &[&str]) -> String {
    let output = place.output(&[&["run", "tiny.toml"], settings].concat());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}");
    text
}

fn trainings(place: &Place) -> usize {
    place.results().trainings.len()
}

#[test]
fn killed_trainings_resume_to_identical_results() {
    let undisturbed = Place::with(&experiment(""));
    let start = Instant::now();
    let text = run(&undisturbed, &[]);
    let whole = start.elapsed();
    assert!(text.contains("40 trainings done"), "{text}");
    assert_eq!(trainings(&undisturbed), LATTICE);

    let place = Place::with(&experiment(""));
    for kill in 1..=4 {
        let mut child = place
            .isobath(&["run", "tiny.toml"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(whole.mul_f64(f64::from(kill) / 6.0));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let text = run(&place, &[]);
    assert!(!text.contains("40 trainings done"), "nothing was stored: {text}");
    assert!(place.results() == undisturbed.results(), "the resumed run differs");
}

#[test]
fn results_do_not_depend_on_threads_or_concurrency() {
    let (one, many) = (Place::with(&experiment("")), Place::with(&experiment("")));
    run(&one, &["--threads", "1", "--at-once", "1"]);
    run(&many, &["--threads", "2", "--at-once", "4"]);
    assert!(one.results() == many.results());
}

#[test]
fn bisection_reuses_trainings_of_the_grid() {
    let place = Place::with(&experiment(""));
    run(&place, &[]);
    let text = run(&place, &["--set", "train.search=bisect", "--set", "train.refine=0"]);
    let needed = text.contains("\n0 trainings done") && text.contains("not needed");
    assert!(needed && text.contains("reused from other runs"), "{text}");
}

#[test]
fn shards_share_the_searches() {
    let bisect = experiment("search = \"bisect\"");
    let (whole, place) = (Place::with(&bisect), Place::with(&bisect));
    run(&whole, &[]);
    run(&place, &["--shard", "1/2"]);
    let half = trainings(&place);
    run(&place, &["--shard", "2/2"]);
    assert!(half > 0 && half < trainings(&place));
    assert!(trainings(&whole) < LATTICE);
    // Predictors run after all trainings.
    assert!(place.results().scores.is_empty());
    let text = run(&place, &[]);
    assert!(text.contains("\n0 trainings done"), "{text}");
    assert!(whole.results() == place.results());
}

#[test]
fn predictors_run_once_on_every_trained_network() {
    let place = Place::with(&experiment(""));
    let text = run(&place, &[]);
    assert!(text.contains("predictors evaluated on 8 initialisations"), "{text}");
    let results = place.results();
    for quantity in ["cascade relative saturation", "xi_c", "jacobian", "steps-equal-cost"] {
        let scores = results.scores.values().flatten();
        let networks: BTreeSet<_> = scores
            .filter(|score| score.quantity == quantity)
            .map(|score| (score.depth, score.point.bits(), score.seed_index))
            .collect();
        assert_eq!(networks.len(), LATTICE, "{quantity}");
    }
    // The cost shares of a family's networks add up to the cost of its cascade.
    let is_cascade = |score: &&ScoreRecord| score.quantity == "cascade relative saturation";
    let with_cascade = |scores: &&Vec<ScoreRecord>| scores.iter().any(|score| is_cascade(&score));
    assert_eq!(results.scores.values().filter(with_cascade).count(), 8);
    for scores in results.scores.values().filter(with_cascade) {
        let shared: f64 = scores.iter().filter(is_cascade).map(|score| score.flops).sum();
        let is_cost = |cell: &Measurement| (cell.cost.flops as f64 - shared).abs() < 1.0;
        assert!(results.cells.values().any(is_cost), "{shared}");
    }
    let text = run(&place, &[]);
    assert!(text.contains("on 0 initialisations") && text.contains("8 already stored"), "{text}");
    let text = run(&place, &["--set", "name=other"]);
    assert!(text.contains("on 0 initialisations") && text.contains("8 reused from"), "{text}");
}

#[test]
fn success_can_be_redefined_without_retraining() {
    let place = Place::with(&experiment("stop_at_success = false"));
    run(&place, &[]);
    let text = run(&place, &["--set", "train.success={ accuracy = 0.3 }"]);
    assert!(text.contains("\n0 trainings done"), "{text}");
}

#[test]
fn divergence_is_an_outcome() {
    let place = Place::with(&experiment("diverged_above = 2.0"));
    run(&place, &[]);
    let trainings = place.results().trainings;
    let mut outcomes = trainings.values().map(|training| training.record.outcome);
    assert!(outcomes.any(|outcome| matches!(outcome, Outcome::Diverged { .. })));
}

#[test]
fn interrupted_trainings_explain_how_to_resume() {
    let place = Place::with(&experiment("").replace("epochs = 3", "epochs = 3000"));
    let child = place
        .isobath(&["run", "tiny.toml", "--set", "train.success={ accuracy = 1.0 }"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let is_training = || {
        let folders = std::fs::read_dir(place.path().join("runs")).into_iter().flatten().flatten();
        folders.into_iter().any(|folder| folder.path().join("checkpoints").exists())
    };
    while !is_training() && start.elapsed() < Duration::from_secs(60) {
        sleep(Duration::from_millis(20));
    }
    let signal = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(signal.success());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("rerun the command to resume"), "{text}");
}

#[test]
fn validate_counts_trainings() {
    let place = Place::with(&experiment("search = \"bisect\""));
    let text = place.succeed(&["validate", "tiny.toml"]);
    for part in ["# trainings    40 = 4 sigma_w2", "by bisection", "# to train     400"] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}
