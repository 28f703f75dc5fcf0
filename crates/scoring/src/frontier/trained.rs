//! The frontier that trainings show, over the initialisations of one family.

use std::collections::BTreeMap;

use super::{Frontier, Observed, frontier};
use crate::{Resamples, interval};

/// The frontier of one family of networks, which differ in depth and initialisation alone.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainedFrontier {
    /// Median of the initialisations' frontiers.
    pub frontier: Frontier,
    /// One for each initialisation, in their order.
    pub seeds: Vec<SeedFrontier>,
    /// Median over initialisations of [`SeedFrontier::deepest_success`], in layers.
    pub deepest_success: f64,
    /// Set if that median is only a limit.
    pub censored: Option<Side>,
    /// Least and greatest [`SeedFrontier::deepest_success`] over initialisations.
    pub range: (f64, f64),
    /// 95% percentile bootstrap interval of `deepest_success`, where there are at least
    /// [`RESAMPLED`](TrainedFrontier::RESAMPLED) initialisations.
    pub interval: Option<(f64, f64)>,
    /// Least and greatest depth at which some initialisations succeed and others fail; `None` where all agree.
    pub mixed: Option<(usize, usize)>,
}

/// The frontier of one initialisation and the trained depths on either side of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeedFrontier {
    /// Number of the initialisation, from 0.
    pub seed_index: usize,
    /// Depth at which success becomes less likely than failure; see [`frontier`].
    pub frontier: Frontier,
    /// Greatest depth that was trained with success; 0 if there is none.
    pub deepest_success: usize,
    /// Next greater depth tried, which failed; `None` if there is none.
    pub next_failure: Option<usize>,
    /// Changes between success and failure from the least depth tried to the greatest, beyond the single change of a
    /// sharp frontier.
    pub reversals: usize,
}

/// The side of the trained depths on which a frontier lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// No trained depth succeeded: the frontier is below the least one.
    Shallower,
    /// The greatest trained depth succeeded: the frontier is not below it.
    Deeper,
}

/// Outcomes of one initialisation: success by depth.
pub type OutcomesByDepth = BTreeMap<usize, bool>;

/// Resamples behind an interval.
const RESAMPLES: usize = 1000;
/// Seed of the resamples, so that intervals are reproducible.
const SEED: u64 = 1;

impl TrainedFrontier {
    /// Least number of initialisations for a bootstrap interval.
    pub const RESAMPLED: usize = 5;

    /// The frontier of a family, from the outcomes of each initialisation by its number. `None` without outcomes.
    ///
    /// Depths that were not tried count by the frontier of their initialisation: as successes up to it, as failures
    /// beyond.
    pub fn new(seeds: &BTreeMap<usize, OutcomesByDepth>) -> Option<Self> {
        let found: Vec<SeedFrontier> = seeds
            .iter()
            .filter_map(|(&seed, outcomes)| SeedFrontier::new(seed, outcomes))
            .collect();
        let frontiers: Vec<Frontier> = found.iter().map(|seed| seed.frontier).collect();
        let mut sorted = found.clone();
        sorted.sort_by_key(|seed| (seed.deepest_success, seed.next_failure));
        let depths: Vec<f64> = sorted.iter().map(|seed| seed.deepest_success as f64).collect();
        let (low, high) = (sorted.len().checked_sub(1)? / 2, sorted.len() / 2);
        Some(Self {
            frontier: Frontier::median(&frontiers)?,
            deepest_success: median(&depths),
            censored: [sorted[low], sorted[high]].iter().find_map(SeedFrontier::censored),
            range: (depths[0], depths[depths.len() - 1]),
            interval: (depths.len() >= Self::RESAMPLED).then(|| bootstrap(&depths)).flatten(),
            mixed: mixed(seeds, &found),
            seeds: found,
        })
    }

    /// Reversals over all initialisations.
    pub fn reversals(&self) -> usize {
        self.seeds.iter().map(|seed| seed.reversals).sum()
    }
}

impl SeedFrontier {
    /// The frontier of one initialisation; `None` without outcomes.
    pub fn new(seed_index: usize, outcomes: &OutcomesByDepth) -> Option<Self> {
        let observed = outcomes.iter().map(|(&depth, &succeeded)| Observed {
            depth: depth as f64,
            success: f64::from(u8::from(succeeded)),
        });
        let successes = outcomes.iter().filter(|(_, succeeded)| **succeeded);
        let deepest_success = successes.map(|(depth, _)| *depth).next_back().unwrap_or(0);
        Some(Self {
            seed_index,
            frontier: frontier(&observed.collect::<Vec<_>>())?,
            deepest_success,
            next_failure: outcomes.range(deepest_success + 1..).next().map(|(depth, _)| *depth),
            reversals: reversals(outcomes),
        })
    }

    /// The side on which the frontier lies beyond the trained depths, if it does.
    pub fn censored(&self) -> Option<Side> {
        match (self.deepest_success, self.next_failure) {
            (0, _) => Some(Side::Shallower),
            (_, None) => Some(Side::Deeper),
            _ => None,
        }
    }
}

/// A network without layers counts as trained, so that failure at the least depth is a change, too.
fn reversals(outcomes: &OutcomesByDepth) -> usize {
    let (mut changes, mut before) = (0, true);
    for &succeeded in outcomes.values() {
        changes += usize::from(succeeded != before);
        before = succeeded;
    }
    let sharp = usize::from(!before);
    changes - sharp
}

