//! Predictors against several grids of trained networks: which of them carries over to networks it was not fitted to?
//!
//! A grid is the trainings of a run, or one grid of a table of trainings made elsewhere ([`crate::outcomes`]). On each
//! grid a predictor is judged by its ranks among networks of equal depth, which no calibration changes, and by the
//! error of its frontier: as it is named, calibrated on other weight variances of the grid, and calibrated on all other
//! grids. The calibration of a run comes from the other runs, that of a table's grid from the other grids of the table.
//! Cascades of ridge decoders with several noises also make one whose noise is chosen: on each grid the noise whose frontier as
//! named errs least, on average, on the grids that calibrations come from. Its only free number is the noise.
//!
//! Rows are ordered by how far a predictor's ranks are above those of mean-field theory on the grids that both cover.

mod cells;
mod chosen_noise;

use isobath_predictors::{DEPTH, Evidence, XI_C};
use isobath_store::RunRecord;
use rayon::prelude::*;

use crate::{
    comparison::{Error, Estimate, Settings, compare, evidence, recipes},
    outcomes::TableScores,
};

/// Name of the score of the number of parameters.
const PARAMETERS: &str = "parameters";

/// Predictors down, grids across.
#[derive(Clone, Debug, PartialEq)]
pub struct Scoreboard {
    /// Grids: those of runs first, in the order given.
    pub grids: Vec<Grid>,
    /// Predictors: those above theory first, the trivial baselines last.
    pub rows: Vec<Row>,
    /// Noises that were chosen on other grids.
    pub choices: Vec<NoiseChoice>,
    /// Number of resamples per interval.
    pub resamples: usize,
}

/// A noise of ridge decoders that was chosen for one grid.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseChoice {
    /// Name of the score.
    pub predictor: String,
    /// Index of the grid.
    pub grid: usize,
    /// Standard deviation on each activation.
    pub noise: f64,
}

/// Networks that were trained with one recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Name of the run, or of the table's grid.
    pub name: String,
    /// Data and networks in words; of a table's grid, the file.
    pub description: String,
    /// Number of trained networks.
    pub networks: usize,
    /// Number of successful ones.
    pub succeeded: usize,
    /// True for a grid of a table.
    pub is_elsewhere: bool,
}

/// One predictor on all grids.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Name of the score.
    pub predictor: String,
    /// Data that it reads.
    pub evidence: Evidence,
    /// Scores on each grid; `None` where the predictor has none.
    pub cells: Vec<Option<Cell>>,
    /// Mean over grids of its AUC at equal depth minus that of `xi_c`; `None` without a common grid.
    pub above_theory: Option<f64>,
}

/// One predictor on one grid.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cell {
    /// Area under the ROC curve over all networks.
    pub auc: Option<Estimate>,
    /// Area under the ROC curve over pairs of networks of equal depth.
    pub auc_at_depth: Option<Estimate>,
    /// Error of the frontier as named, in octaves; `None` for scores that name no depth.
    pub named: Option<Estimate>,
    /// Error of the frontier calibrated on other weight variances of the grid, in octaves.
    pub other_variances: Option<Estimate>,
    /// Error of the frontier calibrated on other grids, in octaves.
    pub other_grids: Option<Estimate>,
    /// Seconds relative to the trainings of the same networks; `None` if unknown.
    pub cost: Option<f64>,
}

/// Scores every predictor of `runs`, and of the named `tables`, on all their grids.
///
/// # Errors
/// See [`compare`]; a run with several training recipes is compared by its first.
pub fn scoreboard(
    runs: &[&RunRecord],
    tables: &[(&str, &TableScores)],
    resamples: usize,
) -> Result<Scoreboard, Error> {
    let columns = (0..runs.len()).into_par_iter().map(|index| of_run(runs, index, resamples));
    let mut columns: Vec<(Grid, Vec<(String, Cell)>)> = columns.collect::<Result<_, Error>>()?;
    columns.extend(tables.iter().flat_map(|(name, table)| cells::of_table(name, table)));
    let choices = chosen_noise::add(&mut columns);
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in columns.iter().flat_map(|(_, cells)| cells) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut rows: Vec<Row> = names.iter().map(|name| row(name, &columns)).collect();
    rows.sort_by(|a, b| b.rank().total_cmp(&a.rank()));
    let grids = columns.into_iter().map(|(grid, _)| grid).collect();
    Ok(Scoreboard { grids, rows, choices, resamples })
}

/// The trainings of one run, calibrated on themselves and on those of the other runs.
fn of_run(
    runs: &[&RunRecord],
    index: usize,
    resamples: usize,
) -> Result<(Grid, Vec<(String, Cell)>), Error> {
    let run = runs[index];
    let recipe = recipes(run, None)?[0];
    let here = compare(run, recipe, &Settings { calibrate_on: &[], resamples })?;
    let others: Vec<&RunRecord> = runs[..index].iter().chain(&runs[index + 1..]).copied().collect();
    let carried = match &others[..] {
        [] => None,
        others => Some(compare(run, recipe, &Settings { calibrate_on: others, resamples })?),
    };
    let grid = Grid {
        name: run.name.clone(),
        description: description(run),
        networks: here.networks,
        succeeded: here.succeeded,
        is_elsewhere: false,
    };
    Ok((grid, cells::of_run(&here, carried.as_ref())))
}

/// `mnist, tanh MLP, width 256, 59 hidden layers`
fn description(run: &RunRecord) -> String {
    let networks: Vec<&str> = run.variants.iter().map(|one| one.description.as_str()).collect();
    format!("{}, {}", run.dataset, networks.join("; "))
}

fn row(name: &str, columns: &[(Grid, Vec<(String, Cell)>)]) -> Row {
    let of = |name: &str, cells: &[(String, Cell)]| {
        cells.iter().find(|(other, _)| other == name).map(|(_, cell)| *cell)
    };
    let cells: Vec<Option<Cell>> = columns.iter().map(|(_, cells)| of(name, cells)).collect();
    let differences: Vec<f64> = columns
        .iter()
        .filter_map(|(_, cells)| {
            let at_depth = |name| Some(of(name, cells)?.auc_at_depth?.value);
            Some(at_depth(name)? - at_depth(XI_C.as_str())?)
        })
        .collect();
    let mean = differences.iter().sum::<f64>() / differences.len() as f64;
    Row {
        predictor: name.to_owned(),
        evidence: evidence(name),
        cells,
        above_theory: (!differences.is_empty()).then_some(mean),
    }
}

impl Row {
    /// True for the depth and the number of parameters.
    pub fn is_baseline(&self) -> bool {
        [DEPTH.as_str(), PARAMETERS].contains(&self.predictor.as_str())
    }

    /// Place from the last row to the first.
    fn rank(&self) -> f64 {
        if self.is_baseline() { f64::NEG_INFINITY } else { self.above_theory.unwrap_or(f64::MIN) }
    }
}

#[cfg(test)]
mod tests;
