//! Verdict sentences of a run.

use super::{
    numbers::{depth, variance},
    trained,
    vocabulary::{count, depth_bars},
};
use isobath_analysis::points::{Point, Reach, Slice, slices};
use isobath_analysis::spread::quantile;
use isobath_analysis::theory_agreement::{Agreement, Ratio, agreement};
use isobath_entropy::{EstimatorSpec, conclusion::LOST, cutoff::CutoffRule};
use isobath_store::RunRecord;

/// Verdict sentences of a run: the variances at which networks of this family keep information to this depth, the
/// agreement with theory, and the uncertainty.
///
/// Training results come first, if any. The other sentences use the experiment's first estimator and first rule, and
/// say so if there is no result.
pub fn verdict_sentences(run: &RunRecord) -> Vec<String> {
    [trained::sentences(run), cascade_sentences(run)].concat()
}

fn cascade_sentences(run: &RunRecord) -> Vec<String> {
    let (Some(&estimator), Some(&rule)) = (run.estimators.first(), run.rules.first()) else {
        return vec!["No result: the experiment names no estimator or no cut-off rule.".into()];
    };
    if run.cells.is_empty() {
        return vec![format!(
            "No results yet: 0 of {} computed.",
            count(run.cells_planned, "cell")
        )];
    }
    if let Some(failure) = all_failed(run) {
        return vec![failure];
    }
    if let Some(sentence) = lost_at_first_layer(run, estimator, rule) {
        return vec![sentence];
    }
    let slices = slices(run);
    let describe = |(index, slice)| {
        [
            Some(reach(run, slice, index)),
            unsaturated(run, slice),
            unconverged(run, slice),
            undecoded(run, slice),
        ]
    };
    let mut sentences: Vec<_> = slices.iter().enumerate().flat_map(describe).flatten().collect();
    sentences.extend(disagreement(run, &slices));
    let compared = theory(&agreement(&slices, estimator, rule, run.layers), rule);
    sentences.extend(Some(compared).filter(|text| !text.is_empty()));
    let growths: Vec<&str> =
        run.theory.iter().filter_map(|record| record.growth.as_deref()).collect();
    match growths.as_slice() {
        [] => {}
        [only] => sentences.push(format!("Mean-field theory: {only}.")),
        [first, ..] => {
            let points = count(growths.len(), "point");
            sentences
                .push(format!("Mean-field theory has no fixed point at {points}; first: {first}."));
        }
    }
    sentences.push(certainty(run, &slices, estimator, rule));
    sentences
}

fn all_failed(run: &RunRecord) -> Option<String> {
    let failures: Vec<_> =
        run.cells.iter().filter_map(|record| record.failure.as_deref()).collect();
    let first = failures.first().filter(|_| failures.len() == run.cells.len())?;
    Some(format!("No result: {} failed. First error: {first}.", all(failures.len(), "cell")))
}

/// Explains a run in which every reconstruction fails at the first layer. The decoders are at fault, because one random
/// layer loses little.
fn lost_at_first_layer(
    run: &RunRecord,
    estimator: EstimatorSpec,
    rule: CutoffRule,
) -> Option<String> {
    let cutoffs = run.cells.iter().flat_map(|cell| &cell.cutoffs);
    let mut leading =
        cutoffs.filter(|cutoff| cutoff.estimator == estimator && cutoff.rule == rule).peekable();
    leading.peek()?;
    let lost =
        leading.all(|cutoff| cutoff.depth.is_some_and(|depth| depth < 1.0) && !cutoff.beyond);
    if !lost {
        return None;
    }
    let steps =
        run.cells.iter().flat_map(|cell| &cell.fits).map(|fit| fit.steps).max().unwrap_or(0);
    let mut best: Vec<f64> = run.cells.iter().filter_map(|cell| cell.linear_error).collect();
    best.sort_by(f64::total_cmp);
    // Ridge decoders have a noise of their own, which is a reason to be named first.
    if let Some(&least) = best.first().filter(|least| steps > 0 && **least >= LOST) {
        return Some(format!(
            "In every cell the information is lost in the first layer: even its best linear decoder has a reconstruction \
             error of {least:.2} or more (1 is the mean image). Wider layers or a larger σ_w² keep more."
        ));
    }
    let reason = if steps == 0 {
        "The ridge decoders assume too much noise or have too few samples; lower `noise` or raise `max_samples`.".into()
    } else {
        format!(
            "The decoders trained for only {}; use more training samples or epochs, smaller minibatches, or another \
             learning rate.",
            count(steps, "step")
        )
    };
    Some(format!(
        "No conclusion about these networks: in every cell, reconstruction already fails at the first layer. {reason}"
    ))
}