/// Least and greatest depth at which initialisations disagree.
fn mixed(
    seeds: &BTreeMap<usize, OutcomesByDepth>,
    found: &[SeedFrontier],
) -> Option<(usize, usize)> {
    let succeeded = |outcomes: &OutcomesByDepth, reach: usize, depth: usize| {
        outcomes.get(&depth).copied().unwrap_or(depth <= reach)
    };
    let is_mixed = |depth: &usize| {
        let all = seeds.values().zip(found);
        let successes =
            all.filter(|(outcomes, seed)| succeeded(outcomes, seed.deepest_success, *depth));
        (1..found.len()).contains(&successes.count())
    };
    let tried = seeds.values().flat_map(BTreeMap::keys).copied();
    let mixed: Vec<usize> = tried.filter(is_mixed).collect();
    mixed.iter().min().copied().zip(mixed.iter().max().copied())
}

/// Median of at least one rising number.
fn median(sorted: &[f64]) -> f64 {
    f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
}

/// The 95% interval of the median of rising numbers.
fn bootstrap(sorted: &[f64]) -> Option<(f64, f64)> {
    let cells: Vec<usize> = (0..sorted.len()).collect();
    let resamples = Resamples::new(&cells, RESAMPLES, SEED);
    let of_rows = |rows: &[usize]| {
        // Rows are drawn in rising order.
        Some(median(&rows.iter().map(|&row| sorted[row]).collect::<Vec<_>>()))
    };
    interval(&resamples, of_rows).map(|interval| (interval.low, interval.high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trained(seeds: &[&[(usize, bool)]]) -> TrainedFrontier {
        let outcomes = seeds.iter().map(|depths| depths.iter().copied().collect());
        TrainedFrontier::new(&outcomes.enumerate().collect()).unwrap()
    }

    #[test]
    fn median_over_initialisations_and_mixed_depths() {
        let found = trained(&[
            &[(10, true), (20, true), (30, false)],
            &[(10, true), (20, false), (30, false)],
            &[(10, true), (20, true), (30, true), (40, false)],
        ]);
        assert_eq!((found.deepest_success.to_bits(), found.censored), (20.0_f64.to_bits(), None));
        assert_eq!((found.range, found.mixed), ((10.0, 30.0), Some((20, 30))));
        let next: Vec<_> =
            found.seeds.iter().map(|seed| (seed.deepest_success, seed.next_failure)).collect();
        assert_eq!(next, [(20, Some(30)), (10, Some(20)), (30, Some(40))]);
        assert_eq!((found.reversals(), found.interval), (0, None));
    }

    #[test]
    fn the_frontier_lies_between_the_deepest_success_and_the_next_failure() {
        let found = trained(&[&[(10, true), (20, true), (40, false)]]);
        let Frontier::At(depth) = found.frontier else { panic!("{found:?}") };
        assert!((depth / 800.0_f64.sqrt() - 1.0).abs() < 1e-12, "{depth}");
        assert_eq!(found.frontier, found.seeds[0].frontier);
    }

    #[test]
    fn initialisations_that_agree_have_no_mixed_depths() {
        let sharp: &[_] = &[(10, true), (20, false)];
        assert_eq!(trained(&[sharp, sharp]).mixed, None);
    }

    #[test]
    fn a_frontier_beyond_the_trained_depths_is_a_limit() {
        let found = trained(&[&[(10, false), (20, false)]]);
        assert_eq!((found.deepest_success.to_bits(), found.censored), (0, Some(Side::Shallower)));
        assert_eq!(found.frontier, Frontier::Shallower);
        let found = trained(&[&[(10, true), (20, true)]]);
        assert_eq!((found.deepest_success as usize, found.censored), (20, Some(Side::Deeper)));
        assert_eq!(found.frontier, Frontier::Deeper);
        // Two of three initialisations have their frontier inside.
        let inside: &[_] = &[(10, true), (20, false)];
        assert_eq!(trained(&[&[(10, true), (20, true)], inside, inside]).censored, None);
    }

    #[test]
    fn an_island_of_success_counts_as_two_reversals() {
        let found = trained(&[&[(10, true), (20, false), (30, true), (40, false)]]);
        assert_eq!((found.seeds[0].deepest_success, found.reversals()), (30, 2));
        assert_eq!(trained(&[&[(10, false), (20, true), (30, false)]]).reversals(), 2);
        assert_eq!(trained(&[&[(10, false), (20, false)]]).reversals(), 0);
        assert_eq!(trained(&[&[(10, false), (20, true)]]).reversals(), 2);
    }

    #[test]
    fn depths_that_were_not_tried_count_by_the_frontier() {
        // A bisection of the first leaves out 10, of the second 30.
        let found = trained(&[&[(20, true), (30, true), (40, false)], &[(10, true), (20, false)]]);
        assert_eq!(found.mixed, Some((20, 30)));
    }

    #[test]
    fn five_initialisations_give_an_interval_of_the_median() {
        let at = |depth: usize| [(depth, true), (depth + 10, false)];
        let seeds = [at(10), at(20), at(30), at(40), at(50)];
        let seeds: Vec<&[_]> = seeds.iter().map(|seed| &seed[..]).collect();
        let (low, high) = trained(&seeds).interval.unwrap();
        assert!((10.0..30.0).contains(&low) && (30.1..=50.0).contains(&high), "{low} {high}");
        assert_eq!(trained(&[seeds[2]; 5]).interval, Some((30.0, 30.0)));
    }

    #[test]
    fn no_outcome_no_frontier() {
        assert_eq!(TrainedFrontier::new(&BTreeMap::new()), None);
    }
}
