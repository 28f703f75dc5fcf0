//! Runs of cheaper methods and their comparison with full runs.
#![expect(clippy::unwrap_used, reason = "a test")]

use crate::common::Place;
use rusqlite::Connection;

/// Networks of 20 hidden layers, deep in the ordered phase and near the critical point.
const EXPERIMENT: &str = r#"
name = "whole"

[data]
dataset = "digits"
train = 2000
probe = 40

[network]
depth = 21
width = 40

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

fn run(place: &Place, name: &str, settings: &[&str]) {
    let name = format!("name={name}");
    let mut arguments = vec!["run", "tiny.toml", "--set", &name];
    for setting in settings {
        arguments.extend(["--set", *setting]);
    }
    place.succeed(&arguments);
}

/// Rows of `query` in the run called `name`, as text.
fn rows(place: &Place, name: &str, query: &str) -> Vec<String> {
    let mut folders = std::fs::read_dir(place.path().join("runs")).unwrap().flatten();
    let of_name = |entry: &std::fs::DirEntry| {
        entry.file_name().to_string_lossy().starts_with(&format!("{name}-"))
    };
    let path = folders.find(of_name).unwrap().path().join("results.sqlite");
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare(query).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

const PROFILES: &str = "SELECT c.sigma_w2 || ' ' || layer || ' ' || value FROM profiles JOIN cells c ON cell = c.key \
                        ORDER BY c.sigma_w2, layer";
const NOTES: &str = "SELECT note FROM verdicts JOIN cells c ON cell = c.key ORDER BY c.sigma_w2";

#[test]
fn ridge_runs_are_compared_with_gradient_runs() {
    let place = Place::with(EXPERIMENT);
    run(&place, "whole", &[]);
    run(&place, "ridge", &["cascade.method=ridge", "cascade.noise=0.05"]);
    let table = place.succeed(&["compare-methods", "whole", "ridge", "whole"]);
    assert!(table.contains("| ridge | reconstruction-error, threshold"), "{table}");
    assert!(table.contains("100% | +0.0 | 0.0 | 0.0 |"), "{table}");
    let resolved = place.succeed(&["validate", "tiny.toml", "--set", "cascade.method=ridge"]);
    assert!(resolved.contains("noise = 0.03") && resolved.contains("max_samples = 4000"));
    run(&place, "other", &["seed=2"]);
    let error = place.fail(1, &["compare-methods", "whole", "other"]);
    assert!(error.contains("different seeds"), "{error}");
}

#[test]
fn confident_stop_keeps_the_numbers() {
    let place = Place::with(EXPERIMENT);
    run(
        &place,
        "sure",
        &["cascade.stop={ rule = \"confident\", layers = 20.0, first = 10 }", "cascade.batch=16"],
    );
    run(&place, "twenty", &["cascade.max_steps=20", "cascade.batch=16"]);
    let (sure, twenty) = (rows(&place, "sure", PROFILES), rows(&place, "twenty", PROFILES));
    assert!(sure.len() < twenty.len(), "{sure:?}");
    assert!(sure.iter().all(|row| twenty.contains(row)), "{sure:?} {twenty:?}");
    // All depths lie within 20 layers of each other, so the run stops after the second budget.
    let notes = rows(&place, "sure", NOTES);
    assert!(
        notes[0].contains("stopped after 8 of 20 layers and 20 steps (10 before)"),
        "{notes:?}"
    );
}

#[test]
fn unconfident_run_uses_the_full_budget() {
    let place = Place::with(EXPERIMENT);
    run(&place, "whole", &["cascade.method=ridge"]);
    let stop = "cascade.stop={ rule = \"confident\", layers = 1e-9, first = 400 }";
    run(&place, "unsure", &["cascade.method=ridge", stop]);
    let notes = rows(&place, "unsure", NOTES);
    assert!(notes.iter().all(|note| note.contains("2000 samples (400, 800 before)")), "{notes:?}");
    let (whole, unsure) = (rows(&place, "whole", PROFILES), rows(&place, "unsure", PROFILES));
    assert!(unsure.iter().all(|row| whole.contains(row)));
}
