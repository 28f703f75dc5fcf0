//! Trainings in the store.

use std::collections::HashMap;

use isobath_trainer::{Evaluation, Outcome};
use serde::{Deserialize, Serialize};

use super::{
    Kind, Store,
    body::{Arrays, Body, BodyError},
};
use crate::{Result, TrainingRecord};
use isobath_experiment::TrainingId;

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
        self.insert_record(Kind::Training, key, encode(training))
    }

    /// Copies the training stored under `key` in `other`. Returns false if there is none.
    ///
    /// # Errors
    /// When `other` cannot be read or the disk is full.
    pub fn adopt_training(&mut self, key: &str, other: &Self) -> Result<bool> {
        self.adopt_record(Kind::Training, key, other)
    }

    /// Returns the training stored under `key`. The record gets the given `id`, and `succeeded` by the accuracy threshold
    /// `success`.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn training(
        &self,
        key: &str,
        id: TrainingId,
        success: f64,
    ) -> Result<Option<StoredTraining>> {
        self.record(Kind::Training, key, |bytes| decode(bytes, id, success))
    }

    /// Highest accuracy of each stored training, by key.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn accuracies(&self) -> Result<HashMap<String, f64>> {
        let accuracy =
            |bytes: &[u8]| Ok(Body::parse(bytes)?.description::<Description>()?.accuracy);
        let one = |key: String| {
            let accuracy = self.record(Kind::Training, &key, accuracy)?;
            Ok(accuracy.map(|accuracy| (key, accuracy)))
        };
        self.record_keys(Kind::Training)?
            .into_iter()
            .filter_map(|key| one(key).transpose())
            .collect()
    }

    /// Stores the keys of all trainings of the grid, in plan order; see [`set_grid`](Self::set_grid).
    ///
    /// # Errors
    /// When the disk is full.
    pub fn set_training_grid(&mut self, keys: &[String]) -> Result<()> {
        self.set_list(Kind::Training, keys)
    }

    /// Keys stored by [`set_training_grid`](Self::set_training_grid).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn training_grid(&self) -> Result<Vec<String>> {
        self.list(Kind::Training)
    }
}

/// Everything of a training but its curves.
#[derive(Serialize, Deserialize)]
struct Description {
    outcome: Word,
    step: usize,
    accuracy: f64,
    seconds: f64,
    flops: u64,
    recipe: String,
    backend: String,
}

/// Stored name of an outcome.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Succeeded,
    Exhausted,
    Hopeless,
    Diverged,
}

fn encode(training: &StoredTraining) -> Result<Vec<u8>, BodyError> {
    let StoredTraining { record, recipe, backend } = training;
    let TrainingRecord { outcome, accuracy, evaluations, losses, seconds, flops, .. } = record;
    let (outcome, step) = match *outcome {
        Outcome::Succeeded { step } => (Word::Succeeded, step),
        Outcome::Exhausted { step } => (Word::Exhausted, step),
        Outcome::Hopeless { step } => (Word::Hopeless, step),
        Outcome::Diverged { step } => (Word::Diverged, step),
    };
    let mut arrays = Arrays::default();
    let row =
        |one: &Evaluation| [one.step as f64, one.train_accuracy, one.test_loss, one.test_accuracy];
    arrays.add_f64("evaluations", &[evaluations.len(), 4], evaluations.iter().flat_map(row));
    arrays.add_f32("losses", &[losses.len()], losses.iter().map(|&loss| loss as f32));
    arrays.into_bytes(&Description {
        outcome,
        step,
        accuracy: *accuracy,
        seconds: *seconds,
        flops: *flops,
        recipe: recipe.clone(),
        backend: backend.clone(),
    })
}

fn decode(bytes: &[u8], id: TrainingId, success: f64) -> Result<StoredTraining, BodyError> {
    let body = Body::parse(bytes)?;
    let Description { outcome, step, accuracy, seconds, flops, recipe, backend } =
        body.description()?;
    let outcome = match outcome {
        Word::Succeeded => Outcome::Succeeded { step },
        Word::Exhausted => Outcome::Exhausted { step },
        Word::Hopeless => Outcome::Hopeless { step },
        Word::Diverged => Outcome::Diverged { step },
    };
    let evaluation = |&[step, train_accuracy, test_loss, test_accuracy]: &[f64; 4]| Evaluation {
        step: step as usize,
        train_accuracy,
        test_loss,
        test_accuracy,
        gradient_norms: None,
    };
    let (_, evaluations) = body.f64s("evaluations")?;
    let (_, losses) = body.f32s("losses")?;
    let record = TrainingRecord {
        id,
        outcome,
        accuracy,
        succeeded: accuracy >= success,
        evaluations: evaluations.as_chunks().0.iter().map(evaluation).collect(),
        losses: losses.into_iter().map(f64::from).collect(),
        seconds,
        flops,
    };
    Ok(StoredTraining { record, recipe, backend })
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
