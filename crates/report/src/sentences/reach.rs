//! Sentences about the depth that information reaches.

use isobath_analysis::points::{Point, Reach, Slice};
use isobath_entropy::cutoff::CutoffRule;
use isobath_store::RunRecord;

use super::{all, join};
use crate::{
    depth_words::{profile_depth, profile_units},
    numbers::{depth, variance},
    places::weights_words,
    vocabulary::{capitalised, count},
};

/// Describes the depth that information reaches in the `index`-th slice.
pub(super) fn reach(run: &RunRecord, slice: &Slice<'_>, index: usize) -> String {
    let (estimator, rule) = (run.estimators[0], run.rules[0]);
    let who = if index == 0 || run.has_variants() {
        format!("networks of this family ({}; {})", run.network(slice.id()), run.dataset)
    } else {
        "they".into()
    };
    let family = if run.scheme(slice.id()).is_some() {
        capitalised(&who)
    } else {
        format!("At σ_b² = {}, {who}", variance(slice.sigma_b2))
    };
    let reaches: Vec<_> = slice
        .points
        .iter()
        .map(|point| (point, point.reach(estimator, rule, run.layers)))
        .collect();
    let is_beyond = |(point, reach): &(&Point<'_>, Reach)| {
        matches!(reach, Reach::Beyond { .. })
            && point.lost_without_saturation(estimator, rule, run.layers).is_none()
    };
    let beyond: Vec<_> = reaches.iter().map(is_beyond).collect();
    let measured: Vec<_> = reaches
        .iter()
        .filter_map(|(point, reach)| match reach {
            Reach::Measured { depth, .. } => {
                Some(Measured { point, depth: depth.mean, is_bound: reach.is_lower_bound() })
            }
            _ => None,
        })
        .collect();
    let partly: Vec<String> = reaches
        .iter()
        .zip(&beyond)
        .filter_map(|((point, reach), is_beyond)| match reach {
            Reach::Beyond { beyond, seeds } if *is_beyond && beyond < seeds => {
                Some(format!("{}for {beyond} of {seeds} seeds", place(run, point, "at ", " ")))
            }
            _ => None,
        })
        .collect();
    let partly = if partly.is_empty() { String::new() } else { format!(" ({})", join(&partly)) };
    let ranges = ranges(&slice.points, &beyond);
    let layers = if run.layers == 1 {
        format!("the only {}", profile_units(run)[0])
    } else {
        format!("all {}", profile_depth(run, run.layers as f64))
    };
    let outlast = if rule.descriptor().is_scale {
        format!("have a decay length beyond {}", profile_depth(run, run.layers as f64))
    } else {
        format!("keep information through {layers}")
    };
    match (ranges.is_empty(), measured.is_empty()) {
        (true, true) if reaches.iter().any(|(_, reach)| matches!(reach, Reach::Beyond { .. })) => {
            format!("{family} show no cut-off{}.", reason(&reaches))
        }
        (true, true) => match slice.points.iter().filter(|point| !point.cells.is_empty()).count() {
            0 => format!("{family} are not computed yet."),
            computed if computed < reaches.len() => format!(
                "{family} have no measurable cut-off at the {computed} of {} computed so far{}.",
                count(reaches.len(), "point"),
                reason(&reaches)
            ),
            computed => format!(
                "{family} have no measurable cut-off at {}{}.",
                all(computed, "point"),
                reason(&reaches)
            ),
        },
        (true, false) => format!("{family} {}.", deepest(run, &measured, rule)),
        (false, false) => {
            let all: Vec<&Measured<'_>> = measured.iter().collect();
            format!("{family} {outlast} for σ_w² = {ranges}{partly}{}.", ends(run, &all, rule))
        }
        (false, true) => {
            let at = if run.scheme(slice.id()).is_some() {
                String::new()
            } else if beyond.iter().all(|beyond| *beyond) {
                format!(" at {}", all(beyond.len(), "point"))
            } else {
                format!(" at σ_w² = {ranges}")
            };
            format!("{family} {outlast}{at}{partly}; {}.", observed(&reaches))
        }
    }
}

/// Number of initialisations with a cut-off at points of which most have none.
fn observed(reaches: &[(&Point<'_>, Reach)]) -> String {
    let counts = reaches.iter().filter_map(|(_, reach)| match reach {
        Reach::Beyond { beyond, seeds } => Some((seeds - beyond, *seeds)),
        Reach::Measured { .. } | Reach::Unknown { .. } => None,
    });
    match counts.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1)) {
        (0, _) => "no cut-off was observed, so only a deeper network can show it".to_owned(),
        (found, all) => format!("a cut-off was observed for {found} of {all} initialisations"),
    }
}

/// `at σ_w² = 1.5` between `before` and `after`; empty for initialisations with a scale of their own.
fn place(run: &RunRecord, point: &Point<'_>, before: &str, after: &str) -> String {
    match run.scheme(point.id) {
        Some(_) => String::new(),
        None => format!("{before}{}{after}", weights_words(run, point.id)),
    }
}

