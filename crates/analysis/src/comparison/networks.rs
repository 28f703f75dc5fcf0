//! Networks trained with one recipe: the rows of the comparison.

use std::collections::BTreeMap;

use super::{Costs, Error};
use isobath_experiment::{GridPoint, TrainingId};
use isobath_store::RunRecord;

/// One trained network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Network {
    pub(super) id: TrainingId,
    pub(super) succeeded: bool,
    /// Highest accuracy on the held-out samples.
    pub(super) accuracy: f64,
    seconds: f64,
    flops: f64,
}

/// All trained networks of one recipe.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Networks {
    /// Rows sorted by `sigma_b2`, `sigma_w2`, depth and initialisation.
    pub(super) rows: Vec<Network>,
    /// Configuration index of each row, from 0.
    pub(super) cells: Vec<usize>,
}

/// Identity of a network: point, depth and initialisation. Keys sort in this order.
pub(super) type Key = (GridPoint, usize, usize);

impl Networks {
    /// Collects the trainings of `run` with `recipe`.
    ///
    /// # Errors
    /// If there are none, or all have the same outcome.
    pub(super) fn new(run: &RunRecord, recipe: &str) -> Result<Self, Error> {
        let index = run.recipes.iter().position(|name| name == recipe).ok_or_else(|| {
            Error::UnknownRecipe { name: recipe.to_owned(), known: run.recipes.join(", ") }
        })?;
        let of_recipe = run.trainings.iter().filter(|training| training.id.recipe == index);
        let network = |training: &isobath_store::TrainingRecord| Network {
            id: training.id,
            succeeded: training.succeeded,
            accuracy: training.accuracy,
            seconds: training.seconds,
            flops: training.flops as f64,
        };
        let mut rows: Vec<Network> = of_recipe.map(network).collect();
        if rows.is_empty() {
            return Err(Error::no_trainings(run));
        }
        rows.sort_by_key(Network::key);
        let mut numbers = BTreeMap::new();
        let mut number = |row: &Network| {
            let next = numbers.len();
            *numbers.entry((row.id.point, row.id.depth)).or_insert(next)
        };
        let cells = rows.iter().map(&mut number).collect();
        let networks = Self { rows, cells };
        let ended = match networks.succeeded() {
            0 => "failed",
            all if all == networks.rows.len() => "succeeded",
            _ => return Ok(networks),
        };
        let (run, recipe) = (run.name.clone(), recipe.to_owned());
        Err(Error::OneClass { run, recipe, networks: networks.rows.len(), ended })
    }

    pub(super) fn outcomes(&self) -> Vec<bool> {
        self.rows.iter().map(|row| row.succeeded).collect()
    }

    pub(super) fn succeeded(&self) -> usize {
        self.rows.iter().filter(|row| row.succeeded).count()
    }

    pub(super) fn cell_count(&self) -> usize {
        self.cells.iter().max().map_or(0, |last| last + 1)
    }

    /// Minimum and maximum depth.
    pub(super) fn depths(&self) -> [f64; 2] {
        let depths = || self.rows.iter().map(|row| row.id.depth as f64);
        [depths().fold(f64::INFINITY, f64::min), depths().fold(0.0, f64::max)]
    }

    /// Index of each row's `sigma_w2` among all weight variances, from 0, and their number.
    pub(super) fn variances(&self) -> (Vec<usize>, usize) {
        // Weight variances only; the bias variance is ignored.
        let variance = |row: &Network| GridPoint::new(row.id.point.sigma_w2, 0.0);
        let mut known: Vec<GridPoint> = self.rows.iter().map(variance).collect();
        known.sort_unstable();
        known.dedup();
        let place =
            |row: &Network| known.binary_search(&variance(row)).expect("every variance is listed");
        (self.rows.iter().map(place).collect(), known.len())
    }

    /// Mean cost of a training.
    pub(super) fn training_costs(&self) -> Costs {
        let mean = |of: fn(&Network) -> f64| {
            self.rows.iter().map(of).sum::<f64>() / self.rows.len() as f64
        };
        Costs { seconds: mean(|row| row.seconds), flops: mean(|row| row.flops) }
    }
}

impl Network {
    pub(super) fn key(&self) -> Key {
        (self.id.point, self.id.depth, self.id.seed_index)
    }

    pub(super) const fn seconds(&self) -> f64 {
        self.seconds
    }
}
