//! Runs of cheaper methods and their comparison with full runs.
#![expect(clippy::unwrap_used, reason = "a test")]

use crate::common::Place;
use isobath_entropy::{EstimatorSpec, Profile};
use isobath_store::Measurement;

/// Networks of 20 hidden layers, deep in the ordered phase and near the critical point.
const EXPERIMENT: &str = r#"
name = "whole"

[data]
dataset = "digits"
train = 4000
probe = 40

[network]
depth = 21
width = 100

[grid]
sigma_w2 = [0.4, 1.7]
sigma_b2 = 0.05

[entropy]
estimators = ["reconstruction-error"]
cutoff = { rule = "threshold", error = 0.8, interpolate = true }
bootstrap = 50

[report]
formats = ["html", "csv"]
"#;

/// Settings with which decoders learn from few samples.
const TRAINED: [&str; 2] = ["cascade.batch=8", "cascade.optimizer={ kind = \"adam\", lr = 1e-2 }"];

fn run(place: &Place, name: &str, settings: &[&str]) {
    let name = format!("name={name}");
    let mut arguments = vec!["run", "tiny.toml", "--set", &name];
    for setting in settings {
        arguments.extend(["--set", *setting]);
    }
    place.succeed(&arguments);
}

/// Reconstruction errors of each cell of the run called `name`, first layer first.
fn errors(place: &Place, name: &str) -> Vec<Vec<f64>> {
    let cells = place.results_of(name).cells.into_values();
    let error = |cell: Measurement| {
        let mut profiles = cell.profiles.into_iter();
        let of_error = |profile: &Profile| profile.estimator == EstimatorSpec::RECONSTRUCTION_ERROR;
        profiles.find(of_error).unwrap().values
    };
    let mut errors: Vec<Vec<f64>> = cells.map(error).collect();
    errors.sort_by(|a, b| a[0].total_cmp(&b[0]));
    errors
}

/// True if each cell's errors are the first ones of a cell of `whole`, up to rounding: the number of rows in a product can
/// change its last bits.
fn are_prefixes(part: &[Vec<f64>], whole: &[Vec<f64>]) -> bool {
    let is_close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-6;
    part.iter().all(|part| whole.iter().any(|whole| part.iter().zip(whole).all(is_close)))
}

/// Remarks on early stops in the run called `name`.
fn notes(place: &Place, name: &str) -> Vec<String> {
    place.results_of(name).cells.into_values().map(|cell| cell.note.unwrap()).collect()
}

#[test]
fn ridge_runs_are_compared_with_gradient_runs() {
    let place = Place::with(EXPERIMENT);
    run(&place, "whole", &TRAINED);
    run(&place, "ridge", &["cascade.method=ridge", "cascade.noise=0.05"]);
    let table = place.succeed(&["compare-methods", "whole", "ridge", "whole"]);
    assert!(table.contains("| ridge | reconstruction-error, threshold"), "{table}");
    assert!(table.contains("100% | +0.0 | 0.0 | 0.0 |"), "{table}");
    let resolved = place.succeed(&["validate", "tiny.toml", "--set", "cascade.method=ridge"]);
    assert!(resolved.contains("noise = 0.03") && resolved.contains("max_samples = 4000"));
    run(&place, "other", &["seed=2", TRAINED[0], TRAINED[1]]);
    let error = place.fail(1, &["compare-methods", "whole", "other"]);
    assert!(error.contains("different seeds"), "{error}");
}

#[test]
fn confident_stop_keeps_the_numbers() {
    let place = Place::with(EXPERIMENT);
    run(
        &place,
        "sure",
        &[
            "cascade.stop={ rule = \"confident\", layers = 40.0, first = 100 }",
            TRAINED[0],
            TRAINED[1],
        ],
    );
    run(&place, "twice", &["cascade.max_steps=200", TRAINED[0], TRAINED[1]]);
    let (sure, twice) = (errors(&place, "sure"), errors(&place, "twice"));
    assert!(sure.iter().any(|errors| errors.len() < 20), "{sure:?}");
    // All depths and intervals lie within 40 layers of each other, so a cell stops after the second budget, unless its
    // cut-off is a lower bound then, as it is deep in the ordered phase.
    let is_same = |one: &&Vec<f64>| are_prefixes(std::slice::from_ref(*one), &twice);
    assert_eq!(sure.iter().filter(is_same).count(), 1, "{sure:?} {twice:?}");
    let notes = notes(&place, "sure");
    let expected = "stopped after 12 of 20 layers and 200 steps (100 before)";
    assert!(notes.iter().any(|note| note.contains(expected)), "{notes:?}");
}

#[test]
fn unconfident_run_uses_the_full_budget() {
    let place = Place::with(EXPERIMENT);
    run(&place, "whole", &["cascade.method=ridge"]);
    let stop = "cascade.stop={ rule = \"confident\", layers = 1e-9, first = 400 }";
    run(&place, "unsure", &["cascade.method=ridge", stop]);
    let notes = notes(&place, "unsure");
    assert!(
        notes.iter().all(|note| note.contains("4000 samples (400, 800, 1600 before)")),
        "{notes:?}"
    );
    assert!(are_prefixes(&errors(&place, "unsure"), &errors(&place, "whole")));
}