/// `at σ_w² = 1.4 to 2.1 and 2.5`: the points that are `chosen`; `with pytorch initialisation` for one with a scale of its
/// own.
pub(super) fn at_places(run: &RunRecord, slice: &Slice<'_>, chosen: &[bool]) -> String {
    match run.scheme(slice.id()) {
        Some(scheme) => format!("with {scheme} initialisation"),
        None => format!("at σ_w² = {}", ranges(&slice.points, chosen)),
    }
}

/// Names points without a cut-off although 95% of the variance is lost.
pub(super) fn unsaturated(run: &RunRecord, slice: &Slice<'_>) -> Option<String> {
    let (estimator, rule) = (run.estimators[0], run.rules[0]);
    let lost = |point: &Point<'_>| point.lost_without_saturation(estimator, rule, run.layers);
    let lost: Vec<_> = slice.points.iter().map(lost).collect();
    let first = lost.iter().flatten().min()?;
    let last = lost.iter().flatten().max()?;
    let layers = if first == last { first.to_string() } else { format!("{first} to {last}") };
    let places = at_places(run, slice, &lost.iter().map(Option::is_some).collect::<Vec<_>>());
    let unit = profile_units(run)[0];
    Some(format!(
        "A missing cut-off {places} does not mean that information survives: 95% of the variance is lost by \
         {unit} {layers}, but the profile never saturates."
    ))
}

/// A point with a cut-off.
struct Measured<'a> {
    point: &'a Point<'a>,
    depth: f64,
    /// True if the cut-off is a lower bound.
    is_bound: bool,
}

/// Names the point with the greatest depth, if none reaches the last layer.
fn deepest(run: &RunRecord, measured: &[Measured<'_>], rule: CutoffRule) -> String {
    let Some(deepest) = measured.iter().max_by(|a, b| a.depth.total_cmp(&b.depth)) else {
        return String::new();
    };
    let others: Vec<&Measured<'_>> = [measured.first(), measured.last()]
        .into_iter()
        .flatten()
        .filter(|one| !std::ptr::eq(*one, deepest))
        .collect();
    let rest = ends(run, &others, rule);
    let (reached, unit) = (depth(deepest.depth), profile_units(run)[0]);
    let place = place(run, deepest.point, " (at ", ")");
    // One point has no deepest one.
    let is_only = measured.len() == 1;
    if rule.descriptor().is_scale {
        let limit = match (deepest.is_bound, is_only) {
            (true, _) => "at least ",
            (false, true) => "",
            (false, false) => "at most ",
        };
        let length = profile_depth(run, deepest.depth);
        return format!("have a decay length of {limit}{length}{place}{rest}");
    }
    let layers = run.layers;
    if deepest.is_bound {
        return format!(
            "keep information at least down to {unit} {reached} of {layers}{place}{rest}"
        );
    }
    let limit = if is_only { "" } else { " at most" };
    format!("keep information down to {unit} {reached} of {layers}{limit}{place}{rest}")
}

/// Describes the outermost measured points: `; it is lost by layer 5 at σ_w² = 0.1 and by layer 22 at σ_w² = 4`.
fn ends(run: &RunRecord, measured: &[&Measured<'_>], rule: CutoffRule) -> String {
    let (Some(first), Some(last)) = (measured.first(), measured.last()) else {
        return String::new();
    };
    let (is_scale, unit) = (rule.descriptor().is_scale, profile_units(run)[0]);
    let one = |&Measured { point, depth: ref reached, ref is_bound }: &Measured<'_>| {
        let reached = match *reached {
            reached if is_scale && *is_bound => format!("at least {}", profile_depth(run, reached)),
            reached if is_scale => profile_depth(run, reached),
            reached if *is_bound => format!("only after {unit} {}", depth(reached)),
            reached if reached <= 0.0 => format!("before {unit} 1"),
            reached => format!("by {unit} {}", depth(reached)),
        };
        format!("{reached}{}", place(run, point, " at ", ""))
    };
    let both =
        if measured.len() == 1 { one(first) } else { format!("{} and {}", one(first), one(last)) };
    if is_scale { format!("; it is {both}") } else { format!("; it is lost {both}") }
}

/// The runs of neighbouring points that are `beyond`: `1.4 to 2.1 and 2.5`.
pub(super) fn ranges(points: &[Point<'_>], beyond: &[bool]) -> String {
    let mut ranges: Vec<String> = Vec::new();
    let mut start = None;
    for (index, is_beyond) in beyond.iter().chain([&false]).enumerate() {
        match (start, *is_beyond) {
            (None, true) => start = Some(index),
            (Some(first), false) => {
                let (from, to) =
                    (variance(points[first].id.sigma_w2), variance(points[index - 1].id.sigma_w2));
                ranges.push(if first + 1 == index { from } else { format!("{from} to {to}") });
                start = None;
            }
            _ => {}
        }
    }
    join(&ranges)
}

fn reason(reaches: &[(&Point<'_>, Reach)]) -> String {
    let note = reaches.iter().find_map(|(_, reach)| match reach {
        Reach::Unknown { note } => note.as_deref(),
        _ => None,
    });
    note.map(|note| format!(". First reason: {note}")).unwrap_or_default()
}
