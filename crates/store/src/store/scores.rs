//! Tables of predictor scores. One entry holds all scores of a predictor task: one initialisation of a grid point.

use std::collections::HashSet;

use isobath_experiment::GridPoint;
use rusqlite::{TransactionBehavior, params};

use super::{Store, with_path};
use crate::{Result, ScoreRecord};

pub(super) const SCHEMA: &str = "
CREATE TABLE looks (
    key TEXT PRIMARY KEY, sigma_w2 REAL NOT NULL, sigma_b2 REAL NOT NULL, seed_index INTEGER NOT NULL
) STRICT;
CREATE TABLE scores (
    look TEXT NOT NULL REFERENCES looks (key), position INTEGER NOT NULL, depth INTEGER NOT NULL,
    quantity TEXT NOT NULL, score REAL NOT NULL, predicted_depth REAL, seconds REAL NOT NULL, flops REAL NOT NULL,
    PRIMARY KEY (look, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE look_grid (position INTEGER PRIMARY KEY, key TEXT NOT NULL) STRICT;
";

impl Store {
    /// Stores the scores of one predictor task atomically. Existing scores with the same key stay unchanged.
    ///
    /// # Errors
    /// When the disk is full or another process locks the file for over a minute.
    pub fn insert_scores(&mut self, key: &str, scores: &[ScoreRecord]) -> Result<()> {
        let Some(first) = scores.first() else { return Ok(()) };
        with_path(&self.path, || {
            let transaction =
                self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let is_new = transaction.execute(
                "INSERT OR IGNORE INTO looks VALUES (?, ?, ?, ?)",
                params![key, first.point.sigma_w2, first.point.sigma_b2, first.seed_index as i64],
            )? == 1;
            let mut statement =
                transaction.prepare_cached("INSERT INTO scores VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
            for (position, score) in scores.iter().enumerate().filter(|_| is_new) {
                statement.execute(params![
                    key,
                    position as i64,
                    score.depth as i64,
                    score.quantity,
                    score.score,
                    score.predicted_depth,
                    score.seconds,
                    score.flops
                ])?;
            }
            drop(statement);
            transaction.commit()
        })
    }

    /// Returns the scores stored under `key`; empty if there are none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn scores(&self, key: &str) -> Result<Vec<ScoreRecord>> {
        with_path(&self.path, || {
            let mut statement = self.connection.prepare_cached(
                "SELECT sigma_w2, sigma_b2, seed_index, depth, quantity, score, predicted_depth, seconds, flops \
                 FROM scores JOIN looks ON look = key WHERE look = ? ORDER BY position",
            )?;
            let scores = statement.query_map([key], |row| {
                Ok(ScoreRecord {
                    point: GridPoint::new(row.get(0)?, row.get(1)?),
                    seed_index: row.get::<_, i64>(2)? as usize,
                    depth: row.get::<_, i64>(3)? as usize,
                    quantity: row.get(4)?,
                    score: row.get(5)?,
                    predicted_depth: row.get(6)?,
                    seconds: row.get(7)?,
                    flops: row.get(8)?,
                })
            })?;
            scores.collect()
        })
    }

    /// Stores the keys of all predictor tasks; see [`set_grid`](Self::set_grid).
    ///
    /// # Errors
    /// When the disk is full.
    pub fn set_score_grid(&mut self, keys: &[String]) -> Result<()> {
        self.set_keys("look_grid", keys)
    }

    /// Keys stored by [`set_score_grid`](Self::set_score_grid).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn score_grid(&self) -> Result<Vec<String>> {
        self.keys_of("look_grid")
    }

    /// Keys of all predictor tasks with stored scores.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn score_keys(&self) -> Result<HashSet<String>> {
        with_path(&self.path, || {
            let mut statement = self.connection.prepare("SELECT key FROM looks")?;
            let keys = statement.query_map([], |row| row.get(0))?;
            keys.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_round_trip_and_the_first_ones_stay() {
        let score = |depth: usize, score: f64, predicted_depth| ScoreRecord {
            point: GridPoint::new(1.7, 0.05),
            seed_index: 2,
            depth,
            quantity: format!("quantity {depth}"),
            score,
            predicted_depth,
            seconds: 0.5,
            flops: 1e9,
        };
        let scores = [
            score(20, f64::NEG_INFINITY, Some(f64::INFINITY)),
            score(10, 0.5, Some(12.5)),
            score(10, 0.1, None),
        ];
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join(Store::FILE)).unwrap();
        assert!(store.score_keys().unwrap().is_empty() && store.scores("k").unwrap().is_empty());
        store.insert_scores("k", &scores).unwrap();
        store.insert_scores("k", &scores[..1]).unwrap();
        assert_eq!(store.scores("k").unwrap(), scores);
        assert!(store.score_keys().unwrap().contains("k"));
    }
}
