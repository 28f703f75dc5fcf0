//! Scores as columns beside the rows of trained networks.

use std::collections::BTreeMap;

use super::{
    networks::{Network, Networks},
    score_info::evidence,
};
use isobath_predictors::Evidence;
use isobath_store::{RunRecord, ScoreRecord};

/// One quantity of one predictor for every trained network.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) name: String,
    /// Score; larger means trainable, negative infinity if missing.
    pub(super) scores: Vec<f64>,
    /// Largest trainable depth, for quantities that predict one; the score is then `log2(depth / L)`. Zero if missing.
    pub(super) depths: Option<Vec<f64>>,
    /// Cost of each network.
    pub(super) seconds: Vec<f64>,
    pub(super) flops: Vec<f64>,
    /// Number of networks without a score or, for quantities that predict a depth, without a depth.
    pub(super) missing: usize,
}

impl Column {
    /// True if all networks have one score.
    pub(super) fn is_constant(&self) -> bool {
        self.scores.windows(2).all(|pair| pair[0].total_cmp(&pair[1]).is_eq())
    }
}

/// Stored score of one network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) score: f64,
    pub(super) depth: Option<f64>,
    pub(super) seconds: f64,
    pub(super) flops: f64,
}

impl Column {
    /// Builds a column from the stored score of each network.
    pub(super) fn new(name: String, entries: &[Option<Entry>]) -> Self {
        let known = || entries.iter().flatten();
        let of = |get: fn(&Entry) -> f64, without: f64| {
            entries.iter().map(|entry| entry.as_ref().map_or(without, get)).collect()
        };
        let is_missing = |entry: &&Option<Entry>, is_depth: bool| {
            entry.is_none_or(|entry| is_depth && entry.depth.is_none())
        };
        let is_depth = known().any(|entry| entry.depth.is_some());
        Self {
            name,
            scores: of(|entry| entry.score, f64::NEG_INFINITY),
            depths: is_depth.then(|| of(|entry| entry.depth.unwrap_or(0.0), 0.0)),
            seconds: of(|entry| entry.seconds, 0.0),
            flops: of(|entry| entry.flops, 0.0),
            missing: entries.iter().filter(|entry| is_missing(entry, is_depth)).count(),
        }
    }

    /// True for a cut-off of the cascade that no cell has. Its scores are negative infinity, like those of a cut-off of 0,
    /// but it gives no depth.
    fn is_unmeasured_cutoff(&self) -> bool {
        evidence(&self.name) == Evidence::Cascade
            && self.depths.is_none()
            && self.scores.iter().all(|score| *score == f64::NEG_INFINITY)
    }
}

/// Columns of a run.
pub(super) fn columns(run: &RunRecord, networks: &Networks) -> Vec<Column> {
    let mut names: Vec<&str> = Vec::new();
    let mut entries: BTreeMap<(&str, _), Entry> = BTreeMap::new();
    for record in &run.scores {
        let ScoreRecord { point, depth, seed_index, .. } = *record;
        let ScoreRecord { score, predicted_depth, seconds, flops, .. } = *record;
        if !names.contains(&record.quantity.as_str()) {
            names.push(&record.quantity);
        }
        let score = if score.is_nan() { f64::NEG_INFINITY } else { score };
        let entry = Entry { score, depth: predicted_depth, seconds, flops };
        entries.insert((&record.quantity, (point, depth, seed_index)), entry);
    }
    let column = |name: &&str| {
        let entry = |row: &Network| entries.get(&(*name, row.key())).copied();
        let entries: Vec<_> = networks.rows.iter().map(entry).collect();
        Column::new((*name).to_owned(), &entries)
    };
    let mut columns: Vec<Column> = names.iter().map(column).collect();
    // Predictors without any prediction for these networks are skipped.
    columns.retain(|column| column.missing < networks.rows.len() && !column.is_unmeasured_cutoff());
    columns
}
