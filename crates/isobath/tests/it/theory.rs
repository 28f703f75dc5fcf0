//! Experiment files that draw figures of theory.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};

use crate::common::Place;

/// Text of the experiment file `name` of the workspace.
fn experiment(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn figures(place: &Place) -> Vec<String> {
    let entries = std::fs::read_dir(place.run_folder().join("figures")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[track_caller]
fn check_drawn(name: &str, more: &[&str], parts: &[&str]) -> PathBuf {
    let place = Place::with(&experiment(name));
    place.succeed(&[&["run", "tiny.toml"], more].concat());
    let drawn = figures(&place);
    for part in parts {
        for extension in ["png", "svg"] {
            let found = drawn.iter().any(|file| file.contains(part) && file.ends_with(extension));
            assert!(found, "{part} as {extension} is not among {drawn:?}");
        }
    }
    let folder = place.run_folder();
    // The stored experiment file reproduces the figure.
    let stored = folder.join("experiment.toml");
    let validated = place.succeed(&["validate", stored.to_str().unwrap()]);
    assert!(validated.contains(folder.file_name().unwrap().to_str().unwrap()), "{validated}");
    folder
}

#[test]
fn every_figure_can_be_drawn_from_its_file() {
    check_drawn("theory-cobwebs.toml", &[], &["length-map", "correlation-map"]);
    check_drawn("theory-depth-scales.toml", &[], &["depth-scales"]);
    check_drawn("theory-plane.toml", &[], &["plane"]);
    let small = [
        "theory.ridge.train=60",
        "theory.ridge.probe=20",
        "theory.ridge.depth=3",
        "theory.ridge.networks=2",
        "theory.ridge.measure=[30, 60]",
    ];
    let settings: Vec<&str> = small.iter().flat_map(|setting| ["--set", setting]).collect();
    let parts = ["reconstruction-error-tanh", "reconstruction-error-over-width", "relative-tanh"];
    check_drawn("theory-ridge.toml", &settings, &parts);
}

#[test]
fn theory_figures_appear_in_lists() {
    let place = Place::with(&experiment("theory-cobwebs.toml"));
    place.succeed(&["run", "tiny.toml"]);
    let listed = place.succeed(&["list", "--experiments", "."]);
    assert!(listed.contains("theory  Length and correlation maps"), "{listed}");
    assert!(listed.contains("figure of theory"), "{listed}");
    let run = place.run_folder();
    let error = place.fail(2, &["report", run.to_str().unwrap()]);
    assert!(error.contains("figure of theory"), "{error}");
}

const COBWEBS: &str = "name = \"a\"\n[theory.cobwebs]\nsigma_w2 = [1.5]\nsigma_b2 = 0.05\n";

#[track_caller]
fn check_rejected(text: &str, arguments: &[&str], parts: &[&str]) {
    let error = Place::with(text).fail(2, &[&["run", "tiny.toml"], arguments].concat());
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
}

#[test]
fn mistakes_are_reported() {
    let nearest = ["tiny.toml", "line 3", "`sigma_w`", "did you mean `sigma_w2`?"];
    check_rejected(&COBWEBS.replace("sigma_w2", "sigma_w"), &[], &nearest);
    let figure = ["line 2", "did you mean `cobwebs`?"];
    check_rejected(&COBWEBS.replace("cobwebs", "cobweb"), &[], &figure);
    check_rejected(&format!("{COBWEBS}[grid]\n"), &[], &["line 5", "`grid`"]);
    check_rejected(&COBWEBS.replace("\"a\"", "\"a/b\""), &[], &["names a folder"]);
    check_rejected(&COBWEBS.replace("[1.5]", "[]"), &[], &["[theory] sigma_w2 is empty"]);
    check_rejected(&COBWEBS.replace("[1.5]", "[-1.5]"), &[], &["[theory] sigma_w2 is -1.5"]);
    check_rejected(COBWEBS, &["--set", "theory.cobwebs.sigma_c=1"], &["unknown field `sigma_c`"]);
    check_rejected(COBWEBS, &["--shard", "1/2"], &["omit --shard"]);
    let span = "name = \"a\"\n[theory.depth-scales]\nsigma_w2 = { from = 2, to = 1 }\nsigma_b2 = 0";
    check_rejected(span, &[], &["{ from = 2, to = 1 } must have from < to"]);
    let ridge = "name = \"a\"\n[theory.ridge]\nsigma_w2 = [1.0]\n";
    check_rejected(&format!("{ridge}measure = [1]"), &[], &["measure = 1 must be from 2"]);
    check_rejected(&format!("{ridge}measure = [9]\nnetworks = 1"), &[], &["networks = 1"]);
}
