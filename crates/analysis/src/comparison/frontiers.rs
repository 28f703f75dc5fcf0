//! Families of networks with their measured and predicted frontiers.

use std::collections::BTreeMap;

use isobath_experiment::GridPoint;
use isobath_scoring::{Frontier, Observed, OutcomesByDepth, TrainedFrontier, frontier};

use super::{PredictorSummary, networks::Networks};

/// Networks that differ only in depth and initialisation.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Point of the grid.
    pub point: GridPoint,
    /// Median over initialisations of the depth at which success becomes less likely than failure.
    pub measured: Frontier,
    /// Frontier of every initialisation, the shallowest first.
    pub seeds: Vec<Frontier>,
    /// Frontiers by predictor, calibrated out of fold.
    pub predicted: Vec<(String, Frontier)>,
}

/// All families of the networks.
#[derive(Clone, Debug)]
pub(super) struct Families {
    families: Vec<Member>,
    /// Minimum and maximum depth of the grid.
    pub(super) depths: [f64; 2],
}

/// Variances of a family and its rows, by initialisation.
#[derive(Clone, Debug)]
struct Member {
    point: GridPoint,
    seeds: Vec<Vec<usize>>,
    row_depths: Vec<Vec<f64>>,
    trained: TrainedFrontier,
}

impl Families {
    pub(super) fn new(networks: &Networks) -> Self {
        let mut groups: BTreeMap<GridPoint, BTreeMap<usize, Vec<usize>>> = BTreeMap::new();
        for (index, row) in networks.rows.iter().enumerate() {
            let seeds = groups.entry(row.id.point).or_default();
            seeds.entry(row.id.seed_index).or_default().push(index);
        }
        let member = |(point, seeds): (GridPoint, BTreeMap<usize, Vec<usize>>)| {
            let outcome =
                |row: &usize| (networks.rows[*row].id.depth, networks.rows[*row].succeeded);
            let outcomes = seeds
                .iter()
                .map(|(&seed, rows)| (seed, rows.iter().map(outcome).collect::<OutcomesByDepth>()));
            let trained = TrainedFrontier::new(&outcomes.collect())?;
            let seeds: Vec<Vec<usize>> = seeds.into_values().collect();
            let depth = |row: &usize| networks.rows[*row].id.depth as f64;
            let row_depths: Vec<Vec<f64>> =
                seeds.iter().map(|rows| rows.iter().map(depth).collect()).collect();
            Some(Member { point, seeds, row_depths, trained })
        };
        Self {
            families: groups.into_iter().filter_map(member).collect(),
            depths: networks.depths(),
        }
    }

    /// Total number of initialisations.
    pub(super) fn initialisations(&self) -> usize {
        self.families.iter().map(|family| family.seeds.len()).sum()
    }

    /// Family indices, from 0; each family is its own group in resamples of families.
    pub(super) fn numbers(&self) -> Vec<usize> {
        (0..self.families.len()).collect()
    }

    /// Predicted and measured frontier of each family, from the probability of success of every row.
    pub(super) fn with_probabilities(&self, probabilities: &[f64]) -> Vec<[Frontier; 2]> {
        let predicted =
            |member: &Member| by_seed(&member.seeds, &member.row_depths, |row| probabilities[row]);
        self.pairs(predicted)
    }

    /// Predicted and measured frontier of each family, from the largest trainable depth of every row's family and
    /// initialisation.
    pub(super) fn with_depths(&self, depth: impl Fn(usize) -> f64) -> Vec<[Frontier; 2]> {
        let of_seed = |rows: &Vec<usize>| Frontier::from_depth(depth(rows[0]), self.depths);
        self.pairs(|member| member.seeds.iter().map(of_seed).collect())
    }

    fn pairs(&self, predicted: impl Fn(&Member) -> Vec<Frontier>) -> Vec<[Frontier; 2]> {
        let pair = |member: &Member| {
            let median = Frontier::median(&predicted(member));
            [median.unwrap_or(Frontier::Shallower), member.trained.frontier]
        };
        self.families.iter().map(pair).collect()
    }

    /// Every family with its frontiers.
    pub(super) fn measured_and_predicted(&self, summaries: &[PredictorSummary]) -> Vec<Family> {
        let family = |(index, member): (usize, &Member)| {
            let predicted = summaries.iter().filter_map(|summary| {
                Some((summary.predictor.clone(), *summary.frontiers.get(index)?))
            });
            let mut seeds: Vec<Frontier> =
                member.trained.seeds.iter().map(|seed| seed.frontier).collect();
            let clamped = |frontier: &Frontier| frontier.clamped([0.0, f64::INFINITY]);
            seeds.sort_by(|a, b| clamped(a).total_cmp(&clamped(b)));
            Family {
                point: member.point,
                measured: member.trained.frontier,
                seeds,
                predicted: predicted.collect(),
            }
        };
        self.families.iter().enumerate().map(family).collect()
    }
}

/// Frontier of each initialisation. After a frontier search, initialisations have different depths.
fn by_seed(
    seeds: &[Vec<usize>],
    depths: &[Vec<f64>],
    success: impl Fn(usize) -> f64,
) -> Vec<Frontier> {
    let of_seed = |(rows, depths): (&Vec<usize>, &Vec<f64>)| {
        let observed =
            rows.iter().zip(depths).map(|(&row, &depth)| Observed { depth, success: success(row) });
        frontier(&observed.collect::<Vec<_>>())
    };
    seeds.iter().zip(depths).filter_map(of_seed).collect()
}
