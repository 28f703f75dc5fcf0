//! Scores of every predictor on every grid of a table.

use std::collections::BTreeMap;

use isobath_scoring::{
    DepthPair, Frontier, OutcomesByDepth, Resamples, Side, TrainedFrontier, frontier_factor,
    frontier_factors_across, roc_auc, roc_auc_within,
};
use isobath_store::RunRecord;
use rayon::prelude::*;

use super::{
    Family, Grid, Table,
    prediction::{GridPrediction, MeasuredScores, THEORY, predictions},
};
use crate::comparison::{
    Estimate, FrontierErrors, SEED, frontier_errors, has_enough, interval_over,
};

/// Accuracy of all predictors on all grids.
#[derive(Clone, Debug, PartialEq)]
pub struct TableScores {
    /// Least accuracy of a success; `None` if the table itself says which trainings succeeded.
    pub success: Option<f64>,
    /// Number of resamples per interval.
    pub resamples: usize,
    /// Grids in the order of the table.
    pub grids: Vec<GridScores>,
}

/// Accuracy of all predictors on one grid.
#[derive(Clone, Debug, PartialEq)]
pub struct GridScores {
    /// Name; empty if the table has no names.
    pub name: String,
    /// Header and value of each further column that has one value in this grid.
    pub facts: Vec<(String, String)>,
    /// Number of trained networks.
    pub networks: usize,
    /// Number of successful ones.
    pub succeeded: usize,
    /// Number of networks whose accuracy is not a number; they count as failures.
    pub diverged: usize,
    /// Number of cells.
    pub cells: usize,
    /// Least and greatest depth.
    pub depths: [usize; 2],
    /// Families by ascending `sigma_w2`, with their frontiers.
    pub frontiers: Vec<FamilyFrontier>,
    /// Predictors, those of runs last.
    pub predictors: Vec<PredictorScores>,
}

/// Measured frontier of a family.
#[derive(Clone, Debug, PartialEq)]
pub struct FamilyFrontier {
    /// The family.
    pub family: Family,
    /// Frontier over its initialisations.
    pub trained: TrainedFrontier,
}

/// Accuracy of one predictor on one grid. Networks without a prediction are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictorScores {
    /// Name.
    pub predictor: String,
    /// Run that measured its cut-offs; `None` for theory and trivial baselines.
    pub run: Option<String>,
    /// Meaning of a larger score, with its source.
    pub meaning: String,
    /// Remark on this grid.
    pub note: Option<String>,
    /// Area under the ROC curve over all networks.
    pub auc: Option<Estimate>,
    /// Area under the ROC curve over pairs of networks of equal depth.
    pub auc_at_depth: Option<Estimate>,
    /// AUC minus that of `xi_c`, on the same networks and resamples.
    pub auc_above_theory: Option<Estimate>,
    /// Errors of the frontier as the predictor names it; `None` if it names no depth.
    pub named: Option<FrontierErrors>,
    /// Errors with one factor for each weight variance, fitted on the others.
    pub fitted: Option<FrontierErrors>,
    /// Errors with one factor fitted on the other grids of the table.
    pub transferred: Option<FrontierErrors>,
    /// Factor fitted on all weight variances of this grid.
    pub factor: Option<f64>,
    /// Predicted depth of each family; empty if the predictor has none, and `None` where it makes no prediction.
    pub depths: Vec<Option<f64>>,
    /// Number of networks without a prediction.
    pub missing: usize,
}

impl GridScores {
    /// Families whose frontier lies outside the trained depths, on this side.
    pub fn censored(&self, side: Side) -> impl Iterator<Item = &Family> {
        let is_there = move |found: &&FamilyFrontier| match found.trained.frontier {
            Frontier::Shallower => side == Side::Shallower,
            Frontier::Deeper => side == Side::Deeper,
            Frontier::At(_) => false,
        };
        self.frontiers.iter().filter(is_there).map(|found| &found.family)
    }

    /// True if there are successes and failures enough for intervals.
    pub const fn is_conclusive(&self) -> bool {
        has_enough(self.succeeded, self.networks)
    }

    /// True if cut-offs of the run called `run` predict something about this grid.
    pub fn covers(&self, run: &str) -> bool {
        let is_of_run = |scores: &PredictorScores| scores.run.as_deref() == Some(run);
        self.predictors.iter().any(is_of_run)
    }

    /// Scores of one predictor.
    pub fn predictor(&self, name: &str) -> Option<&PredictorScores> {
        self.predictors.iter().find(|scores| scores.predictor == name)
    }
}

