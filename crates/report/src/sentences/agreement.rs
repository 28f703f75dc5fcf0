//! Sentences about agreement: of rules with each other, and of measurements with mean-field theory.

use isobath_analysis::{
    points::{Point, Reach, Slice},
    theory_agreement::{Agreement, Line, Ratio, ordered_line},
};
use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_store::RunRecord;

use super::join;
use crate::{places::slice_words, vocabulary::count};

/// Names the pairs of estimator and rule whose cut-offs differ from the first pair's by more than two layers and more than
/// half of the smaller one. A cut-off beyond the network counts as the network's depth.
pub(super) fn disagreement(run: &RunRecord, slices: &[Slice<'_>]) -> Option<String> {
    let leading = (run.estimators[0], run.rules[0]);
    let layers = run.layers as f64;
    let depth = |point: &Point<'_>, (estimator, rule): (EstimatorSpec, CutoffRule)| match point
        .reach(estimator, rule, run.layers)
    {
        Reach::Measured { depth, .. } => Some(depth.mean),
        Reach::Beyond { .. } => Some(layers),
        Reach::Unknown { .. } => None,
    };
    let points = || slices.iter().flat_map(|slice| &slice.points);
    let comparable = |&(estimator, rule): &(EstimatorSpec, CutoffRule)| {
        (estimator, rule) != leading
            && rule.descriptor().is_scale == leading.1.descriptor().is_scale
    };
    let mut parts = Vec::new();
    for pair in run.pairs().into_iter().filter(comparable) {
        let both: Vec<(f64, f64)> =
            points().filter_map(|point| depth(point, leading).zip(depth(point, pair))).collect();
        let differs = |&&(a, b): &&(f64, f64)| (a - b).abs() > 2.0_f64.max(a.min(b) / 2.0);
        let different = both.iter().filter(differs).count();
        if different > 0 {
            let direction = match both.iter().filter(differs).filter(|(a, b)| b > a).count() {
                0 => "shallower".to_owned(),
                deeper if deeper == different => "deeper".to_owned(),
                deeper => format!("{deeper} deeper, the others shallower"),
            };
            parts.push(format!(
                "by {} ({}) at {different} of {} ({direction})",
                pair.0.descriptor().label,
                pair.1.words(),
                count(both.len(), "point")
            ));
        }
    }
    (!parts.is_empty()).then(|| {
        let (estimator, rule) = leading;
        format!(
            "These depths are by {} ({}). Other cut-offs differ from them by more than a half: {}.",
            estimator.descriptor().label,
            rule.words(),
            join(&parts)
        )
    })
}

/// Compares the measured depths with theory.
pub(super) fn theory(found: &Agreement, rule: CutoffRule) -> String {
    let scale = rule.descriptor().theory_symbol;
    let sides = [("ordered", found.ordered), ("chaotic", found.chaotic)];
    let sides: Vec<_> =
        sides.into_iter().filter_map(|(name, ratio)| Some((name, ratio?))).collect();
    let parts: Vec<String> = sides
        .iter()
        .map(|(name, ratio)| format!("on the {name} side {}", ratio_words(ratio, scale)))
        .collect();
    let expected = found.beyond_in_theory + found.lost_despite_theory;
    let outlast = if found.beyond + expected == 0 {
        String::new()
    } else {
        format!(
            "{}heory expects information to outlast the network at {}; it does at {} of them{}.",
            if found.bounds > 0 { "Lower bounds apart, t" } else { "T" },
            count(expected, "point"),
            found.beyond_in_theory,
            match found.beyond - found.beyond_in_theory {
                0 => String::new(),
                others => format!(", and at {others} of the others"),
            }
        )
    };
    let compared = if parts.is_empty() {
        String::new()
    } else {
        format!("Compared with mean-field theory: {}.", parts.join("; "))
    };
    [compared, outlast].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The line of depths against `xi_c` on the ordered side of each slice that has one.
pub(super) fn lines(
    run: &RunRecord,
    slices: &[Slice<'_>],
    estimator: EstimatorSpec,
    rule: CutoffRule,
) -> Option<String> {
    let words = |slice: &Slice<'_>| {
        let Line { points, intercept, slope } = ordered_line(slice, estimator, rule, run.layers)?;
        let place = if slices.len() > 1 {
            format!(", {}", slice_words(run, slice.points.first()?.id))
        } else {
            String::new()
        };
        Some(format!(
            "{:.2} ± {:.2} + ({:.3} ± {:.3}) ξ_c ({}{place})",
            intercept[0],
            intercept[1],
            slope[0],
            slope[1],
            count(points, "point")
        ))
    };
    let lines: Vec<String> = slices.iter().filter_map(words).collect();
    (!lines.is_empty()).then(|| {
        format!(
            "Least-squares line of the depths on the ordered side, with standard errors: {}.",
            join(&lines)
        )
    })
}

/// `measured depths are 1.02 × 6 ξ_c (interquartile range 1.01 to 1.03, 2 points), within 25% of theory`
fn ratio_words(ratio: &Ratio, scale: &str) -> String {
    let Ratio { points, median, low, high } = *ratio;
    let is_near = |ratio: &f64| (0.8..=1.25).contains(ratio);
    let agrees =
        if [low, median, high].iter().all(is_near) { ", within 25% of theory" } else { "" };
    match points {
        1 => format!("the measured depth is {median:.2} × {scale} (1 point){agrees}"),
        2..4 => {
            format!("the median measured depth is {median:.2} × {scale} ({points} points){agrees}")
        }
        _ => format!(
            "the median measured depth is {median:.2} × {scale} (interquartile range {low:.2} to {high:.2}, {points} \
             points){agrees}"
        ),
    }
}

/// Describes the growth of lengths where theory has no fixed point.
pub(super) fn growth(run: &RunRecord) -> Option<String> {
    let mut growths = run.theory.iter().filter_map(|record| record.growth.as_ref());
    let first = &growths.next()?.sentence;
    Some(match growths.count() {
        0 => format!("Mean-field theory: {first}."),
        others => {
            format!(
                "Mean-field theory has no fixed point at {} points; first: {first}.",
                others + 1
            )
        }
    })
}
