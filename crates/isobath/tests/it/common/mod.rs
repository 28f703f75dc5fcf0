//! Helpers that run the program and read its results.
#![expect(clippy::unwrap_used, reason = "a test")]
#![allow(unreachable_pub, missing_docs, dead_code, reason = "each test file uses its part")]

pub mod schema;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use isobath_experiment::{GridPoint, TrainingId};
use isobath_store::{Measurement, ScoreRecord, Store, StoredTraining};

/// A small experiment: 24 cells of 5 layers.
pub const EXPERIMENT: &str = r#"
name = "tiny"
description = "A grid small enough for tests"
seed = 3

[data]
dataset = "digits"
train = 500
probe = 12

[network]
depth = 6
width = 40

[grid]
sigma_w2 = { from = 0.5, to = 3.0, step = 0.5 }
sigma_b2 = [0.0, 0.05]
seeds = 2

[cascade]
batch = 32

[entropy]
estimators = ["relative", "differential", "reconstruction-error"]
cutoff = [{ rule = "saturation" }, { rule = "decay" }, { rule = "threshold", error = 0.7 }]
bootstrap = 20

[report]
formats = ["csv"]
gallery = 1
"#;

/// The smallest experiment with all kinds of results: two cells, four trainings, all predictors.
pub const TINIEST: &str = r#"
name = "tiny"
description = "Two cells"
seed = 3

[data]
dataset = "digits"
train = 96
probe = 12

[network]
depth = 3
width = 20

[grid]
sigma_w2 = [1.0, 2.0]
sigma_b2 = 0.05
seeds = 1

[cascade]
batch = 32

[entropy]
estimators = ["reconstruction-error"]
cutoff = [{ rule = "threshold", error = 0.7 }]
bootstrap = 20

[report]
formats = ["csv"]
gallery = 1

[train]
depths = [2, 3]
train = 100
test = 50
success = { accuracy = 0.5 }
max_steps = 10
batch = 20
optimizer = { kind = "sgd", lr = 0.1 }
"#;

/// Sampling stride of tests that try many places: `stride`, divided by `ISOBATH_TEST_DENSITY` if it is set.
pub fn every(stride: usize) -> usize {
    let density =
        std::env::var("ISOBATH_TEST_DENSITY").map_or(1, |density| density.parse().unwrap());
    (stride / density).max(1)
}

/// Number of times that tests of killed shards kill: `ISOBATH_TEST_KILLS`, or a few.
pub fn kills() -> u32 {
    std::env::var("ISOBATH_TEST_KILLS").map_or(4, |kills| kills.parse().unwrap())
}

/// Temporary folder of a test, with the experiment in it.
pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self::with(EXPERIMENT)
    }

    pub fn with(experiment: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tiny.toml"), experiment).unwrap();
        Self { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Command that runs the program here.
    pub fn isobath(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_isobath"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_remove("ISOBATH_DATA")
            .env_remove("ISOBATH_RUNS");
        command
    }

    /// Output of the program here.
    pub fn output(&self, arguments: &[&str]) -> Output {
        self.isobath(arguments).output().unwrap()
    }

    /// Runs the program, which must succeed. Returns standard output.
    #[track_caller]
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the program, which must exit with `code`. Returns standard error.
    #[track_caller]
    pub fn fail(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(!error.contains("panicked"), "{error}");
        error
    }

    /// Folder of the only run.
    pub fn run_folder(&self) -> PathBuf {
        let mut entries = std::fs::read_dir(self.path().join("runs")).unwrap();
        let folder = entries.next().unwrap().unwrap().path();
        assert!(entries.next().is_none(), "there is one run");
        folder
    }

    /// Results of the only run.
    pub fn results(&self) -> Results {
        Results::read(&self.run_folder())
    }

    /// Results of the run called `name`.
    pub fn results_of(&self, name: &str) -> Results {
        let mut folders = std::fs::read_dir(self.path().join("runs")).unwrap().flatten();
        let of_name = |entry: &std::fs::DirEntry| {
            entry.file_name().to_string_lossy().starts_with(&format!("{name}-"))
        };
        Results::read(&folders.find(of_name).unwrap().path())
    }
}

/// Results of a run by their keys, without times.
#[derive(Debug, PartialEq)]
pub struct Results {
    /// Cells.
    pub cells: BTreeMap<String, Measurement>,
    /// Trainings.
    pub trainings: BTreeMap<String, StoredTraining>,
    /// Scores.
    pub scores: BTreeMap<String, Vec<ScoreRecord>>,
}

impl Results {
    /// Reads all results of the run in `folder`.
    pub fn read(folder: &Path) -> Self {
        let store = Store::open_run(folder).unwrap();
        let cell = |key: String| {
            let mut cell = store.get(&key).unwrap().unwrap();
            (cell.cost.cascade_seconds, cell.cost.entropy_seconds) = (0.0, 0.0);
            (key, cell)
        };
        let id = TrainingId { point: GridPoint::new(1.0, 0.0), seed_index: 0, depth: 0, recipe: 0 };
        let training = |key: String| {
            let mut training = store.training(&key, id, 0.5).unwrap().unwrap();
            training.record.seconds = 0.0;
            (key, training)
        };
        let scores = |key: String| {
            let mut scores = store.scores(&key).unwrap();
            scores.iter_mut().for_each(|score| score.seconds = 0.0);
            (key, scores)
        };
        Self {
            cells: store.keys().unwrap().into_iter().map(cell).collect(),
            trainings: store.accuracies().unwrap().into_keys().map(training).collect(),
            scores: store.score_keys().unwrap().into_iter().map(scores).collect(),
        }
    }
}
