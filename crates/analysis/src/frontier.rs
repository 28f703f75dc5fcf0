//! Down to which depth networks can be trained: from the trainings done to a frontier with its uncertainty.

use std::collections::BTreeMap;

use isobath_tensor::random::StreamRng;

use isobath_store::TrainingRecord;

/// The frontier at one point of the phase diagram, for one recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Frontier {
    /// Variance of the weights times the fan-in.
    pub sigma_w2: f64,
    /// Variance of the biases.
    pub sigma_b2: f64,
    /// Which of the run's recipes, from 0.
    pub recipe: usize,
    /// One for each initialisation, in their order.
    pub seeds: Vec<SeedFrontier>,
    /// The median over initialisations, in layers; see [`SeedFrontier::depth`].
    pub depth: f64,
    /// Whether the median is only a limit.
    pub censored: Option<Side>,
    /// The least and the greatest depth over initialisations.
    pub range: (f64, f64),
    /// Percentile bootstrap interval (95%) of the median, where there are at least [`Frontier::RESAMPLED`]
    /// initialisations.
    pub interval: Option<(f64, f64)>,
    /// The least and the greatest of the depths at which some initialisations succeed and others do not; `None` where all
    /// agree at every depth.
    pub mixed: Option<(usize, usize)>,
}

/// Where one initialisation's frontier lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeedFrontier {
    /// Which initialisation, from 0.
    pub seed_index: usize,
    /// The greatest depth that was trained with success; 0 where none was.
    pub depth: usize,
    /// The next greater depth tried, which failed; `None` where none was.
    pub next: Option<usize>,
    /// How often success turns into failure or back on the way from the least depth tried to the greatest, beyond the one
    /// turn of a sharp frontier.
    pub reversals: usize,
}

/// On which side of what was tried a frontier lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// No depth tried was trained: it is below the least one.
    Shallower,
    /// All depths tried were trained, or the greatest one was: it is not above the greatest one.
    Deeper,
}

/// Resamples behind an interval.
const RESAMPLES: usize = 1000;

impl Frontier {
    /// Initialisations that it takes for a bootstrap interval to mean something.
    pub const RESAMPLED: usize = 5;

    /// Turns beyond those of sharp frontiers, over all initialisations.
    pub fn reversals(&self) -> usize {
        self.seeds.iter().map(|seed| seed.reversals).sum()
    }
}

impl SeedFrontier {
    /// Whether the frontier lies beyond what was tried.
    pub fn censored(&self) -> Option<Side> {
        match (self.depth, self.next) {
            (0, _) => Some(Side::Shallower),
            (_, None) => Some(Side::Deeper),
            _ => None,
        }
    }
}

/// The frontiers that `trainings` show, by recipe, `sigma_b2` and `sigma_w2`, all rising.
///
/// Depths that were not tried count by the frontier of their initialisation: those up to it as successes, others as
/// failures.
pub fn frontiers(trainings: &[TrainingRecord]) -> Vec<Frontier> {
    // Variances are not negative, so that their bits are in their order.
    let place = |record: &TrainingRecord| {
        (record.id.recipe, record.id.sigma_b2.to_bits(), record.id.sigma_w2.to_bits())
    };
    let mut places: BTreeMap<_, BTreeMap<usize, BTreeMap<usize, bool>>> = BTreeMap::new();
    for record in trainings {
        let seeds = places.entry(place(record)).or_default();
        let depths = seeds.entry(record.id.seed_index).or_default();
        depths.insert(record.id.depth, record.succeeded);
    }
    let frontier = |((recipe, b, w), seeds): ((usize, u64, u64), BTreeMap<_, _>)| {
        let tried: Vec<usize> = seeds.values().flat_map(BTreeMap::keys).copied().collect();
        let succeeded = |outcomes: &BTreeMap<usize, bool>, reach: usize, depth: usize| {
            outcomes.get(&depth).copied().unwrap_or(depth <= reach)
        };
        let found: Vec<SeedFrontier> = seeds
            .iter()
            .map(|(&seed_index, outcomes)| seed_frontier(seed_index, outcomes))
            .collect();
        let is_mixed = |depth: &usize| {
            let all = seeds.values().zip(&found);
            let successes =
                all.filter(|(outcomes, seed)| succeeded(outcomes, seed.depth, *depth)).count();
            (1..found.len()).contains(&successes)
        };
        let mixed: Vec<usize> = tried.into_iter().filter(is_mixed).collect();
        let mixed = mixed.iter().min().copied().zip(mixed.iter().max().copied());
        let mut sorted = found.clone();
        sorted.sort_by_key(|seed| (seed.depth, seed.next));
        let depths: Vec<f64> = sorted.iter().map(|seed| seed.depth as f64).collect();
        Frontier {
            sigma_w2: f64::from_bits(w),
            sigma_b2: f64::from_bits(b),
            recipe,
            depth: median(&depths),
            censored: [sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]]
                .iter()
                .find_map(SeedFrontier::censored),
            range: (depths[0], depths[depths.len() - 1]),
            interval: (depths.len() >= Frontier::RESAMPLED).then(|| bootstrap(&depths)),
            seeds: found,
            mixed,
        }
    };
    places.into_iter().map(frontier).collect()
}

fn seed_frontier(seed_index: usize, outcomes: &BTreeMap<usize, bool>) -> SeedFrontier {
    let depth =
        outcomes.iter().rev().find(|(_, succeeded)| **succeeded).map_or(0, |(depth, _)| *depth);
    let next = outcomes.range(depth + 1..).next().map(|(depth, _)| *depth);
    // A network of no layers counts as trained, so that failure at the least depth is a turn, too.
    let mut turns = 0;
    let mut before = true;
    for &succeeded in outcomes.values() {
        turns += usize::from(succeeded != before);
        before = succeeded;
    }
    let sharp = usize::from(!before);
    SeedFrontier { seed_index, depth, next, reversals: turns - sharp }
}