/// Describes the depth that information reaches in the `index`-th slice.
fn reach(run: &RunRecord, slice: &Slice<'_>, index: usize) -> String {
    let (estimator, rule) = (run.estimators[0], run.rules[0]);
    let who = if index == 0 {
        format!("networks of this family ({}; {})", run.network, run.dataset)
    } else {
        "they".into()
    };
    let family = format!("At σ_b² = {}, {who}", variance(slice.sigma_b2));
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
fn unsaturated(run: &RunRecord, slice: &Slice<'_>) -> Option<String> {
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

/// Names points whose cut-off is a lower bound, because their decoders have not converged.
fn unconverged(run: &RunRecord, slice: &Slice<'_>) -> Option<String> {
    let (estimator, rule) = (run.estimators[0], run.rules[0]);
    let is_bound = |point: &Point<'_>| point.reach(estimator, rule, run.layers).is_lower_bound();
    let bounds: Vec<bool> = slice.points.iter().map(is_bound).collect();
    bounds.contains(&true).then(|| {
        format!(
            "At σ_w² = {} the cut-offs are lower bounds: half of the decoders' steps give much smaller ones, so more \
             training may deepen them. Use more training samples or epochs, or smaller minibatches.",
            ranges(&slice.points, &bounds)
        )
    })
}

/// Names points without a cut-off because their first layer was not decoded.
fn undecoded(run: &RunRecord, slice: &Slice<'_>) -> Option<String> {
    let (estimator, rule) = (run.estimators[0], run.rules[0]);
    let reach = |point: &Point<'_>| point.reach(estimator, rule, run.layers);
    let is_missing = |point: &Point<'_>| {
        !point.cells.is_empty() && matches!(reach(point), Reach::Unknown { .. })
    };
    let missing: Vec<bool> = slice.points.iter().map(is_missing).collect();
    // Without any result, the first sentence names the reason.
    if !missing.contains(&true) || !missing.contains(&false) {
        return None;
    }
    let first = slice.points.iter().find(|point| is_missing(point)).map(reach)?;
    let Reach::Unknown { note } = first else { return None };
    let reason = note.map(|note| format!(": {note}")).unwrap_or_default();
    Some(format!("No cut-off at σ_w² = {}{reason}.", ranges(&slice.points, &missing)))
}

/// Names the pairs of estimator and rule whose cut-offs differ from the first pair's by more than two layers and more than
/// half of the smaller one. A cut-off beyond the network counts as the network's depth.
fn disagreement(run: &RunRecord, slices: &[Slice<'_>]) -> Option<String> {
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
fn ranges(points: &[Point<'_>], beyond: &[bool]) -> String {
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

/// Compares the measured depths with theory.
fn theory(found: &Agreement, rule: CutoffRule) -> String {
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
            "Theory expects information to outlast the network at {}; it does at {} of them{}.",
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

/// `measured depths are 1.02 × 6 ξ_c (interquartile range 1.01 to 1.03, 2 points), within 25% of theory`
fn ratio_words(ratio: &Ratio, scale: &str) -> String {
    let Ratio { points, median, low, high } = *ratio;
    let is_near = |ratio: &f64| (0.8..=1.25).contains(ratio);
    let agrees =
        if [low, median, high].iter().all(is_near) { ", within 25% of theory" } else { "" };
    match points {
        1 => format!("the measured depth is {median:.2} × {scale} (1 point){agrees}"),
        _ => format!(
            "the median measured depth is {median:.2} × {scale} (interquartile range {low:.2} to {high:.2}, {points} \
             points){agrees}"
        ),
    }
}

/// Describes the uncertainty (range over seeds, or interval width) and the missing cells.
fn certainty(
    run: &RunRecord,
    slices: &[Slice<'_>],
    estimator: EstimatorSpec,
    rule: CutoffRule,
) -> String {
    let points = slices.iter().flat_map(|slice| &slice.points);
    let mut widths: Vec<_> = points
        .filter_map(|point| match point.reach(estimator, rule, run.layers) {
            Reach::Measured { depth, .. } => Some(depth.high - depth.low),
            _ => None,
        })
        .collect();
    widths.sort_by(f64::total_cmp);
    let width = quantile(&widths, 0.5).map(count_layers);
    let spread = match width {
        Some(width) => format!(
            "The median width of the intervals is {width}; they cover {}",
            depth_bars(run, rule)
        ),
        None => format!("These results use {} per point", count(run.seeds, "seed")),
    };
    let failed = run.cells.iter().filter(|record| record.failure.is_some()).count();
    let missing = run.cells_planned.saturating_sub(run.cells.len());
    let mut gaps = Vec::new();
    if failed > 0 {
        gaps.push(format!("{} failed", count(failed, "cell")));
    }
    if missing > 0 {
        gaps.push(format!("{missing} of {} not computed yet", count(run.cells_planned, "cell")));
    }
    if gaps.is_empty() { format!("{spread}.") } else { format!("{spread}; {}.", join(&gaps)) }
}

/// `1 layer`, `2.5 layers`.
fn count_layers(number: f64) -> String {
    let number = depth(number);
    if number == "1" { "1 layer".into() } else { format!("{number} layers") }
}

fn all(number: usize, noun: &str) -> String {
    if number == 1 { format!("the only {noun}") } else { format!("all {}", count(number, noun)) }
}

fn join(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_store::synthetic::{Options, run};

    #[track_caller]
    fn check(run: &RunRecord, expected: &[&str]) {
        assert_eq!(verdict_sentences(run), expected);
    }

    /// Run of a 20-layer network with the given cut-off per point and seed (`None` is beyond the network) and `xi_c`.
    fn points(points: &[(f64, &[Option<f64>], f64)]) -> RunRecord {
        let sigma_w2 = points.iter().map(|(sigma_w2, ..)| *sigma_w2).collect();
        let (seeds, rules) = (points[0].1.len(), vec![CutoffRule::default()]);
        let mut run = run(&Options { sigma_w2, seeds, layers: 20, rules, ..Options::default() });
        for (index, record) in run.cells.iter_mut().enumerate() {
            let depth = points[index / seeds].1[index % seeds];
            for cutoff in &mut record.cutoffs {
                (cutoff.depth, cutoff.beyond, cutoff.interval) = (depth, depth.is_none(), None);
            }
        }
        for (theory, (.., xi_c)) in run.theory.iter_mut().zip(points) {
            theory.xi_c = Some(*xi_c);
        }
        run
    }

    #[test]
    fn trainable_range_between_two_phases() {
        let run = points(&[
            (0.5, &[Some(5.0), Some(7.0)], 1.0),
            (1.0, &[Some(12.0), Some(13.0)], 2.0),
            (1.7, &[None, None], 50.0),
            (2.0, &[None, None], 2.0),
            (4.0, &[Some(15.0), Some(15.0)], 1.0),
        ]);
        check(
            &run,
            &[
                "At σ_b² = 0.05, networks of this family (tanh MLP, width 784, 20 hidden layers; mnist) keep information through \
                 all 20 layers for σ_w² = 1.7 to 2; it is lost by layer 6 at σ_w² = 0.5 and by layer 15 at σ_w² = 4.",
                "Compared with mean-field theory: on the ordered side the median measured depth is 1.02 × 6 ξ_c \
                 (interquartile range 1.01 to 1.03, 2 points), within 25% of theory; on the chaotic side the measured \
                 depth is 2.50 × 6 ξ_c (1 point). Theory expects information to outlast the network at 1 point; it does at \
                 1 of them, and at 1 of the others.",
                "The median width of the intervals is 1 layer; they cover 2 seeds, 95% over probe samples, extended by what \
                 half of the decoder training changes.",
            ],
        );
    }

    #[test]
    fn deepest_point_is_named_when_none_reaches_the_last_layer() {
        let run = points(&[(0.5, &[Some(0.0)], 1.0), (1.0, &[Some(9.0)], 2.0)]);
        let sentences = verdict_sentences(&run);
        assert!(
            sentences[0].ends_with(
                "keep information down to layer 9 of 20 at most (at σ_w² = 1); it is lost before layer 1 at \
                 σ_w² = 0.5 and by layer 9 at σ_w² = 1."
            ),
            "{}",
            sentences[0]
        );
    }

    #[test]
    fn no_cutoff_within_the_network() {
        let sentences = verdict_sentences(&points(&[(1.7, &[None], 30.0), (1.8, &[None], 30.0)]));
        assert!(
            sentences[0].contains("at all 2 points; no cut-off was observed"),
            "{}",
            sentences[0]
        );
        let theory =
            "Theory expects information to outlast the network at 2 points; it does at 2 of them.";
        assert_eq!(sentences[1], theory);
        assert_eq!(sentences[2], "These results use 1 seed per point.");
    }

    #[test]
    fn unsaturated_profile_is_not_survival() {
        let mut run = points(&[
            (0.5, &[Some(5.0)], 1.0),
            (1.7, &[None], 50.0),
            (3.0, &[None], 2.0),
            (4.0, &[None], 1.0),
        ]);
        for record in &mut run.cells {
            let error = |layer: usize| match record.cell.point.sigma_w2 {
                1.7 => 0.5,
                sigma_w2 => 0.2 * sigma_w2 * layer as f64,
            };
            let mut profile = record.profiles[0].clone();
            profile.estimator = EstimatorSpec::RECONSTRUCTION_ERROR;
            for (layer, value) in (1..).zip(&mut profile.layers) {
                value.value = error(layer);
            }
            record.profiles.push(profile);
        }
        let sentences = verdict_sentences(&run);
        assert!(sentences[0].contains("through all 20 layers for σ_w² = 1.7;"), "{sentences:?}");
        let unsaturated = "A missing cut-off at σ_w² = 3 to 4 does not mean that information survives: 95% of the variance \
                           is lost by layer 2, but the profile never saturates.";
        assert_eq!(sentences[1], unsaturated);
        assert!(sentences[2].ends_with("at 1 point; it does at 1 of them."));
        run.cells.retain(|record| record.cell.point.sigma_w2 > 2.0);
        run.theory.retain(|record| record.point.sigma_w2 > 2.0);
        let sentences = verdict_sentences(&run);
        assert!(sentences[0].ends_with("show no cut-off."), "{sentences:?}");
        assert_eq!(sentences[1], unsaturated);
    }

    #[test]
    fn unmeasurable_cutoff_names_the_reason() {
        let mut run = points(&[(0.5, &[Some(1.0)], 1.0)]);
        for cutoff in &mut run.cells[0].cutoffs {
            (cutoff.depth, cutoff.note) = (None, Some("no exponential in the noise".into()));
        }
        let sentence = &verdict_sentences(&run)[0];
        let expected = "have no measurable cut-off at the only point. First reason: no exponential in the noise.";
        assert!(sentence.ends_with(expected), "{sentence}");
    }

    #[test]
    fn empty_and_failed_runs() {
        let mut run = run(&Options { sigma_w2: vec![1.0], fail_every: 1, ..Options::default() });
        let failed = "No result: the only cell failed. First error: the decoder of layer 3 diverged at step 17 (loss \
                      <nan>).";
        check(&run, &[failed]);
        run.cells.clear();
        check(&run, &["No results yet: 0 of 1 cell computed."]);
        run.rules.clear();
        check(&run, &["No result: the experiment names no estimator or no cut-off rule."]);
    }

    #[test]
    fn missing_cells_are_counted() {
        let mut run = run(&Options { fail_every: 7, ..Options::default() });
        run.cells.truncate(15);
        let last = verdict_sentences(&run).pop().unwrap();
        assert!(last.ends_with("; 2 cells failed and 5 of 20 cells not computed yet."), "{last}");
    }

    #[test]
    fn undertrained_decoders_are_reported() {
        let lost: &[Option<f64>] = &[Some(0.4)];
        let sentences = verdict_sentences(&points(&[(0.5, lost, 1.0), (1.7, lost, 30.0)]));
        assert!(
            sentences.len() == 1 && sentences[0].contains("The decoders trained for only"),
            "{sentences:?}"
        );
        let one_layer: &[Option<f64>] = &[Some(1.0)];
        let sentences = verdict_sentences(&points(&[(0.5, lost, 1.0), (1.7, one_layer, 30.0)]));
        assert!(sentences.len() > 1, "{sentences:?}");
    }
}
