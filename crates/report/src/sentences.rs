//! The answer of a run in plain words.

use super::{
    numbers::{depth, variance},
    trained,
    vocabulary::count,
};
use isobath_analysis::points::{Point, Reach, Slice, slices};
use isobath_analysis::spread::quantile;
use isobath_analysis::theory_agreement::{Agreement, Ratio, agreement};
use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_store::RunRecord;

/// What the run says, in a few plain sentences with numbers: for which variances networks of this family keep
/// information to this depth, where theory agrees, and how sure that is.
///
/// What training showed comes first, where there was any. The others speak of the first estimator and the first rule of
/// the experiment, and say so where nothing can be said.
pub fn verdict_sentences(run: &RunRecord) -> Vec<String> {
    [trained::sentences(run), of_the_cascade(run)].concat()
}

fn of_the_cascade(run: &RunRecord) -> Vec<String> {
    let (Some(&estimator), Some(&rule)) = (run.estimators.first(), run.rules.first()) else {
        return vec![
            "Nothing can be said: the experiment names no estimator or no cut-off rule.".into(),
        ];
    };
    if run.cells.is_empty() {
        return vec![format!(
            "Nothing is computed yet: 0 of {}.",
            count(run.cells_planned, "cell")
        )];
    }
    if let Some(failure) = all_failed(run) {
        return vec![failure];
    }
    if let Some(untrained) = nothing_survives(run, estimator, rule) {
        return vec![untrained];
    }
    let slices = slices(run);
    let of_slice = |(index, slice)| [Some(reach(run, slice, index)), restless(run, slice)];
    let mut sentences: Vec<_> = slices.iter().enumerate().flat_map(of_slice).flatten().collect();
    sentences.push(theory(&agreement(&slices, estimator, rule, run.layers), rule));
    sentences.push(certainty(run, &slices, estimator, rule));
    sentences
}

fn all_failed(run: &RunRecord) -> Option<String> {
    let failures: Vec<_> =
        run.cells.iter().filter_map(|record| record.failure.as_deref()).collect();
    let first = failures.first().filter(|_| failures.len() == run.cells.len())?;
    Some(format!(
        "Nothing can be said: {} failed, the first because {first}.",
        all(failures.len(), "cell")
    ))
}

/// Where no cell keeps anything to its first layer, the decoders are to blame and not the networks: one layer of a random
/// network loses little.
fn nothing_survives(run: &RunRecord, estimator: EstimatorSpec, rule: CutoffRule) -> Option<String> {
    let verdicts = run.cells.iter().flat_map(|cell| &cell.cutoffs);
    let mut leading = verdicts
        .filter(|verdict| verdict.estimator == estimator && verdict.rule == rule)
        .peekable();
    leading.peek()?;
    let lost =
        leading.all(|verdict| verdict.depth.is_some_and(|depth| depth < 1.0) && !verdict.beyond);
    let steps =
        run.cells.iter().flat_map(|cell| &cell.fits).map(|fit| fit.steps).max().unwrap_or(0);
    let reason = if steps == 0 {
        "Ridge decoders were told of too much noise or had too few samples; lower `noise` or raise `max_samples`.".into()
    } else {
        format!(
            "Decoders that had {} are probably not trained enough; use more training samples or epochs (about 200 steps \
             do), or another learning rate.",
            count(steps, "step")
        )
    };
    lost.then(|| {
        format!(
            "Nothing can be said of these networks: the reconstructions are lost at the first layer already, everywhere. \
             {reason}"
        )
    })
}

