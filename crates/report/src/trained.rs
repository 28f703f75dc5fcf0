//! Sentences about training results.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    depth_words::network_depth,
    numbers::{depth, short, variance},
    places::weights_words,
    vocabulary::count,
};
use isobath_analysis::frontier::{PointFrontier, frontiers};
use isobath_analysis::spread::quantile;
use isobath_scoring::Side;
use isobath_store::RunRecord;

/// Describes the trainable depths, the sharpness of the frontier and the savings of the search. Empty without trainings.
pub(super) fn sentences(run: &RunRecord) -> Vec<String> {
    let all = frontiers(&run.trainings);
    let is_same = |a: &PointFrontier, b: &PointFrontier| {
        a.recipe == b.recipe && a.point.shares_slice(&b.point)
    };
    let slices = all.chunk_by(is_same);
    let mut sentences: Vec<String> =
        slices.map(|slice| reach(run, &slice.iter().collect::<Vec<_>>())).collect();
    if !sentences.is_empty() {
        sentences.extend(sharpness(run, &all));
        sentences.extend(savings(run));
    }
    sentences
}

/// Describes the trainable depths of one recipe in one slice. `points` is not empty.
fn reach(run: &RunRecord, points: &[&PointFrontier]) -> String {
    let recipe = run.recipes.get(points[0].recipe).map_or("", String::as_str);
    let success = run
        .success
        .map_or(String::new(), |accuracy| format!(" to an accuracy of {}", short(accuracy)));
    let point = points[0].point;
    let network = run.variant_name(point).map(|name| format!(" ({name})")).unwrap_or_default();
    let place = match run.scheme(point) {
        Some(scheme) if network.is_empty() => format!(" and {scheme} initialisation"),
        Some(_) => String::new(),
        None => format!(" at σ_b² = {}", variance(point.sigma_b2)),
    };
    let with = format!("With {recipe}{place}");
    let who = format!("{with}, networks of this family{network}");
    let tried = tried(run, points[0]);
    let by_range = |a: &&&PointFrontier, b: &&&PointFrontier| {
        let key = |found: &PointFrontier| (found.trained.range.1, found.trained.deepest_success);
        key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal)
    };
    let deepest = points.iter().max_by(by_range).unwrap_or(&points[0]);
    if deepest.trained.range.1 <= 0.0 {
        return format!("{who} train{success} at none of the depths tried ({tried}).");
    }
    let through: Vec<String> = points
        .iter()
        .filter(|found| is_through(found))
        .map(|found| variance(found.point.sigma_w2))
        .collect();
    let most = if through.is_empty() {
        let deepest = at(run, deepest);
        format!(
            "{with}, the deepest networks of this family{network} that train{success} have {deepest}"
        )
    } else if run.scheme(point).is_some() {
        format!("{who} train{success} at all depths tried")
    } else {
        format!("{who} train{success} at all depths tried at σ_w² = {}", through.join(", "))
    };
    let ends: Vec<String> = [points.first(), points.last()]
        .into_iter()
        .flatten()
        .filter(|found| !std::ptr::eq(**found, *deepest) && !is_through(found))
        .map(|found| at(run, found))
        .collect();
    let rest = if ends.is_empty() {
        String::new()
    } else {
        format!("; the frontier is {}", ends.join(" and "))
    };
    format!("{most}{rest}. Depths tried: {tried}.")
}

/// True if every initialisation succeeds at the greatest depth tried and none fails at a shallower one.
fn is_through(found: &PointFrontier) -> bool {
    let mut seeds = found.trained.seeds.iter();
    seeds.all(|seed| seed.censored() == Some(Side::Deeper) && seed.reversals == 0)
}

/// Depths with trainings of the recipe and slice of `point`: `4, 8 and 12`, or `14 depths from 4 to 40`.
fn tried(run: &RunRecord, point: &PointFrontier) -> String {
    let is_here = |id: &isobath_experiment::TrainingId| {
        id.recipe == point.recipe && id.point.shares_slice(&point.point)
    };
    let ids = run.trainings.iter().map(|training| training.id);
    listed(&ids.filter(is_here).map(|id| id.depth).collect())
}

