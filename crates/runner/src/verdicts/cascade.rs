//! The cascade as a predictor: its cut-offs as depths, its entropies at a network's last hidden layer as scores.

use std::collections::BTreeMap;

use super::{
    networks::{Network, Networks, key},
    scores::{Column, Entry},
};
use crate::{
    record::{CellRecord, RunRecord},
    report::rises_with_loss,
};

/// The name of an estimator's profile as a score, or of a cut-off rule on it.
pub(super) fn name(estimator: &str, rule: Option<&str>) -> String {
    match rule {
        Some(rule) => format!("cascade {estimator}, {rule}"),
        None => format!("cascade {estimator}"),
    }
}

/// One column for each estimator, and one for each estimator and rule. All share the cost of the one cascade, each network of
/// a cell its equal part.
pub(super) fn columns(run: &RunRecord, networks: &Networks) -> Vec<Column> {
    let cell = |record: &CellRecord| {
        key(record.cell.sigma_w2, record.cell.sigma_b2, 0, record.cell.seed_index)
    };
    let cells: BTreeMap<_, &CellRecord> =
        run.cells.iter().map(|record| (cell(record), record)).collect();
    let cell_of = |row: &Network| {
        let of_row = key(row.id.sigma_w2, row.id.sigma_b2, 0, row.id.seed_index);
        Some((of_row, *cells.get(&of_row)?))
    };
    let mut sharing: BTreeMap<_, f64> = BTreeMap::new();
    for (key, _) in networks.rows.iter().filter_map(cell_of) {
        *sharing.entry(key).or_default() += 1.0;
    }
    let column =
        |name: String, judge: &dyn Fn(&CellRecord, usize) -> Option<(f64, Option<f64>)>| {
            let entry = |row: &Network| {
                let (key, record) = cell_of(row)?;
                let (score, depth) = judge(record, row.id.depth)?;
                let cost = &record.cost;
                Some(Entry {
                    score,
                    depth,
                    seconds: (cost.cascade_seconds + cost.entropy_seconds) / sharing[&key],
                    flops: cost.flops as f64 / sharing[&key],
                })
            };
            Column::new(name, &networks.rows.iter().map(entry).collect::<Vec<_>>())
        };
    let mut columns = Vec::new();
    for estimator in &run.estimators {
        columns.push(column(name(estimator, None), &|record, depth| {
            Some((left(record, estimator, depth)?, None))
        }));
        for rule in &run.rules {
            columns.push(column(name(estimator, Some(rule)), &|record, depth| {
                let reached = reached(record, estimator, rule)?;
                Some(((reached / depth as f64).log2(), Some(reached)))
            }));
        }
    }
    columns
}

/// The depth that information reaches: infinite beyond the network, 0 where the rule says nothing.
fn reached(record: &CellRecord, estimator: &str, rule: &str) -> Option<f64> {
    let mut verdicts = record.verdicts.iter();
    let verdict =
        verdicts.find(|verdict| verdict.estimator == estimator && verdict.rule == rule)?;
    Some(if verdict.beyond { f64::INFINITY } else { verdict.depth.unwrap_or(0.0).max(0.0) })
}

/// How much is left at the last hidden layer of a network of `depth` layers, larger for more; infinite without a hidden
/// layer. `None` where the cascade did not go that deep.
fn left(record: &CellRecord, estimator: &str, depth: usize) -> Option<f64> {
    let profile = record.profiles.iter().find(|profile| profile.estimator == estimator)?;
    let Some(layer) = depth.checked_sub(2) else { return Some(f64::INFINITY) };
    let value = profile.layers.get(layer)?.value;
    let kept = if rises_with_loss(estimator) { -value } else { value };
    Some(if kept.is_nan() { f64::NEG_INFINITY } else { kept })
}