/// How deep information reaches in the `index`-th slice.
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
            && point.lost_without_rest(estimator, rule, run.layers).is_none()
    };
    let beyond: Vec<_> = reaches.iter().map(is_beyond).collect();
    let measured: Vec<_> = reaches
        .iter()
        .filter_map(|(point, reach)| match reach {
            Reach::Measured { depth, .. } => Some((*point, depth.mean)),
            _ => None,
        })
        .collect();
    let ranges = ranges(&slice.points, &beyond);
    let layers = if run.layers == 1 {
        "the only layer".into()
    } else {
        format!("all {} layers", run.layers)
    };
    let outlast = if rule.descriptor().is_scale {
        format!("have a decay length beyond {layers}")
    } else {
        format!("keep information through {layers}")
    };
    match (ranges.is_empty(), measured.is_empty()) {
        (true, true) if reaches.iter().any(|(_, reach)| matches!(reach, Reach::Beyond { .. })) => {
            format!("{family} show no cut-off{}.", reason(&reaches))
        }
        (true, true) => format!(
            "{family} gave no verdict at {}{}.",
            all(reaches.len(), "point"),
            reason(&reaches)
        ),
        (true, false) => format!("{family} {}.", deepest(run, &measured, rule)),
        (false, false) => {
            format!("{family} {outlast} for σ_w² = {ranges}{}.", ends(&measured, rule))
        }
        (false, true) => {
            let at = if beyond.iter().all(|beyond| *beyond) {
                all(beyond.len(), "point")
            } else {
                format!("σ_w² = {ranges}")
            };
            format!(
                "{family} {outlast} at {at}, and no cut-off was seen: only a deeper network can show where it ends."
            )
        }
    }
}

/// Where there is no cut-off although nothing is kept.
fn restless(run: &RunRecord, slice: &Slice<'_>) -> Option<String> {
    let (estimator, rule) = (run.estimators[0], run.rules[0]);
    let lost = |point: &Point<'_>| point.lost_without_rest(estimator, rule, run.layers);
    let lost: Vec<_> = slice.points.iter().map(lost).collect();
    let first = lost.iter().flatten().min()?;
    let last = lost.iter().flatten().max()?;
    let layers = if first == last { first.to_string() } else { format!("{first} to {last}") };
    let places = ranges(&slice.points, &lost.iter().map(Option::is_some).collect::<Vec<_>>());
    Some(format!(
        "No cut-off does not mean survival at σ_w² = {places}: there 95% of the variance is lost by layer {layers}, and \
         only the reconstructions go on changing."
    ))
}

