//! Families of networks, each with a measured and predicted frontiers.

use std::collections::BTreeMap;

use isobath_scoring::{Frontier, Observed, frontier};

use super::{Standing, networks::Networks};

/// Networks that differ in depth and initialisation alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Variance of the weights times the fan-in.
    pub sigma_w2: f64,
    /// Variance of the biases.
    pub sigma_b2: f64,
    /// The median over initialisations, each where success becomes less likely than failure.
    pub measured: Frontier,
    /// Of every initialisation, the shallowest first.
    pub seeds: Vec<Frontier>,
    /// By predictor: out-of-fold calibrated.
    pub predicted: Vec<(String, Frontier)>,
}

/// All families of the networks.
#[derive(Clone, Debug)]
pub(super) struct Families {
    families: Vec<Member>,
    /// The least and the greatest depth of the grid.
    pub(super) depths: [f64; 2],
}

/// A family's variances and its rows, by initialisation.
#[derive(Clone, Debug)]
struct Member {
    sigma_w2: f64,
    sigma_b2: f64,
    seeds: Vec<Vec<usize>>,
    row_depths: Vec<Vec<f64>>,
    measured: Frontier,
    measured_seeds: Vec<Frontier>,
}

impl Families {
    pub(super) fn new(networks: &Networks) -> Self {
        let mut groups: BTreeMap<_, BTreeMap<usize, Vec<usize>>> = BTreeMap::new();
        for (index, row) in networks.rows.iter().enumerate() {
            let (b, w, _, seed) = row.key();
            groups.entry((b, w)).or_default().entry(seed).or_default().push(index);
        }
        let member = |((b, w), seeds): ((u64, u64), BTreeMap<usize, Vec<usize>>)| {
            let seeds: Vec<Vec<usize>> = seeds.into_values().collect();
            let depth = |row: &usize| networks.rows[*row].id.depth as f64;
            let row_depths: Vec<Vec<f64>> =
                seeds.iter().map(|rows| rows.iter().map(depth).collect()).collect();
            let success = |row: usize| f64::from(u8::from(networks.rows[row].succeeded));
            let measured_seeds = by_seed(&seeds, &row_depths, success);
            let measured = Frontier::median(&measured_seeds)?;
            let (sigma_w2, sigma_b2) = (f64::from_bits(w), f64::from_bits(b));
            Some(Member { sigma_w2, sigma_b2, seeds, row_depths, measured, measured_seeds })
        };
        Self {
            families: groups.into_iter().filter_map(member).collect(),
            depths: networks.depths(),
        }
    }

    /// Initialisations of all families.
    pub(super) fn initialisations(&self) -> usize {
        self.families.iter().map(|family| family.seeds.len()).sum()
    }

    /// The families' numbers, from 0: each is a cell of its own in resamples of families.
    pub(super) fn numbers(&self) -> Vec<usize> {
        (0..self.families.len()).collect()
    }

    /// Predicted and measured frontier of each family, given the probability of success of every row.
    pub(super) fn with_probabilities(&self, probabilities: &[f64]) -> Vec<[Frontier; 2]> {
        let predicted =
            |member: &Member| by_seed(&member.seeds, &member.row_depths, |row| probabilities[row]);
        self.pairs(predicted)
    }

    /// The same, given the largest trainable depth of every row's family and initialisation.
    pub(super) fn with_depths(&self, depth: impl Fn(usize) -> f64) -> Vec<[Frontier; 2]> {
        let of_seed = |rows: &Vec<usize>| Frontier::from_depth(depth(rows[0]), self.depths);
        self.pairs(|member| member.seeds.iter().map(of_seed).collect())
    }

    fn pairs(&self, predicted: impl Fn(&Member) -> Vec<Frontier>) -> Vec<[Frontier; 2]> {
        let pair = |member: &Member| {
            let median = Frontier::median(&predicted(member));
            [median.unwrap_or(Frontier::Shallower), member.measured]
        };
        self.families.iter().map(pair).collect()
    }

    /// Every family with its frontiers.
    pub(super) fn measured_and_predicted(&self, standings: &[Standing]) -> Vec<Family> {
        let family = |(index, member): (usize, &Member)| {
            let predicted = standings.iter().filter_map(|standing| {
                Some((standing.predictor.clone(), *standing.frontiers.get(index)?))
            });
            let mut seeds = member.measured_seeds.clone();
            let clamped = |frontier: &Frontier| frontier.clamped([0.0, f64::INFINITY]);
            seeds.sort_by(|a, b| clamped(a).total_cmp(&clamped(b)));
            Family {
                sigma_w2: member.sigma_w2,
                sigma_b2: member.sigma_b2,
                measured: member.measured,
                seeds,
                predicted: predicted.collect(),
            }
        };
        self.families.iter().enumerate().map(family).collect()
    }
}

/// The frontier of each initialisation. One initialisation has depths of its own where the frontier was searched for.
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
