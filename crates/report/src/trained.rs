//! Sentences about training results.

use std::collections::BTreeSet;

use super::{
    numbers::{depth, short, variance},
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
        sentences.extend(sharpness(&all));
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
    let is_through = |found: &PointFrontier| {
        found.trained.seeds.iter().all(|seed| seed.censored() == Some(Side::Deeper))
    };
    let through: Vec<String> = points
        .iter()
        .filter(|found| is_through(found))
        .map(|found| variance(found.point.sigma_w2))
        .collect();
    let most = if through.is_empty() {
        let deepest = at(deepest);
        format!(
            "{with}, the deepest networks of this family{network} that train{success} have {deepest}"
        )
    } else {
        format!("{who} train{success} at all depths tried at σ_w² = {}", through.join(", "))
    };
    let ends: Vec<String> = [points.first(), points.last()]
        .into_iter()
        .flatten()
        .filter(|found| !std::ptr::eq(**found, *deepest) && !is_through(found))
        .map(|found| at(found))
        .collect();
    let rest = if ends.is_empty() {
        String::new()
    } else {
        format!("; the frontier is {}", ends.join(" and "))
    };
    format!("{most}{rest}. Depths tried: {tried}.")
}

/// Depths with trainings of the recipe and slice of `point`: `4, 8 and 12`, or `14 depths from 4 to 40`.
fn tried(run: &RunRecord, point: &PointFrontier) -> String {
    const LISTED: usize = 8;
    let is_here = |id: &isobath_experiment::TrainingId| {
        id.recipe == point.recipe && id.point.shares_slice(&point.point)
    };
    let ids = run.trainings.iter().map(|training| training.id);
    let depths: BTreeSet<usize> = ids.filter(is_here).map(|id| id.depth).collect();
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

/// `42 layers at σ_w² = 1.76`, `36 to at least 50 layers over 3 seeds at σ_w² = 1.76`, `below the shallowest depth tried at
/// σ_w² = 0.5`
fn at(found: &PointFrontier) -> String {
    let (low, high) = found.trained.range;
    let is_open = |seed: &isobath_scoring::SeedFrontier| seed.censored() == Some(Side::Deeper);
    let open = if found.trained.seeds.iter().any(is_open) { "at least " } else { "" };
    let place = format!("at σ_w² = {}", variance(found.point.sigma_w2));
    if high <= 0.0 {
        return format!("below the shallowest depth tried {place}");
    }
    let seeds = found.trained.seeds.len();
    if low <= 0.0 && high > low {
        let none = found.trained.seeds.iter().filter(|seed| seed.deepest_success == 0).count();
        let deepest = layers(high);
        return format!(
            "{open}{deepest} {place} (none of the depths tried succeeds for {none} of {seeds} seeds)"
        );
    }
    if high > low {
        let (low, high, seeds) = (depth(low), layers(high), count(seeds, "seed"));
        return format!("{low} to {open}{high} over {seeds} {place}");
    }
    format!("{open}{} {place}", layers(high))
}

fn layers(number: f64) -> String {
    if depth(number) == "1" { "1 layer".into() } else { format!("{} layers", depth(number)) }
}

/// Describes the sharpness of the frontier; `None` if no network succeeds.
fn sharpness(all: &[PointFrontier]) -> Option<String> {
    if all.iter().all(|found| found.trained.range.1 <= 0.0) {
        return None;
    }
    let seeds = all.iter().map(|found| found.trained.seeds.len()).max().unwrap_or(0);
    let reversed: usize =
        all.iter().flat_map(|found| &found.trained.seeds).filter(|seed| seed.reversals > 0).count();
    let searched: usize = all.iter().map(|found| found.trained.seeds.len()).sum();
    let reversals = if reversed == 0 {
        format!(
            "no network succeeds deeper than one that fails, over {}",
            count(searched, "frontier")
        )
    } else {
        format!(
            "a network succeeds deeper than one that fails at {reversed} of {}",
            count(searched, "frontier")
        )
    };
    let mut widths: Vec<f64> =
        all.iter().map(|found| found.trained.range.1 - found.trained.range.0).collect();
    widths.sort_by(f64::total_cmp);
    Some(match quantile(&widths, 0.5) {
        _ if seeds == 1 => format!("With 1 seed per point, {reversals}."),
        Some(width) if width > 0.0 => format!(
            "With {seeds} seeds per point, the median range of the frontier over seeds is {}; {reversals}.",
            layers(width)
        ),
        _ => {
            let agreed = widths.iter().filter(|&&width| width <= 0.0).count();
            format!(
                "The {seeds} seeds per point agree on the frontier at {agreed} of {}; {reversals}.",
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
                 20 layers over 2 seeds at σ_w² = 1.5; the frontier is below the shallowest depth tried at σ_w² = 0.5 and \
                 10 layers at σ_w² = 3. Depths tried: 10, 20 and 30.",
                "The 2 seeds per point agree on the frontier at 2 of 3 points; no network succeeds deeper than one that \
                 fails, over 6 frontiers.",
            ]
        );
    }

    #[test]
    fn frontiers_outside_the_tried_depths() {
        let found = sentences(&trained(&[(0.5, &[10]), (1.5, &[30]), (2.0, &[30])]));
        let expected = "at all depths tried at σ_w² = 1.5, 2; the frontier is 10 layers at σ_w² = 0.5. Depths tried: 10, \
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
        let expected = "have 20 to at least 30 layers over 2 seeds at σ_w² = 1.5. Depths tried: 10, 20 and 30.";
        assert!(found[0].ends_with(expected), "{}", found[0]);
        // One seed succeeds once, the other never.
        let found = sentences(&trained(&[(1.5, &[0, 10])]));
        assert!(
            found[0].contains(
                "10 layers at σ_w² = 1.5 (none of the depths tried succeeds for 1 of 2 seeds)"
            ),
            "{}",
            found[0]
        );
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