/// Where information reaches deepest, if nowhere through the whole network.
fn deepest(run: &RunRecord, measured: &[(&Point<'_>, f64)], rule: CutoffRule) -> String {
    let deepest = measured.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let (sigma_w2, reached) =
        deepest.map(|(point, reached)| (point.id.sigma_w2, *reached)).unwrap_or_default();
    let what = if rule.descriptor().is_scale {
        "have a decay length of"
    } else {
        "keep information to depth"
    };
    let rest = if measured.len() > 1 { ends(measured, rule) } else { String::new() };
    let (reached, place) = (depth(reached), variance(sigma_w2));
    format!(
        "{what} {reached} at most, at σ_w² = {place}, in a network of {}{rest}",
        count(run.layers, "layer")
    )
}

/// What the outermost measured points say: `; it is gone by layer 5 at σ_w² = 0.1 and by layer 22 at σ_w² = 4`.
fn ends(measured: &[(&Point<'_>, f64)], rule: CutoffRule) -> String {
    let (Some(first), Some(last)) = (measured.first(), measured.last()) else {
        return String::new();
    };
    let one = |(point, reached): &(&Point<'_>, f64)| {
        let reached = match reached {
            _ if rule.descriptor().is_scale => count_layers(*reached),
            _ if *reached <= 0.0 => "before layer 1".into(),
            _ => format!("by layer {}", depth(*reached)),
        };
        format!("{reached} at σ_w² = {}", variance(point.id.sigma_w2))
    };
    let both =
        if measured.len() == 1 { one(first) } else { format!("{} and {}", one(first), one(last)) };
    if rule.descriptor().is_scale {
        format!("; it is {both}")
    } else {
        format!("; it is gone {both}")
    }
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
    note.map(|note| format!(" (the first: {note})")).unwrap_or_default()
}

/// Where theory agrees.
fn theory(found: &Agreement, rule: CutoffRule) -> String {
    let scale = rule.descriptor().theory_symbol;
    let sides = [("ordered", found.ordered), ("chaotic", found.chaotic)];
    let sides: Vec<_> =
        sides.into_iter().filter_map(|(name, ratio)| Some((name, ratio?))).collect();
    let mut last = "";
    let mut said = Vec::new();
    for (name, ratio) in &sides {
        let verb = judgement(ratio.median);
        let verb_once = if verb == last { String::new() } else { format!("{verb} ") };
        said.push(format!("{verb_once}on the {name} side ({})", ratio_words(ratio, scale)));
        last = verb;
    }
    let outlast = match (found.beyond, found.beyond_in_theory) {
        (0, _) => String::new(),
        (1, agreeing) => format!(
            "; where information outlasts the network it {}",
            if agreeing == 1 { "does too" } else { "says less" }
        ),
        (beyond, agreeing) => {
            format!(
                "; it too says that information outlasts the network at {agreeing} of those {beyond} points"
            )
        }
    };
    if said.is_empty() {
        format!("Mean-field theory has no measured depth to be compared with{outlast}.")
    } else {
        format!("Mean-field theory {}{outlast}.", join(&said))
    }
}

fn ratio_words(ratio: &Ratio, scale: &str) -> String {
    let Ratio { points, median, low, high } = *ratio;
    match points {
        1 => format!("measured {median:.2} × {scale} at 1 point"),
        _ => format!(
            "measured {median:.2} × {scale} at the median, {low:.2} to {high:.2} for the middle half of {points} points"
        ),
    }
}

/// A median ratio in a word: within a quarter agrees, within a factor of two roughly so.
fn judgement(ratio: f64) -> &'static str {
    match ratio {
        ratio if (0.8..=1.25).contains(&ratio) => "agrees",
        ratio if (0.5..=2.0).contains(&ratio) => "agrees roughly",
        ratio if ratio > 2.0 => "predicts much less depth than measured",
        _ => "predicts much more depth than measured",
    }
}

/// How sure that is: how far initialisations or intervals lie apart, and what is missing.
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
    let spread = match (run.seeds, width) {
        (0 | 1, Some(width)) if rule.descriptor().is_scale => {
            format!(
                "With 1 seed for each point, depths are known to within {width} (two standard errors, median)"
            )
        }
        (0 | 1, Some(width)) => {
            format!(
                "With 1 seed for each point, the 95% interval over probe samples is {width} wide at the median"
            )
        }
        (seeds, Some(width)) => {
            format!("The {seeds} seeds of a point lie {width} apart at the median")
        }
        (seeds, None) => format!("This rests on {} for each point", count(seeds, "seed")),
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

    /// Points of a network of 20 layers, each with its depths by seed, `None` beyond, and `xi_c`.
    fn points(points: &[(f64, &[Option<f64>], f64)]) -> RunRecord {
        let sigma_w2 = points.iter().map(|(sigma_w2, ..)| *sigma_w2).collect();
        let (seeds, rules) = (points[0].1.len(), vec![CutoffRule::default()]);
        let mut run = run(&Options { sigma_w2, seeds, layers: 20, rules, ..Options::default() });
        for (index, record) in run.cells.iter_mut().enumerate() {
            let depth = points[index / seeds].1[index % seeds];
            for verdict in &mut record.cutoffs {
                (verdict.depth, verdict.beyond, verdict.interval) = (depth, depth.is_none(), None);
            }
        }
        for (theory, (.., xi_c)) in run.theory.iter_mut().zip(points) {
            theory.xi_c = Some(*xi_c);
        }
        run
    }

    #[test]
    fn both_phases_and_a_cone_between_them() {
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
                "At σ_b² = 0.05, networks of this family (tanh MLP, width 784, 20 layers; mnist) keep information through \
                 all 20 layers for σ_w² = 1.7 to 2; it is gone by layer 6 at σ_w² = 0.5 and by layer 15 at σ_w² = 4.",
                "Mean-field theory agrees on the ordered side (measured 1.02 × 6 ξ_c at the median, 1.01 to 1.03 for the \
                 middle half of 2 points) and predicts much less depth than measured on the chaotic side (measured \
                 2.50 × 6 ξ_c at 1 point); it too says that information outlasts the network at 1 of those 2 points.",
                "The 2 seeds of a point lie 1 layer apart at the median.",
            ],
        );
    }

    #[test]
    fn nowhere_through_the_whole_network_and_lost_at_once() {
        let run = points(&[(0.5, &[Some(0.0)], 1.0), (1.0, &[Some(9.0)], 2.0)]);
        let sentences = verdict_sentences(&run);
        assert!(
            sentences[0].ends_with(
                "keep information to depth 9 at most, at σ_w² = 1, in a network of 20 layers; it is gone before layer 1 at \
                 σ_w² = 0.5 and by layer 9 at σ_w² = 1."
            ),
            "{}",
            sentences[0]
        );
    }

    #[test]
    fn beyond_the_network_everywhere() {
        let sentences = verdict_sentences(&points(&[(1.7, &[None], 30.0), (1.8, &[None], 30.0)]));
        assert!(
            sentences[0].contains("at all 2 points, and no cut-off was seen"),
            "{}",
            sentences[0]
        );
        assert!(
            sentences[1].starts_with("Mean-field theory has no measured depth to be compared with")
        );
        assert_eq!(sentences[2], "This rests on 1 seed for each point.");
    }

    #[test]
    fn a_profile_that_does_not_rest_is_not_survival() {
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
        let restless = "No cut-off does not mean survival at σ_w² = 3 to 4: there 95% of the variance is lost by layer 2, \
                        and only the reconstructions go on changing.";
        assert_eq!(sentences[1], restless);
        assert!(sentences[2].ends_with("where information outlasts the network it does too."));
        run.cells.retain(|record| record.cell.point.sigma_w2 > 2.0);
        run.theory.retain(|record| record.point.sigma_w2 > 2.0);
        let sentences = verdict_sentences(&run);
        assert!(sentences[0].ends_with("show no cut-off."), "{sentences:?}");
        assert_eq!(sentences[1], restless);
    }

    #[test]
    fn undetermined_everywhere_gives_the_reason() {
        let mut run = points(&[(0.5, &[Some(1.0)], 1.0)]);
        for verdict in &mut run.cells[0].cutoffs {
            (verdict.depth, verdict.note) = (None, Some("no exponential in the noise".into()));
        }
        let sentence = &verdict_sentences(&run)[0];
        let expected =
            "gave no verdict at the only point (the first: no exponential in the noise).";
        assert!(sentence.ends_with(expected), "{sentence}");
    }

    #[test]
    fn nothing_computed_and_nothing_but_failures() {
        let mut run = run(&Options { sigma_w2: vec![1.0], fail_every: 1, ..Options::default() });
        let failed = "Nothing can be said: the only cell failed, the first because the decoder of layer 3 diverged at step \
                      17 (loss <nan>).";
        check(&run, &[failed]);
        run.cells.clear();
        check(&run, &["Nothing is computed yet: 0 of 1 cell."]);
        run.rules.clear();
        check(
            &run,
            &["Nothing can be said: the experiment names no estimator or no cut-off rule."],
        );
    }

    #[test]
    fn what_is_missing_is_said() {
        let mut run = run(&Options { fail_every: 7, ..Options::default() });
        run.cells.truncate(15);
        let last = verdict_sentences(&run).pop().unwrap();
        assert!(last.ends_with("; 2 cells failed and 5 of 20 cells not computed yet."), "{last}");
    }

    #[test]
    fn decoders_that_learned_nothing_are_not_the_networks_fault() {
        let lost: &[Option<f64>] = &[Some(0.4)];
        let sentences = verdict_sentences(&points(&[(0.5, lost, 1.0), (1.7, lost, 30.0)]));
        assert!(
            sentences.len() == 1 && sentences[0].contains("not trained enough"),
            "{sentences:?}"
        );
        let one_layer: &[Option<f64>] = &[Some(1.0)];
        let sentences = verdict_sentences(&points(&[(0.5, lost, 1.0), (1.7, one_layer, 30.0)]));
        assert!(sentences.len() > 1, "{sentences:?}");
    }
}