/// Scores theory, the trivial baselines, what was measured on networks like those of the table, and the cut-offs of `runs`
/// against the trainings of `table`, with `resamples` resamples per interval.
pub fn score(
    table: &Table,
    runs: &[&RunRecord],
    measured: &[MeasuredScores],
    resamples: usize,
) -> TableScores {
    let prepared: Vec<Prepared<'_>> =
        table.grids.par_iter().map(|grid| Prepared::new(grid, runs, measured)).collect();
    let grids = (0..prepared.len()).map(|index| {
        // A factor that carries over comes from the other grids.
        let others = |name: &str| {
            let others = prepared.iter().enumerate().filter(|(other, _)| *other != index);
            let pairs = others.flat_map(|(_, grid)| grid.pairs_of(name));
            frontier_factor(pairs.map(|(_, pair)| pair))
        };
        prepared[index].scores(resamples, &others)
    });
    TableScores { success: table.success, resamples, grids: grids.collect() }
}

/// A grid with its frontiers and predictions.
struct Prepared<'a> {
    grid: &'a Grid,
    /// Cell of each network, from 0.
    cells: Vec<usize>,
    outcomes: Vec<bool>,
    depths: Vec<usize>,
    frontiers: Vec<TrainedFrontier>,
    predictions: Vec<GridPrediction>,
}

impl<'a> Prepared<'a> {
    fn new(grid: &'a Grid, runs: &[&RunRecord], measured: &[MeasuredScores]) -> Self {
        let mut numbers = BTreeMap::new();
        let mut number = |network: &super::Network| {
            let next = numbers.len();
            *numbers.entry((network.family, network.depth)).or_insert(next)
        };
        let cells = grid.networks.iter().map(&mut number).collect();
        let mut by_family: Vec<BTreeMap<usize, OutcomesByDepth>> =
            vec![BTreeMap::new(); grid.families.len()];
        for network in &grid.networks {
            let seeds = by_family[network.family].entry(network.seed).or_default();
            seeds.insert(network.depth, network.succeeded);
        }
        Self {
            grid,
            cells,
            outcomes: grid.networks.iter().map(|network| network.succeeded).collect(),
            depths: grid.networks.iter().map(|network| network.depth).collect(),
            // Every family has a network.
            frontiers: by_family.iter().filter_map(TrainedFrontier::new).collect(),
            predictions: predictions(grid, runs, measured),
        }
    }

    /// Families with a depth by the predictor called `name`, with the measured frontier.
    fn pairs_of(&self, name: &str) -> Vec<(usize, DepthPair)> {
        let found = self.predictions.iter().find(|prediction| prediction.name == name);
        found.map(|prediction| self.pairs(prediction)).unwrap_or_default()
    }

    fn pairs(&self, prediction: &GridPrediction) -> Vec<(usize, DepthPair)> {
        let depths = prediction.depths.iter().flatten().zip(&self.frontiers).enumerate();
        let pair = |(family, (depth, trained)): (usize, (&Option<f64>, &TrainedFrontier))| {
            let measured = trained.frontier;
            depth.map(|predicted| (family, DepthPair { predicted, measured }))
        };
        depths.filter_map(pair).collect()
    }

    fn range(&self) -> [usize; 2] {
        let least = self.depths.iter().min().copied().unwrap_or(0);
        [least, self.depths.iter().max().copied().unwrap_or(0)]
    }

    fn scores(&self, resamples: usize, others: &dyn Fn(&str) -> Option<f64>) -> GridScores {
        let succeeded = self.outcomes.iter().filter(|&&succeeded| succeeded).count();
        let networks = self.outcomes.len();
        let count = if has_enough(succeeded, networks) { resamples } else { 0 };
        let by_cell = Resamples::new(&self.cells, count, SEED);
        let factors: Vec<Option<f64>> =
            self.predictions.iter().map(|prediction| others(&prediction.name)).collect();
        let predictors = self.predictions.par_iter().zip(factors);
        let predictors = predictors
            .map(|(prediction, factor)| self.predictor(prediction, factor, &by_cell, count));
        let frontiers = self.grid.families.iter().zip(&self.frontiers);
        let frontier = |(family, trained): (&Family, &TrainedFrontier)| FamilyFrontier {
            family: *family,
            trained: trained.clone(),
        };
        GridScores {
            name: self.grid.name.clone(),
            facts: self.grid.facts.clone(),
            networks,
            succeeded,
            diverged: self.grid.diverged,
            cells: self.cells.iter().max().map_or(0, |last| last + 1),
            depths: self.range(),
            frontiers: frontiers.map(frontier).collect(),
            predictors: predictors.collect(),
        }
    }

