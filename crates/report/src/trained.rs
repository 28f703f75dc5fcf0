//! What training showed, in words.

use std::collections::BTreeSet;

use super::{
    numbers::{depth, short, variance},
    vocabulary::count,
};
use isobath_analysis::frontier::{PointFrontier, frontiers};
use isobath_analysis::spread::quantile;
use isobath_scoring::Side;
use isobath_store::RunRecord;

/// What was trained down to which depth, how sharp the frontier is, and what the search saved; nothing where nothing was
/// trained.
pub(super) fn sentences(run: &RunRecord) -> Vec<String> {
    let all = frontiers(&run.trainings);
    let is_same = |a: &PointFrontier, b: &PointFrontier| {
        a.recipe == b.recipe && a.point.shares_slice(&b.point)
    };
    let slices = all.chunk_by(is_same);
    let mut said: Vec<String> =
        slices.map(|slice| reach(run, &slice.iter().collect::<Vec<_>>())).collect();
    if !said.is_empty() {
        said.push(sharpness(&all));
        said.extend(savings(run));
    }
    said
}

/// How deep networks of one recipe and one `sigma_b2` can be trained; `points` are at least one.
fn reach(run: &RunRecord, points: &[&PointFrontier]) -> String {
    let recipe = run.recipes.get(points[0].recipe).map_or("", String::as_str);
    let success = run
        .success
        .map_or(String::new(), |accuracy| format!(" to an accuracy of {}", short(accuracy)));
    let who = format!(
        "Trained by {recipe}{success} at σ_b² = {}, networks of this family",
        variance(points[0].point.sigma_b2)
    );
    let deepest = points
        .iter()
        .max_by(|a, b| a.trained.deepest_success.total_cmp(&b.trained.deepest_success))
        .unwrap_or(&points[0]);
    if deepest.trained.censored == Some(Side::Shallower) {
        return format!("{who} succeed at none of the depths tried.");
    }
    let beyond: Vec<String> = points
        .iter()
        .filter(|found| found.trained.censored == Some(Side::Deeper))
        .map(|found| variance(found.point.sigma_w2))
        .collect();
    let most = if beyond.is_empty() {
        format!("succeed down to {}", at(deepest))
    } else {
        format!(
            "succeed down to all depths tried, {}, at σ_w² = {}",
            layers(deepest.trained.deepest_success),
            beyond.join(", ")
        )
    };
    let ends: Vec<String> = [points.first(), points.last()]
        .into_iter()
        .flatten()
        .filter(|found| {
            !std::ptr::eq(**found, *deepest) && found.trained.censored != Some(Side::Deeper)
        })
        .map(|found| at(found))
        .collect();
    let rest = if ends.is_empty() { String::new() } else { format!(", to {}", ends.join(" and ")) };
    format!("{who} {most}{rest}.")
}

/// `42 layers at σ_w² = 1.76 (36 to 50 by seed)`
fn at(found: &PointFrontier) -> String {
    let (low, high) = found.trained.range;
    let spread = if high > low {
        format!(" ({} to {} by seed)", depth(low), depth(high))
    } else {
        String::new()
    };
    let reach = match found.trained.censored {
        Some(Side::Shallower) => "no depth tried".to_owned(),
        _ => layers(found.trained.deepest_success),
    };
    format!("{reach} at σ_w² = {}{spread}", variance(found.point.sigma_w2))
}

fn layers(number: f64) -> String {
    if depth(number) == "1" { "1 layer".into() } else { format!("{} layers", depth(number)) }
}

