//! The ground truth: trainings that are killed, searched for, shared and interrupted.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    process::Stdio,
    thread::sleep,
    time::{Duration, Instant},
};

use crate::common::{EXPERIMENT, Place};

/// Trainings of the grid: 4 variances, 2 initialisations, 5 depths.
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
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

fn trainings(place: &Place) -> usize {
    place.rows("SELECT key FROM trainings").len()
}

#[test]
fn a_killed_ground_truth_ends_with_the_same_bits() {
    let undisturbed = Place::with(&experiment(""));
    let start = Instant::now();
    let said = run(&undisturbed, &[]);
    let whole = start.elapsed();
    assert!(said.contains("40 trainings done"), "{said}");
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
    let said = run(&place, &[]);
    assert!(!said.contains("40 trainings done"), "nothing was kept: {said}");
    assert!(place.results() == undisturbed.results(), "the resumed run differs");
}

#[test]
fn threads_and_trainings_at_once_change_no_bit() {
    let (one, many) = (Place::with(&experiment("")), Place::with(&experiment("")));
    run(&one, &["--threads", "1", "--at-once", "1"]);
    run(&many, &["--threads", "2", "--at-once", "4"]);
    assert!(one.results() == many.results());
}

#[test]
fn bisection_takes_from_the_grid_what_it_needs() {
    let place = Place::with(&experiment(""));
    run(&place, &[]);
    let said = run(&place, &["--set", "train.search=bisect", "--set", "train.refine=0"]);
    let needed = said.contains("\n0 trainings done") && said.contains("were not needed");
    assert!(needed && said.contains("taken from other runs"), "{said}");
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
    // Predictors are asked when all trainings are there.
    assert!(place.rows("SELECT key FROM looks").is_empty());
    let said = run(&place, &[]);
    assert!(said.contains("\n0 trainings done"), "{said}");
    assert!(whole.results() == place.results());
}

#[test]
fn predictors_are_asked_about_every_network_trained_and_only_once() {
    let place = Place::with(&experiment(""));
    let said = run(&place, &[]);
    assert!(said.contains("predictors asked about 8 initialisations"), "{said}");
    let asked = "SELECT DISTINCT depth, sigma_w2, seed_index FROM scores JOIN looks ON look = key \
                 WHERE quantity = ";
    for quantity in ["cascade relative saturation", "xi_c", "jacobian", "steps-equal-cost"] {
        assert_eq!(place.rows(&format!("{asked}'{quantity}'")).len(), LATTICE, "{quantity}");
    }
    // One look of the cascade at a family costs as much as the shares of its networks together.
    let cost = "SELECT count(*) FROM (SELECT look, sum(scores.flops) AS shared FROM scores \
                WHERE quantity = 'cascade relative saturation' GROUP BY look) \
                WHERE NOT EXISTS (SELECT 1 FROM cells WHERE abs(cells.flops - shared) < 1)";
    assert_eq!(place.rows(cost), [[rusqlite::types::Value::Integer(0)]]);
    let said = run(&place, &[]);
    assert!(said.contains("about 0 initialisations") && said.contains("8 were there"), "{said}");
    let said = run(&place, &["--set", "name=other"]);
    assert!(said.contains("about 0 initialisations") && said.contains("8 taken from"), "{said}");
}

#[test]
fn success_may_be_redefined_without_training_again() {
    let place = Place::with(&experiment("stop_at_success = false"));
    run(&place, &[]);
    let said = run(&place, &["--set", "train.success={ accuracy = 0.3 }"]);
    assert!(said.contains("\n0 trainings done"), "{said}");
}

#[test]
fn divergence_is_an_outcome() {
    let place = Place::with(&experiment("diverged_above = 2.0"));
    run(&place, &[]);
    let outcomes = place.rows("SELECT outcome, step FROM trainings WHERE outcome = 'diverged'");
    assert!(!outcomes.is_empty());
}

#[test]
fn an_interrupted_ground_truth_says_how_to_go_on() {
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
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("the same command goes on from here"), "{said}");
}

#[test]
fn validating_counts_the_trainings() {
    let place = Place::with(&experiment("search = \"bisect\""));
    let said = place.succeed(&["validate", "tiny.toml"]);
    for part in ["# trainings    40 = 5 depths x 4 sigma_w2", "by bisection", "# to train     400"]
    {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}
