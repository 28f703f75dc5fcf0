//! Trainings in the store.

use std::collections::HashMap;

use isobath_trainer::{Evaluation, Outcome};
use rusqlite::{OptionalExtension, params};

use super::{Store, with_path};
use crate::{Error, Result, TrainingRecord};
use isobath_experiment::TrainingId;

/// Tables of trainings.
///
/// Evaluations and losses are arrays of little-endian numbers. An evaluation is the step as u64, then accuracy on training
/// samples, loss on test samples and accuracy on test samples as f64. A loss is an f32.
pub(super) const SCHEMA: &str = "
CREATE TABLE trainings (
    key TEXT PRIMARY KEY, sigma_w2 REAL NOT NULL, sigma_b2 REAL NOT NULL, seed_index INTEGER NOT NULL,
    depth INTEGER NOT NULL, recipe TEXT NOT NULL, outcome TEXT NOT NULL, step INTEGER NOT NULL, accuracy REAL NOT NULL,
    seconds REAL NOT NULL, flops INTEGER NOT NULL, backend TEXT NOT NULL, evaluations BLOB NOT NULL, losses BLOB NOT NULL
) STRICT;
CREATE TABLE training_grid (position INTEGER PRIMARY KEY, key TEXT NOT NULL) STRICT;
";

/// A training and its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredTraining {
    /// The training. `succeeded` is not stored; it follows from the accuracy and the reader's success threshold.
    pub record: TrainingRecord,
    /// Name of its recipe.
    pub recipe: String,
    /// Backend that ran it, including the instruction set.
    pub backend: String,
}

impl Store {
    /// Stores a training atomically. An existing training with the same key stays unchanged.
    ///
    /// # Errors
    /// When the disk is full or another process locks the file for over a minute.
    pub fn insert_training(&mut self, key: &str, training: &StoredTraining) -> Result<()> {
        let StoredTraining { record, recipe, backend } = training;
        let TrainingRecord { id, outcome, accuracy, evaluations, losses, seconds, flops, .. } =
            record;
        let (outcome, step) = outcome_text(*outcome);
        let losses: Vec<u8> = losses.iter().flat_map(|&loss| (loss as f32).to_le_bytes()).collect();
        with_path(&self.path, || {
            self.connection.execute(
                    "INSERT OR IGNORE INTO trainings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    params![
                        key,
                        id.point.sigma_w2,
                        id.point.sigma_b2,
                        id.seed_index as i64,
                        id.depth as i64,
                        recipe,
                        outcome,
                        step as i64,
                        accuracy,
                        seconds,
                        *flops as i64,
                        backend,
                        evaluations.iter().flat_map(evaluation_bytes).collect::<Vec<u8>>(),
                        losses,
                    ],
            ).map(drop)
        })
    }

    /// Returns the training stored under `key`. The record gets the given `id`, and `succeeded` by the accuracy threshold
    /// `success`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn training(
        &self,
        key: &str,
        id: TrainingId,
        success: f64,
    ) -> Result<Option<StoredTraining>> {
        let found = with_path(&self.path, || {
            let mut statement = self.connection.prepare_cached(
                "SELECT outcome, step, accuracy, evaluations, losses, seconds, flops, recipe, backend \
                 FROM trainings WHERE key = ?",
            )?;
            let row = statement.query_row([key], |row| {
                let (outcome, step): (String, i64) = (row.get(0)?, row.get(1)?);
                let accuracy = row.get(2)?;
                let (evaluations, losses): (Vec<u8>, Vec<u8>) = (row.get(3)?, row.get(4)?);
                let record = TrainingRecord {
                    id,
                    // Set below, where an unknown outcome can be reported.
                    outcome: Outcome::Exhausted { step: step as usize },
                    accuracy,
                    succeeded: accuracy >= success,
                    evaluations: evaluations.as_chunks().0.iter().map(evaluation).collect(),
                    losses: losses
                        .as_chunks()
                        .0
                        .iter()
                        .map(|&bytes| f32::from_le_bytes(bytes).into())
                        .collect(),
                    seconds: row.get(5)?,
                    flops: row.get::<_, i64>(6)? as u64,
                };
                let training = StoredTraining { record, recipe: row.get(7)?, backend: row.get(8)? };
                Ok((outcome, training))
            });
            row.optional()
        })?;
        let Some((word, mut training)) = found else { return Ok(None) };
        let Outcome::Exhausted { step } = training.record.outcome else { unreachable!() };
        training.record.outcome = outcome(&word, step)
            .ok_or_else(|| Error::UnknownOutcome { path: self.path.clone(), outcome: word })?;
        Ok(Some(training))
    }

    /// Highest accuracy of each stored training, by key.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn accuracies(&self) -> Result<HashMap<String, f64>> {
        with_path(&self.path, || {
            let mut statement = self.connection.prepare("SELECT key, accuracy FROM trainings")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
    }

    /// Stores the keys of all trainings of the grid, in plan order; see [`set_grid`](Self::set_grid).
    ///
    /// # Errors
    /// When the disk is full.
    pub fn set_training_grid(&mut self, keys: &[String]) -> Result<()> {
        self.set_keys("training_grid", keys)
    }

    /// Keys stored by [`set_training_grid`](Self::set_training_grid).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn training_grid(&self) -> Result<Vec<String>> {
        self.keys_of("training_grid")
    }
}