/// `4, 8 and 12`, or `14 depths from 4 to 40`.
fn listed(depths: &BTreeSet<usize>) -> String {
    const LISTED: usize = 8;
    let names: Vec<String> = depths.iter().map(ToString::to_string).collect();
    match names.as_slice() {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [first, .., last] if names.len() > LISTED => {
            format!("{} depths from {first} to {last}", names.len())
        }
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Initialisations of `found` that fail at a shallower depth than one at which they succeed: ` (only at depth 9 of 3 and 9)`,
/// ` (2 of 3 seeds fail at a shallower depth)`. Empty if there are none.
fn failures_before(run: &RunRecord, found: &PointFrontier) -> String {
    let seeds = &found.trained.seeds;
    let reversed = seeds.iter().filter(|seed| seed.reversals > 0).count();
    match (reversed, seeds.len()) {
        (0, _) => String::new(),
        (_, 1) => {
            let here = run.trainings.iter().filter(|training| {
                (training.id.recipe, training.id.point) == (found.recipe, found.point)
            });
            let successes = here.clone().filter(|training| training.succeeded);
            let [all, succeeded]: [BTreeSet<usize>; 2] = [
                here.map(|training| training.id.depth).collect(),
                successes.map(|training| training.id.depth).collect(),
            ];
            let noun = if succeeded.len() == 1 { "depth" } else { "depths" };
            format!(" (only at {noun} {} of {})", listed(&succeeded), listed(&all))
        }
        (_, all) => format!(" ({reversed} of {} fail at a shallower depth)", count(all, "seed")),
    }
}

/// `42 weight layers at σ_w² = 1.76`, `36 to at least 50 weight layers over 3 seeds at σ_w² = 1.76`, `below the shallowest
/// depth tried at σ_w² = 0.5`; without the variance for initialisations with a scale of their own.
fn at(run: &RunRecord, found: &PointFrontier) -> String {
    let (low, high) = found.trained.range;
    let is_open = |seed: &isobath_scoring::SeedFrontier| seed.censored() == Some(Side::Deeper);
    let open = if found.trained.seeds.iter().any(is_open) { "at least " } else { "" };
    let place = match run.scheme(found.point) {
        Some(_) => String::new(),
        None => format!(" at {}", weights_words(run, found.point)),
    };
    if high <= 0.0 {
        return format!("below the shallowest depth tried{place}");
    }
    let place = place + &failures_before(run, found);
    let layers = |number| network_depth(run, number);
    let seeds = found.trained.seeds.len();
    if low <= 0.0 && high > low {
        let none = found.trained.seeds.iter().filter(|seed| seed.deepest_success == 0).count();
        let deepest = layers(high);
        return format!(
            "{open}{deepest}{place} (none of the depths tried succeeds for {none} of {seeds} seeds)"
        );
    }
    if high > low {
        let (low, high, seeds) = (depth(low), layers(high), count(seeds, "seed"));
        return format!("{low} to {open}{high} over {seeds}{place}");
    }
    format!("{open}{}{place}", layers(high))
}

/// Number of initialisations with trainings of more than one depth, without which no order of outcomes is seen.
fn searched(run: &RunRecord) -> usize {
    let mut depths: BTreeMap<_, BTreeSet<usize>> = BTreeMap::new();
    for id in run.trainings.iter().map(|training| training.id) {
        depths.entry((id.recipe, id.point, id.seed_index)).or_default().insert(id.depth);
    }
    depths.values().filter(|depths| depths.len() > 1).count()
}

/// Describes the sharpness of the frontier; `None` if no network succeeds or there is nothing to compare.
fn sharpness(run: &RunRecord, all: &[PointFrontier]) -> Option<String> {
    if all.iter().all(|found| found.trained.range.1 <= 0.0) {
        return None;
    }
    let seeds = all.iter().map(|found| found.trained.seeds.len()).max().unwrap_or(0);
    let reversed: usize =
        all.iter().flat_map(|found| &found.trained.seeds).filter(|seed| seed.reversals > 0).count();
    let searched = searched(run);
    let reversals = if searched == 0 {
        None
    } else if reversed == 0 {
        Some(format!(
            "no network succeeds deeper than one that fails, over {}",
            count(searched, "frontier")
        ))
    } else {
        Some(format!(
            "a network succeeds deeper than one that fails at {reversed} of {}",
            count(searched, "frontier")
        ))
    };
    if seeds == 1 {
        return reversals.map(|reversals| format!("With 1 seed per point, {reversals}."));
    }
    let reversals = reversals.map(|reversals| format!("; {reversals}")).unwrap_or_default();
    let mut widths: Vec<f64> =
        all.iter().map(|found| found.trained.range.1 - found.trained.range.0).collect();
    widths.sort_by(f64::total_cmp);
    Some(match quantile(&widths, 0.5) {
        Some(width) if width > 0.0 => format!(
            "With {seeds} seeds per point, the median range of the frontier over seeds is {}{reversals}.",
            network_depth(run, width)
        ),
        _ => {
            let agreed = widths.iter().filter(|&&width| width <= 0.0).count();
            format!(
                "The {seeds} seeds per point agree on the frontier at {agreed} of {}{reversals}.",
                count(all.len(), "point")
            )
        }
    })
}

/// Describes the trainings that the frontier search saved.
fn savings(run: &RunRecord) -> Option<String> {
    let ids = || run.trainings.iter().map(|training| training.id);
    let points: BTreeSet<_> = ids().map(|id| (id.recipe, id.point, id.seed_index)).collect();
    let (lattice, done) = (points.len() * run.train_depths.len(), run.trainings.len());
    (done < lattice).then(|| {
        let saved = lattice - done;
        format!(
            "The search took {} instead of the full grid's {lattice} ({:.0}% fewer).",
            count(done, "training"),
            100.0 * saved as f64 / lattice as f64
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_store::synthetic::{Options, run, train};

    /// Run whose seeds at each point train up to the given depths, over depths of 10 to 30.
    fn trained(points: &[(f64, &[usize])]) -> RunRecord {
        let sigma_w2 = points.iter().map(|(sigma_w2, _)| *sigma_w2).collect();
        let mut run = run(&Options { sigma_w2, ..Options::default() });
        train(&mut run, &[10, 20, 30], points);
        run
    }

    #[test]
    fn deepest_point_precedes_the_outermost_ones() {
        let run = trained(&[(0.5, &[0, 0]), (1.5, &[10, 20]), (3.0, &[10, 10])]);
        assert_eq!(
            sentences(&run),
            [
                "With sgd 0.1 at σ_b² = 0.05, the deepest networks of this family that train to an accuracy of 0.8 have 10 to \
                 20 weight layers over 2 seeds at σ_w² = 1.5; the frontier is below the shallowest depth tried at σ_w² = 0.5 and \
                 10 weight layers at σ_w² = 3. Depths tried: 10, 20 and 30.",
                "The 2 seeds per point agree on the frontier at 2 of 3 points; no network succeeds deeper than one that \
                 fails, over 6 frontiers.",
            ]
        );
    }

    #[test]
    fn frontiers_outside_the_tried_depths() {
        let found = sentences(&trained(&[(0.5, &[10]), (1.5, &[30]), (2.0, &[30])]));
        let expected = "at all depths tried at σ_w² = 1.5, 2; the frontier is 10 weight layers at σ_w² = 0.5. Depths tried: 10, \
                        20 and 30.";
        assert!(found[0].ends_with(expected), "{}", found[0]);
        let found = sentences(&trained(&[(0.5, &[0])]));
        assert!(found[0].ends_with("at none of the depths tried (10, 20 and 30)."), "{}", found[0]);
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn seeds_that_differ_give_a_range_and_no_depth_between() {
        // One seed succeeds at all depths, the other fails at the greatest.
        let found = sentences(&trained(&[(1.5, &[20, 30])]));
        let expected = "have 20 to at least 30 weight layers over 2 seeds at σ_w² = 1.5. Depths tried: 10, 20 and 30.";
        assert!(found[0].ends_with(expected), "{}", found[0]);
        // One seed succeeds once, the other never.
        let found = sentences(&trained(&[(1.5, &[0, 10])]));
        assert!(
            found[0].contains(
                "10 weight layers at σ_w² = 1.5 (none of the depths tried succeeds for 1 of 2 seeds)"
            ),
            "{}",
            found[0]
        );
    }

    #[test]
    fn success_behind_a_failure_is_not_success_at_all_depths() {
        let mut run = trained(&[(0.5, &[10]), (3.0, &[30])]);
        for training in &mut run.trainings {
            training.succeeded &= training.id.depth != 20;
        }
        let found = sentences(&run);
        assert!(!found[0].contains("all depths tried"), "{}", found[0]);
        let expected = "have at least 30 weight layers at σ_w² = 3 (only at depths 10 and 30 of 10, 20 and 30)";
        assert!(found[0].contains(expected), "{}", found[0]);
        assert!(found[1].contains("succeeds deeper than one that fails at 1 of 2 frontiers"));
    }

    #[test]
    fn one_depth_has_no_order_of_outcomes() {
        let one_depth = |seeds: &[usize]| {
            let mut run = trained(&[(1.5, seeds)]);
            run.trainings.retain(|training| training.id.depth == 10);
            run.train_depths = vec![10];
            sentences(&run)
        };
        assert_eq!(one_depth(&[10]).len(), 1);
        let found = one_depth(&[10, 10]);
        assert_eq!(found[1], "The 2 seeds per point agree on the frontier at 1 of 1 point.");
    }

    #[test]
    fn initialisation_with_its_own_scale_has_no_variance() {
        let mut run = trained(&[(1.0, &[20])]);
        run.variants[0].scheme = Some("glorot-uniform".into());
        let found = sentences(&run);
        assert!(
            found[0].starts_with("With sgd 0.1 and glorot-uniform initialisation,"),
            "{}",
            found[0]
        );
        assert!(found[0].contains("have 20 weight layers. Depths tried"), "{}", found[0]);
    }

    #[test]
    fn saved_trainings_are_counted() {
        let mut run = trained(&[(0.5, &[10, 10]), (1.5, &[30, 30])]);
        run.trainings
            .retain(|training| training.id.depth != 20 || training.id.point.sigma_w2 > 1.0);
        let found = sentences(&run);
        let expected = "The search took 10 trainings instead of the full grid's 12 (17% fewer).";
        assert_eq!(found.last().map(String::as_str), Some(expected));
    }

    #[test]
    fn no_sentences_without_trainings() {
        assert!(sentences(&run(&Options::default())).is_empty());
    }
}