    fn predictor(
        &self,
        prediction: &GridPrediction,
        transferred: Option<f64>,
        by_cell: &Resamples,
        resamples: usize,
    ) -> PredictorScores {
        let pairs = self.pairs(prediction);
        let families: Vec<usize> = (0..pairs.len()).collect();
        let by_family = Resamples::new(&families, resamples, SEED);
        let errors = |factors: &[Option<f64>]| self.errors(&pairs, factors, &by_family);
        let only: Vec<DepthPair> = pairs.iter().map(|(_, pair)| *pair).collect();
        let across = frontier_factors_across(&only, &self.groups(&pairs));
        let ranks = Ranks { prepared: self, by_cell };
        let theory = self.predictions.iter().find(|prediction| prediction.name == THEORY);
        let theory = theory.filter(|theory| theory.name != prediction.name);
        PredictorScores {
            predictor: prediction.name.clone(),
            run: prediction.run.clone(),
            meaning: prediction.meaning.clone(),
            note: prediction.note.clone(),
            auc: ranks.auc(prediction),
            auc_at_depth: ranks.auc_at_depth(prediction),
            auc_above_theory: theory.and_then(|theory| ranks.difference(prediction, theory)),
            named: prediction.is_named.then(|| errors(&vec![Some(1.0); pairs.len()])).flatten(),
            fitted: errors(&across),
            transferred: transferred.and_then(|factor| errors(&vec![Some(factor); pairs.len()])),
            factor: frontier_factor(only.iter().copied()),
            depths: prediction.depths.clone().filter(|_| prediction.is_named).unwrap_or_default(),
            missing: prediction.scores.iter().filter(|score| score.is_none()).count(),
        }
    }

    /// Index of the weight variance of each pair's family.
    fn groups(&self, pairs: &[(usize, DepthPair)]) -> Vec<usize> {
        let variance = |family: usize| self.grid.families[family].sigma_w2.to_bits();
        let first = |&(family, _): &(usize, DepthPair)| {
            (0..family).find(|&other| variance(other) == variance(family)).unwrap_or(family)
        };
        pairs.iter().map(first).collect()
    }

    /// Errors of the depths times a factor each; `None` if a factor is missing.
    fn errors(
        &self,
        pairs: &[(usize, DepthPair)],
        factors: &[Option<f64>],
        by_family: &Resamples,
    ) -> Option<FrontierErrors> {
        let range = self.range().map(|depth| depth as f64);
        let predicted = |(&(_, pair), factor): (&(usize, DepthPair), &Option<f64>)| {
            let depth = (*factor)? * pair.predicted;
            Some([Frontier::from_depth(depth, range), pair.measured])
        };
        let all: Option<Vec<[Frontier; 2]>> = pairs.iter().zip(factors).map(predicted).collect();
        frontier_errors(&all?, range, by_family)
    }
}

/// Ranks of the networks of a grid.
struct Ranks<'a> {
    prepared: &'a Prepared<'a>,
    by_cell: &'a Resamples,
}

impl Ranks<'_> {
    fn estimate(&self, statistic: &dyn Fn(&[usize]) -> Option<f64>) -> Option<Estimate> {
        let all: Vec<usize> = (0..self.prepared.outcomes.len()).collect();
        let value = statistic(&all)?;
        Some(Estimate { value, interval: interval_over(self.by_cell, statistic) })
    }

    fn auc(&self, prediction: &GridPrediction) -> Option<Estimate> {
        self.estimate(&|rows| {
            let rows = predicted(rows, &[prediction]);
            roc_auc(&scores(prediction, &rows), &pick(&self.prepared.outcomes, &rows))
        })
    }

    fn auc_at_depth(&self, prediction: &GridPrediction) -> Option<Estimate> {
        self.estimate(&|rows| {
            let rows = predicted(rows, &[prediction]);
            let outcomes = pick(&self.prepared.outcomes, &rows);
            let depths = pick(&self.prepared.depths, &rows);
            roc_auc_within(&scores(prediction, &rows), &outcomes, &depths)
        })
    }

    /// AUC of `prediction` minus that of `theory`, on the networks for which both have a score.
    fn difference(&self, prediction: &GridPrediction, theory: &GridPrediction) -> Option<Estimate> {
        self.estimate(&|rows| {
            let rows = predicted(rows, &[prediction, theory]);
            let outcomes = pick(&self.prepared.outcomes, &rows);
            let auc = |prediction| roc_auc(&scores(prediction, &rows), &outcomes);
            Some(auc(prediction)? - auc(theory)?)
        })
    }
}

/// Those of `rows` for which every prediction has a score.
fn predicted(rows: &[usize], predictions: &[&GridPrediction]) -> Vec<usize> {
    let has_all = |row: &&usize| predictions.iter().all(|one| one.scores[**row].is_some());
    rows.iter().filter(has_all).copied().collect()
}

/// Scores of rows that have one.
fn scores(prediction: &GridPrediction, rows: &[usize]) -> Vec<f64> {
    rows.iter().filter_map(|&row| prediction.scores[row]).collect()
}

fn pick<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|&row| values[row]).collect()
}