/// Stored name of an outcome, and its step.
fn outcome_text(outcome: Outcome) -> (&'static str, usize) {
    match outcome {
        Outcome::Succeeded { step } => ("succeeded", step),
        Outcome::Exhausted { step } => ("exhausted", step),
        Outcome::Hopeless { step } => ("hopeless", step),
        Outcome::Diverged { step } => ("diverged", step),
    }
}

fn outcome(word: &str, step: usize) -> Option<Outcome> {
    Some(match word {
        "succeeded" => Outcome::Succeeded { step },
        "exhausted" => Outcome::Exhausted { step },
        "hopeless" => Outcome::Hopeless { step },
        "diverged" => Outcome::Diverged { step },
        _ => return None,
    })
}

const EVALUATION: usize = 32;

fn evaluation_bytes(evaluation: &Evaluation) -> [u8; EVALUATION] {
    let Evaluation { step, train_accuracy, test_loss, test_accuracy, .. } = evaluation;
    let words = [
        (*step as u64).to_le_bytes(),
        train_accuracy.to_le_bytes(),
        test_loss.to_le_bytes(),
        test_accuracy.to_le_bytes(),
    ];
    std::array::from_fn(|i| words[i / 8][i % 8])
}

fn evaluation(bytes: &[u8; EVALUATION]) -> Evaluation {
    let word = |i: usize| std::array::from_fn(|j| bytes[8 * i + j]);
    let number = |i| f64::from_le_bytes(word(i));
    Evaluation {
        step: u64::from_le_bytes(word(0)) as usize,
        train_accuracy: number(1),
        test_loss: number(2),
        test_accuracy: number(3),
        gradient_norms: None,
    }
}

#[cfg(test)]
mod tests {
    use isobath_experiment::GridPoint;

    use super::*;

    fn training(outcome: Outcome) -> StoredTraining {
        let evaluation = |step, test_loss| Evaluation {
            step,
            train_accuracy: 1.0 / 3.0,
            test_loss,
            test_accuracy: 0.8,
            gradient_norms: None,
        };
        let id =
            TrainingId { point: GridPoint::new(1.7, 0.05), seed_index: 2, depth: 20, recipe: 1 };
        StoredTraining {
            record: TrainingRecord {
                id,
                outcome,
                accuracy: 0.8,
                succeeded: true,
                evaluations: vec![evaluation(10, 0.7), evaluation(20, f64::INFINITY)],
                losses: vec![2.5, f64::INFINITY],
                seconds: 0.1,
                flops: u64::MAX >> 1,
            },
            recipe: "adam 0.001".to_owned(),
            backend: "cpu".to_owned(),
        }
    }

    #[test]
    fn trainings_round_trip_and_the_first_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join(Store::FILE)).unwrap();
        let outcomes = [
            Outcome::Succeeded { step: 20 },
            Outcome::Exhausted { step: 20 },
            Outcome::Hopeless { step: 20 },
            Outcome::Diverged { step: 20 },
        ];
        for (key, outcome) in ["a", "b", "c", "d"].into_iter().zip(outcomes) {
            let stored = training(outcome);
            store.insert_training(key, &stored).unwrap();
            let mut late = stored.clone();
            late.record.accuracy = 0.1;
            store.insert_training(key, &late).unwrap();
            let back = store.training(key, stored.record.id, 0.8).unwrap();
            assert_eq!(back, Some(stored));
        }
        assert_eq!(store.training("e", training(outcomes[0]).record.id, 0.8).unwrap(), None);
        assert_eq!(store.accuracies().unwrap().len(), 4);
    }

    #[test]
    fn success_depends_on_the_readers_threshold() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join(Store::FILE)).unwrap();
        let stored = training(Outcome::Exhausted { step: 20 });
        store.insert_training("a", &stored).unwrap();
        let succeeded = |success| {
            store.training("a", stored.record.id, success).unwrap().unwrap().record.succeeded
        };
        assert!(succeeded(0.8) && !succeeded(0.81));
    }
}