/// How sharp the frontier is.
fn sharpness(all: &[PointFrontier]) -> String {
    let seeds = all.iter().map(|found| found.trained.seeds.len()).max().unwrap_or(0);
    let turned: usize =
        all.iter().flat_map(|found| &found.trained.seeds).filter(|seed| seed.reversals > 0).count();
    let searched: usize = all.iter().map(|found| found.trained.seeds.len()).sum();
    let turns = if turned == 0 {
        format!(
            "no network succeeds below one that fails, for any of {}",
            count(searched, "frontier")
        )
    } else {
        format!(
            "at {turned} of {} a network succeeds although a shallower one fails",
            count(searched, "frontier")
        )
    };
    let mut widths: Vec<f64> =
        all.iter().map(|found| found.trained.range.1 - found.trained.range.0).collect();
    widths.sort_by(f64::total_cmp);
    match quantile(&widths, 0.5) {
        _ if seeds == 1 => format!("With 1 seed for each point, {turns}."),
        Some(width) if width > 0.0 => format!(
            "The frontiers of the {seeds} seeds of a point lie {} apart at the median; {turns}.",
            layers(width)
        ),
        _ => {
            let agreed = widths.iter().filter(|&&width| width <= 0.0).count();
            format!(
                "The {seeds} seeds of a point have the same frontier at {agreed} of {}; {turns}.",
                count(all.len(), "point")
            )
        }
    }
}

/// What the search for the frontier saved.
fn savings(run: &RunRecord) -> Option<String> {
    let ids = || run.trainings.iter().map(|training| training.id);
    let points: BTreeSet<_> = ids().map(|id| (id.recipe, id.point, id.seed_index)).collect();
    let (lattice, done) = (points.len() * run.train_depths.len(), run.trainings.len());
    (done < lattice).then(|| {
        let saved = lattice - done;
        format!(
            "The search took {} where a full grid takes {lattice}: {:.0}% less.",
            count(done, "training"),
            100.0 * saved as f64 / lattice as f64
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_store::synthetic::{Options, run, train};

    /// A run of seeds at each point that succeed down to a depth each, over depths of 10 to 30.
    fn trained(points: &[(f64, &[usize])]) -> RunRecord {
        let sigma_w2 = points.iter().map(|(sigma_w2, _)| *sigma_w2).collect();
        let mut run = run(&Options { sigma_w2, ..Options::default() });
        train(&mut run, &[10, 20, 30], points);
        run
    }

    #[test]
    fn the_deepest_point_comes_first_and_the_ends_after_it() {
        let run = trained(&[(0.5, &[0, 0]), (1.5, &[10, 20]), (3.0, &[10, 10])]);
        assert_eq!(
            sentences(&run),
            [
                "Trained by sgd 0.1 to an accuracy of 0.8 at σ_b² = 0.05, networks of this family succeed down to 15 \
                 layers at σ_w² = 1.5 (10 to 20 by seed), to no depth tried at σ_w² = 0.5 and 10 layers at σ_w² = 3.",
                "The 2 seeds of a point have the same frontier at 2 of 3 points; no network succeeds below one that fails, \
                 for any of 6 frontiers.",
            ]
        );
    }

    #[test]
    fn a_frontier_beyond_what_was_tried_is_said_to_be() {
        let said = sentences(&trained(&[(0.5, &[10]), (1.5, &[30]), (2.0, &[30])]));
        let expected = "succeed down to all depths tried, 30 layers, at σ_w² = 1.5, 2, to 10 layers at σ_w² = 0.5.";
        assert!(said[0].ends_with(expected), "{}", said[0]);
        let said = sentences(&trained(&[(0.5, &[0])]));
        assert!(said[0].ends_with("succeed at none of the depths tried."), "{}", said[0]);
        assert!(said[1].starts_with("With 1 seed"), "{}", said[1]);
    }

    #[test]
    fn trainings_left_out_are_counted() {
        let mut run = trained(&[(0.5, &[10, 10]), (1.5, &[30, 30])]);
        run.trainings
            .retain(|training| training.id.depth != 20 || training.id.point.sigma_w2 > 1.0);
        let said = sentences(&run);
        let expected = "The search took 10 trainings where a full grid takes 12: 17% less.";
        assert_eq!(said.last().map(String::as_str), Some(expected));
    }

    #[test]
    fn nothing_is_said_where_nothing_was_trained() {
        assert!(sentences(&run(&Options::default())).is_empty());
    }
}
