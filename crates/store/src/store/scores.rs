//! Predictor scores in the store. One record holds all scores of a predictor task: one initialisation of a grid point.

use std::collections::HashSet;

use isobath_experiment::GridPoint;
use serde::{Deserialize, Serialize};

use super::{
    Kind, Store,
    body::{Arrays, Body, BodyError},
};
use crate::{Result, ScoreRecord};

impl Store {
    /// Stores the scores of one predictor task atomically. Existing scores with the same key stay unchanged.
    ///
    /// # Errors
    /// When the disk is full or another process locks the file for over a minute.
    pub fn insert_scores(&mut self, key: &str, scores: &[ScoreRecord]) -> Result<()> {
        if scores.is_empty() {
            return Ok(());
        }
        self.insert_record(Kind::Scores, key, encode(scores))
    }

    /// Copies the scores stored under `key` in `other`. Returns false if there are none.
    ///
    /// # Errors
    /// When `other` cannot be read or the disk is full.
    pub fn adopt_scores(&mut self, key: &str, other: &Self) -> Result<bool> {
        self.adopt_record(Kind::Scores, key, other)
    }

    /// Returns the scores stored under `key`; empty if there are none.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn scores(&self, key: &str) -> Result<Vec<ScoreRecord>> {
        Ok(self.record(Kind::Scores, key, decode)?.unwrap_or_default())
    }

    /// Stores the key of each cell's predictor task, in grid order, `None` for a cell without one. Tasks of several groups of
    /// predictors follow each other, each group with a key for every cell; see
    /// [`set_grid`](Self::set_grid).
    ///
    /// # Errors
    /// When the disk is full.
    pub fn set_score_grid<'a>(
        &mut self,
        keys: impl IntoIterator<Item = Option<&'a str>>,
    ) -> Result<()> {
        let keys: Vec<String> =
            keys.into_iter().map(|key| key.unwrap_or(NO_TASK).to_owned()).collect();
        self.set_list(Kind::Scores, &keys)
    }

    /// Keys stored by [`set_score_grid`](Self::set_score_grid).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn score_grid(&self) -> Result<Vec<Option<String>>> {
        let keys = self.list(Kind::Scores)?;
        Ok(keys.into_iter().map(|key| Some(key).filter(|key| key != NO_TASK)).collect())
    }

    /// Keys of all predictor tasks with stored scores.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn score_keys(&self) -> Result<HashSet<String>> {
        self.record_keys(Kind::Scores)
    }
}

/// Stands for the key of a cell without predictor task.
const NO_TASK: &str = "-";

/// Identity of each score. The point's variant is that of the reader's cell.

#[derive(Serialize, Deserialize)]
struct Description {
    sigma_w2: f64,
    sigma_b2: f64,
    seed_index: usize,
    /// Depth and quantity of each score.
    scores: Vec<(usize, String)>,
}

fn encode(scores: &[ScoreRecord]) -> Result<Vec<u8>, BodyError> {
    let mut arrays = Arrays::default();
    // Scores are never NaN, so NaN marks a missing depth.
    let numbers = |score: &ScoreRecord| {
        [score.score, score.predicted_depth.unwrap_or(f64::NAN), score.seconds, score.flops]
    };
    arrays.add_f64("scores", &[scores.len(), 4], scores.iter().flat_map(numbers));
    let first = &scores[0];
    arrays.into_bytes(&Description {
        sigma_w2: first.point.sigma_w2,
        sigma_b2: first.point.sigma_b2,
        seed_index: first.seed_index,
        scores: scores.iter().map(|score| (score.depth, score.quantity.clone())).collect(),
    })
}

/// Overwrites the seconds in the bytes of the array of scores.
pub(super) fn clear_seconds(array: &mut [u8]) {
    const NUMBER: usize = size_of::<f64>();
    array.chunks_exact_mut(4 * NUMBER).for_each(|row| row[2 * NUMBER..3 * NUMBER].fill(0));
}

fn decode(bytes: &[u8]) -> Result<Vec<ScoreRecord>, BodyError> {
    let body = Body::parse(bytes)?;
    let Description { sigma_w2, sigma_b2, seed_index, scores } = body.description()?;
    let (_, numbers) = body.f64s("scores")?;
    let rows = numbers.as_chunks().0;
    if rows.len() != scores.len() {
        return Err(BodyError::Array("scores".to_owned()));
    }
    let score = |((depth, quantity), &[score, predicted_depth, seconds, flops]): (_, &[f64; 4])| {
        ScoreRecord {
            point: GridPoint::new(sigma_w2, sigma_b2),
            seed_index,
            depth,
            quantity,
            score,
            predicted_depth: Some(predicted_depth).filter(|depth| !depth.is_nan()),
            seconds,
            flops,
        }
    };
    Ok(scores.into_iter().zip(rows).map(score).collect())
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
