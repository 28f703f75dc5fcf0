//! Helpers that run the program and read its results.
#![expect(clippy::unwrap_used, reason = "a test")]
#![allow(unreachable_pub, missing_docs, dead_code, reason = "each test file uses its part")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use rusqlite::{Connection, types::Value};

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

    /// All numbers of the run except times, in a fixed order.
    pub fn results(&self) -> Vec<Vec<Value>> {
        results(&self.run_folder().join("results.sqlite"))
    }

    /// Rows of a query in the only run's store; floats as their bits.
    pub fn rows(&self, query: &str) -> Vec<Vec<Value>> {
        rows(&self.run_folder().join("results.sqlite"), query)
    }
}

/// All numbers of a store except times, in a fixed order. Floats are compared as bits.
pub fn results(path: &Path) -> Vec<Vec<Value>> {
    let queries = [
        "SELECT key, sigma_w2, sigma_b2, seed_index, failure, flops, backend FROM cells ORDER BY key",
        "SELECT * FROM profiles ORDER BY cell, position, layer",
        "SELECT * FROM verdicts ORDER BY cell, position",
        "SELECT * FROM fits ORDER BY cell, layer",
        "SELECT * FROM gallery ORDER BY cell, depth, sample",
        "SELECT key, sigma_w2, sigma_b2, seed_index, depth, recipe, outcome, step, accuracy, flops, backend, \
         evaluations, losses FROM trainings ORDER BY key",
        "SELECT look, position, depth, quantity, score, predicted_depth FROM scores ORDER BY look, position",
    ];
    queries.into_iter().flat_map(|query| rows(path, query)).collect()
}

/// Rows of a query in a store.
fn rows(path: &Path, query: &str) -> Vec<Vec<Value>> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare(query).unwrap();
    let columns = statement.column_count();
    let bits = |value| match value {
        Value::Real(x) => Value::Integer(x.to_bits() as i64),
        other => other,
    };
    let row = |row: &rusqlite::Row<'_>| {
        (0..columns).map(|column| row.get(column).map(bits)).collect::<rusqlite::Result<_>>()
    };
    statement.query_map([], row).unwrap().collect::<rusqlite::Result<_>>().unwrap()
}
