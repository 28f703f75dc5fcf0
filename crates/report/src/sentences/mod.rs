//! Verdict sentences of a run.

mod agreement;
mod decoders;
mod reach;

use isobath_analysis::{
    points::{Reach, Slice, slices},
    spread::quantile,
    theory_agreement,
};
use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_store::RunRecord;

use self::{
    agreement::{disagreement, theory},
    decoders::{lost_at_first_layer, partly_undecoded, unconverged, undecoded},
    reach::{reach, unsaturated},
};
use crate::{
    depth_words::{self, profile_depth},
    trained,
    vocabulary::{count, depth_bars},
};

/// Verdict sentences of a run: the variances at which networks of this family keep information to this depth, the
/// agreement with theory, and the uncertainty.
///
/// Training results come first, if any. The other sentences use the experiment's first estimator and first rule, and
/// say so if there is no result.
pub fn verdict_sentences(run: &RunRecord) -> Vec<String> {
    [trained::sentences(run), cascade_sentences(run), depth_words::sentences(run)].concat()
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
        // Theory may know why, such as activations that overflow.
        return [failure].into_iter().chain(agreement::growth(run)).collect();
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
            partly_undecoded(run, slice),
        ]
    };
    let mut sentences: Vec<_> = slices.iter().enumerate().flat_map(describe).flatten().collect();
    sentences.extend(disagreement(run, &slices).or_else(|| unusual_rule(estimator, rule)));
    let compared = theory(&theory_agreement::agreement(&slices, estimator, rule, run.layers), rule);
    sentences.extend(Some(compared).filter(|text| !text.is_empty()));
    sentences.extend(agreement::lines(run, &slices, estimator, rule));
    sentences.extend(agreement::growth(run));
    sentences.push(certainty(run, &slices, estimator, rule));
    sentences
}

/// Names estimator and rule of the depths, unless they are the defaults.
fn unusual_rule(estimator: EstimatorSpec, rule: CutoffRule) -> Option<String> {
    let is_default =
        estimator == EstimatorSpec::RECONSTRUCTION_ERROR && rule == CutoffRule::LOSS_95;
    let label = estimator.descriptor().label;
    (!is_default).then(|| format!("These depths are by {label} ({}).", rule.words()))
}

fn all_failed(run: &RunRecord) -> Option<String> {
    let failures: Vec<_> =
        run.cells.iter().filter_map(|record| record.failure.as_deref()).collect();
    let first = failures.first().filter(|_| failures.len() == run.cells.len())?;
    Some(format!("No result: {} failed. First error: {first}.", all(failures.len(), "cell")))
}

/// Describes the uncertainty (range over seeds, or interval width) and the missing cells.
fn certainty(
    run: &RunRecord,
    slices: &[Slice<'_>],
    estimator: EstimatorSpec,
    rule: CutoffRule,
) -> String {
    let points = slices.iter().flat_map(|slice| &slice.points);
    let (bounds, reaches): (Vec<_>, Vec<_>) = points
        .map(|point| point.reach(estimator, rule, run.layers))
        .partition(Reach::is_lower_bound);
    let width = |reach: &Reach| match reach {
        Reach::Measured { depth, .. } => Some(depth.high - depth.low),
        _ => None,
    };
    let mut widths: Vec<_> = reaches.iter().filter_map(width).collect();
    widths.sort_by(f64::total_cmp);
    let width = quantile(&widths, 0.5).map(|width| profile_depth(run, width));
    let spread = match width {
        Some(width) => format!(
            "{} of the intervals is {width}; they cover {}",
            if bounds.is_empty() {
                "The median width"
            } else {
                "Lower bounds apart, the median width"
            },
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
                "These depths are by relative entropy (saturation within 0.5%).",
                "Compared with mean-field theory: on the ordered side the median measured depth is 1.02 × 6 ξ_c \
                 (2 points), within 25% of theory; on the chaotic side the measured \
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
                 σ_w² = 0.5."
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
        assert_eq!(sentences[2], theory);
        assert_eq!(sentences[3], "These results use 1 seed per point.");
    }

    #[test]
    fn cutoffs_of_some_initialisations_are_counted() {
        let sentence = &verdict_sentences(&points(&[(1.7, &[None, Some(3.0), None], 30.0)]))[0];
        let expected = "at the only point (at σ_w² = 1.7 for 2 of 3 seeds); a cut-off was observed for 1 of 3 \
                        initialisations.";
        assert!(sentence.ends_with(expected), "{sentence}");
    }

    #[test]
    fn networks_without_cells_are_not_computed_yet() {
        let mut run = run(&Options { variants: 2, sigma_w2: vec![1.0, 2.0], ..Options::default() });
        run.cells.retain(|record| record.cell.point.variant == 0);
        let sentences = verdict_sentences(&run);
        let missing = |sentence: &&String| sentence.contains("are not computed yet.");
        assert_eq!(sentences.iter().filter(missing).count(), 1, "{sentences:?}");
        assert!(!sentences.iter().any(|sentence| sentence.contains("measurable")));
    }

    #[test]
    fn ridge_decoders_have_a_noise_and_no_training() {
        let mut run = points(&[(0.5, &[Some(5.0)], 1.0), (1.0, &[Some(12.0)], 2.0)]);
        run.noise = Some(0.03);
        let last = verdict_sentences(&run).pop().unwrap();
        assert!(
            last.ends_with("they cover 95% over probe samples, for noise 0.03 on each activation."),
            "{last}"
        );
    }

    #[test]
    fn stages_and_initialisations_are_named() {
        let mut run = points(&[(1.0, &[Some(2.7)], 1.0)]);
        run.kind = isobath_experiment::NetworkKind::Layers;
        run.variants[0].scheme = Some("glorot-uniform".into());
        let sentence = &verdict_sentences(&run)[0];
        assert!(sentence.ends_with("keep information down to stage 2.7 of 20."), "{sentence}");
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
        assert!(sentences[3].ends_with("at 1 point; it does at 1 of them."));
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
    fn lower_bounds_have_no_width() {
        let mut run = points(&[(0.5, &[Some(5.0)], 1.0), (1.0, &[Some(12.0)], 2.0)]);
        let last = |run: &RunRecord| verdict_sentences(run).pop().unwrap();
        assert!(last(&run).starts_with("The median width of the intervals is 0 layers"));
        for cutoff in &mut run.cells[1].cutoffs {
            cutoff.interval = Some((9.0, 15.0));
        }
        for cutoff in &mut run.cells[0].cutoffs {
            cutoff.is_lower_bound = true;
        }
        let apart = "Lower bounds apart, the median width of the intervals is 6 layers";
        assert!(last(&run).starts_with(apart), "{}", last(&run));
        for cutoff in &mut run.cells[1].cutoffs {
            cutoff.is_lower_bound = true;
        }
        assert_eq!(last(&run), "These results use 1 seed per point.");
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