/// Of rising numbers, at least one.
fn median(sorted: &[f64]) -> f64 {
    f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
}

/// The 95% interval of the median of rising numbers, from resamples that are a function of their number alone.
fn bootstrap(sorted: &[f64]) -> (f64, f64) {
    let mut rng = StreamRng::new(sorted.len() as u64, 0);
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let mut drawn: Vec<f64> =
                sorted.iter().map(|_| sorted[rng.below(sorted.len() as u64) as usize]).collect();
            drawn.sort_by(f64::total_cmp);
            median(&drawn)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    let tail = RESAMPLES / 40;
    (medians[tail], medians[RESAMPLES - 1 - tail])
}

#[cfg(test)]
mod tests {
    use isobath_trainer::Outcome;

    use super::*;
    use isobath_experiment::TrainingId;

    /// Trainings of initialisations at one point: for each, its depths and whether they succeeded.
    fn trainings(sigma_w2: f64, seeds: &[&[(usize, bool)]]) -> Vec<TrainingRecord> {
        let one = |seed_index: usize, (depth, succeeded): (usize, bool)| TrainingRecord {
            id: TrainingId { sigma_w2, sigma_b2: 0.05, seed_index, depth, recipe: 0 },
            outcome: Outcome::Exhausted { step: 1 },
            accuracy: f64::from(u8::from(succeeded)),
            succeeded,
            evaluations: Vec::new(),
            losses: Vec::new(),
            seconds: 1.0,
            flops: 1,
        };
        let seeds = seeds.iter().enumerate();
        seeds.flat_map(|(seed, depths)| depths.iter().map(move |&pair| one(seed, pair))).collect()
    }

    fn frontier(seeds: &[&[(usize, bool)]]) -> Frontier {
        let [found] = &frontiers(&trainings(1.5, seeds))[..] else { panic!("one point") };
        found.clone()
    }

    #[test]
    fn the_median_over_initialisations_and_where_they_differ() {
        let found = frontier(&[
            &[(10, true), (20, true), (30, false)],
            &[(10, true), (20, false), (30, false)],
            &[(10, true), (20, true), (30, true), (40, false)],
        ]);
        assert_eq!((found.depth.to_bits(), found.censored), (20.0_f64.to_bits(), None));
        assert_eq!((found.range, found.mixed), ((10.0, 30.0), Some((20, 30))));
        let next: Vec<_> = found.seeds.iter().map(|seed| (seed.depth, seed.next)).collect();
        assert_eq!(next, [(20, Some(30)), (10, Some(20)), (30, Some(40))]);
        assert_eq!((found.reversals(), found.interval), (0, None));
    }

    #[test]
    fn initialisations_that_agree_have_no_mixed_depths() {
        let sharp: &[_] = &[(10, true), (20, false)];
        assert_eq!(frontier(&[sharp, sharp]).mixed, None);
    }

    #[test]
    fn a_frontier_beyond_what_was_tried_is_a_limit() {
        let found = frontier(&[&[(10, false), (20, false)]]);
        assert_eq!((found.depth.to_bits(), found.censored), (0, Some(Side::Shallower)));
        let found = frontier(&[&[(10, true), (20, true)]]);
        assert_eq!((found.depth as usize, found.censored), (20, Some(Side::Deeper)));
        // Two of three initialisations have their frontier inside.
        let inside: &[_] = &[(10, true), (20, false)];
        assert_eq!(frontier(&[&[(10, true), (20, true)], inside, inside]).censored, None);
    }

    #[test]
    fn an_island_of_success_counts_as_two_turns() {
        let found = frontier(&[&[(10, true), (20, false), (30, true), (40, false)]]);
        assert_eq!((found.seeds[0].depth, found.reversals()), (30, 2));
        assert_eq!(frontier(&[&[(10, false), (20, true), (30, false)]]).reversals(), 2);
        assert_eq!(frontier(&[&[(10, false), (20, false)]]).reversals(), 0);
        assert_eq!(frontier(&[&[(10, false), (20, true)]]).reversals(), 2);
    }

    #[test]
    fn depths_that_were_not_tried_count_by_the_frontier() {
        // A bisection of the first leaves out 10, of the second 30.
        let found = frontier(&[&[(20, true), (30, true), (40, false)], &[(10, true), (20, false)]]);
        assert_eq!(found.mixed, Some((20, 30)));
    }

    #[test]
    fn five_initialisations_give_an_interval_of_the_median() {
        let at = |depth: usize| [(depth, true), (depth + 10, false)];
        let seeds = [at(10), at(20), at(30), at(40), at(50)];
        let seeds: Vec<&[_]> = seeds.iter().map(|seed| &seed[..]).collect();
        let (low, high) = frontier(&seeds).interval.unwrap();
        assert!((10.0..30.0).contains(&low) && (30.1..=50.0).contains(&high), "{low} {high}");
        assert_eq!(frontier(&[seeds[2]; 5]).interval, Some((30.0, 30.0)));
    }

    #[test]
    fn points_rise() {
        let mut all = trainings(2.0, &[&[(10, true)]]);
        all.extend(trainings(0.5, &[&[(10, true)]]));
        let order: Vec<_> = frontiers(&all).iter().map(|found| found.sigma_w2).collect();
        assert_eq!(order, [0.5, 2.0]);
        assert!(frontiers(&[]).is_empty());
    }
}
