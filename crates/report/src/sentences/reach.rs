//! Sentences about the depth that information reaches.

use isobath_analysis::points::{Point, Reach, Slice};
use isobath_entropy::cutoff::CutoffRule;
use isobath_store::RunRecord;

use super::{all, count_layers, join};
use crate::{
    numbers::{depth, variance},
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
                let place = variance(point.id.sigma_w2);
                Some(format!("at σ_w² = {place} for {beyond} of {seeds} seeds"))
            }
            _ => None,
        })
        .collect();
    let partly = if partly.is_empty() { String::new() } else { format!(" ({})", join(&partly)) };
    let ranges = ranges(&slice.points, &beyond);
    let layers = if run.layers == 1 {
        "the only layer".into()
    } else {
        format!("all {} layers", run.layers)
    };
    let outlast = if rule.descriptor().is_scale {
        format!("have a decay length beyond {}", count(run.layers, "layer"))
    } else {
        format!("keep information through {layers}")
    };
    match (ranges.is_empty(), measured.is_empty()) {
        (true, true) if reaches.iter().any(|(_, reach)| matches!(reach, Reach::Beyond { .. })) => {
            format!("{family} show no cut-off{}.", reason(&reaches))
        }
        (true, true) => format!(
            "{family} have no measurable cut-off at {}{}.",
            all(reaches.len(), "point"),
            reason(&reaches)
        ),
        (true, false) => format!("{family} {}.", deepest(run, &measured, rule)),
        (false, false) => {
            format!("{family} {outlast} for σ_w² = {ranges}{partly}{}.", ends(&measured, rule))
        }
        (false, true) => {
            let at = if beyond.iter().all(|beyond| *beyond) {
                all(beyond.len(), "point")
            } else {
                format!("σ_w² = {ranges}")
            };
            format!(
                "{family} {outlast} at {at}{partly}; no cut-off was observed, so only a deeper network can show it."
            )
        }
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
    let places = ranges(&slice.points, &lost.iter().map(Option::is_some).collect::<Vec<_>>());
    Some(format!(
        "A missing cut-off at σ_w² = {places} does not mean that information survives: 95% of the variance is lost by \
         layer {layers}, but the profile never saturates."
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
    let rest = if measured.len() > 1 { ends(measured, rule) } else { String::new() };
    let (reached, place) = (depth(deepest.depth), variance(deepest.point.id.sigma_w2));
    if rule.descriptor().is_scale {
        let limit = if deepest.is_bound { "at least" } else { "at most" };
        return format!(
            "have a decay length of {limit} {reached} layers (at σ_w² = {place}){rest}"
        );
    }
    let layers = run.layers;
    if deepest.is_bound {
        return format!(
            "keep information at least down to layer {reached} of {layers} (at σ_w² = {place}){rest}"
        );
    }
    format!(
        "keep information down to layer {reached} of {layers} at most (at σ_w² = {place}){rest}"
    )
}

/// Describes the outermost measured points: `; it is lost by layer 5 at σ_w² = 0.1 and by layer 22 at σ_w² = 4`.
fn ends(measured: &[Measured<'_>], rule: CutoffRule) -> String {
    let (Some(first), Some(last)) = (measured.first(), measured.last()) else {
        return String::new();
    };
    let is_scale = rule.descriptor().is_scale;
    let one = |Measured { point, depth: reached, is_bound }: &Measured<'_>| {
        let reached = match *reached {
            reached if is_scale && *is_bound => format!("at least {}", count_layers(reached)),
            reached if is_scale => count_layers(reached),
            reached if *is_bound => format!("not before layer {}", depth(reached)),
            reached if reached <= 0.0 => "before layer 1".into(),
            reached => format!("by layer {}", depth(reached)),
        };
        format!("{reached} at σ_w² = {}", variance(point.id.sigma_w2))
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
