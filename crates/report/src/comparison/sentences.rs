//! Sentences on the accuracy and cost of predictors.

use super::markdown::estimate;
use isobath_analysis::comparison::{Comparison, Estimate, LEAST_OUTCOMES, PredictorSummary};
use isobath_store::{CellRecord, CutoffRecord, RunRecord};

use crate::count;

/// Summarises a comparison in sentences.
pub fn sentences(run: &RunRecord, comparison: &Comparison) -> Vec<String> {
    let mut sentences = vec![training_results(run, comparison)];
    sentences.extend(missing_cascade(run, comparison));
    if comparison.is_conclusive() {
        sentences.extend(ranking(comparison));
        sentences.extend(differences(comparison));
        sentences.extend(at_depth(comparison));
        sentences.extend(best(comparison));
        sentences.extend(frontier_errors(run, comparison));
        sentences.extend(searched(comparison));
        sentences.extend(coefficient(comparison));
    } else {
        sentences.push(inconclusive(comparison));
    }
    sentences.extend(costs(comparison));
    sentences.extend(unchanged(comparison));
    sentences
}

fn inconclusive(comparison: &Comparison) -> String {
    let failed = comparison.networks - comparison.succeeded;
    format!(
        "With {} succeeding and {failed} failing, predictors are not compared and have no intervals: both need at least \
         {LEAST_OUTCOMES} successes and {LEAST_OUTCOMES} failures.",
        count(comparison.succeeded, "network")
    )
}

fn training_results(run: &RunRecord, comparison: &Comparison) -> String {
    let Comparison { recipe, networks, succeeded, cells, .. } = comparison;
    let success = comparison
        .success
        .map_or("succeeded".to_owned(), |accuracy| format!("reached an accuracy of {accuracy}"));
    format!(
        "{succeeded} of {} ({:.0}%) in {} ({}; {}) trained with {recipe} {success}.",
        count(*networks, "network"),
        100.0 * *succeeded as f64 / *networks as f64,
        count(*cells, "configuration"),
        run.networks(),
        run.dataset,
    )
}

/// States that the leading cut-off is not compared, with the first reason, if the cascade has none for any network.
pub(super) fn missing_cascade(run: &RunRecord, comparison: &Comparison) -> Option<String> {
    if comparison.leading.cascade.is_some() {
        return None;
    }
    let (&estimator, &rule) = run.estimators.first().zip(run.rules.first())?;
    let reason = |record: &CellRecord| {
        let is_it = |cutoff: &&CutoffRecord| cutoff.estimator == estimator && cutoff.rule == rule;
        let note = || record.cutoffs.iter().find(is_it)?.note.clone();
        record.failure.clone().or_else(note)
    };
    let reason = run.cells.iter().find_map(reason);
    Some(format!(
        "The cascade predicts no depth for any of these networks: no cell has a cut-off by {} ({}). It is therefore neither \
         ranked nor compared with theory{}.",
        estimator.descriptor().label,
        rule.words(),
        reason.map(|reason| format!(". First reason: {reason}")).unwrap_or_default()
    ))
}

/// Leading predictors with their display names.
fn leaders(comparison: &Comparison) -> Vec<(&'static str, &PredictorSummary)> {
    let leading = &comparison.leading;
    let words = [
        (&leading.cascade, "the cascade"),
        (&leading.theory, "theory"),
        (&leading.trial, "brief training"),
        (&leading.depth, "depth alone"),
    ];
    let leader = |(name, words): (&Option<String>, &'static str)| {
        Some((words, comparison.summary(name.as_deref()?)?))
    };
    words.into_iter().filter_map(leader).collect()
}

fn ranking(comparison: &Comparison) -> Option<String> {
    let mut leaders = leaders(comparison);
    leaders.retain(|(_, summary)| summary.auc.is_some());
    let auc = |summary: &PredictorSummary| summary.auc.map_or(0.0, |auc| auc.value);
    leaders.sort_by(|a, b| auc(b.1).total_cmp(&auc(a.1)));
    let name = |(words, summary): &(&str, &PredictorSummary)| match *words {
        "depth alone" => format!("depth alone {}", estimate(summary.auc, 3)),
        words => format!("{words} ({}) {}", summary.predictor, estimate(summary.auc, 3)),
    };
    let words: Vec<String> = leaders.iter().map(name).collect();
    (!words.is_empty()).then(|| {
        format!(
            "Probability that a trainable network scores higher than an untrainable one (AUC): {}.",
            words.join("; ")
        )
    })
}

fn at_depth(comparison: &Comparison) -> Option<String> {
    let leaders = leaders(comparison);
    let others = leaders.iter().filter(|(words, _)| *words != "depth alone");
    let words: Vec<String> = others
        .filter_map(|(words, summary)| Some((words, summary.auc_at_depth?)))
        .map(|(words, auc)| format!("{words} {}", estimate(Some(auc), 3)))
        .collect();
    let cascade = leaders.iter().find(|(words, _)| *words == "the cascade");
    let against =
        cascade.and_then(|(_, summary)| compared(summary.auc_at_depth_above_theory, "theory"));
    (!words.is_empty()).then(|| {
        let against = against
            .map_or(String::new(), |against| format!("; at equal depth the cascade {against}"));
        format!("AUC among networks of equal depth: {}{against}.", words.join("; "))
    })
}

fn differences(comparison: &Comparison) -> Option<String> {
    let cascade = comparison.summary(comparison.leading.cascade.as_deref()?)?;
    let parts = [
        compared(cascade.auc_above_theory, "theory"),
        compared(cascade.auc_above_depth, "depth alone"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("The cascade {}.", parts.join(" and ")))
}

/// Describes a difference in AUC.
fn compared(difference: Option<Estimate>, baseline: &str) -> Option<String> {
    let difference = difference?;
    let interval = difference.interval?;
    let size = estimate(Some(difference), 3);
    Some(if interval.low > 0.0 {
        format!("is better than {baseline} (difference in AUC {size})")
    } else if interval.high < 0.0 {
        format!("is worse than {baseline} (difference in AUC {size})")
    } else {
        format!(
            "shows no significant difference from {baseline} with this many configurations (difference in AUC {size})"
        )
    })
}

fn best(comparison: &Comparison) -> Option<String> {
    let best = comparison.summaries.first()?;
    Some(format!(
        "{1} has the largest AUC of all {0} scores, {2}; as the best of many, this value is biased upwards.",
        comparison.summaries.len(),
        best.predictor,
        estimate(best.auc, 3)
    ))
}

fn frontier_errors(run: &RunRecord, comparison: &Comparison) -> Option<String> {
    let errors = |(words, summary): &(&str, &PredictorSummary)| {
        let errors = summary.calibrated?;
        Some((
            format!(
                "{words} {} {}, {} octaves",
                estimate(Some(errors.mae_layers), 1),
                run.kind.depth_unit().of_profiles(),
                estimate(Some(errors.octaves), 2)
            ),
            errors,
        ))
    };
    let all_errors: Vec<_> = leaders(comparison).iter().filter_map(errors).collect();
    let (_, first) = all_errors.first()?;
    let words: Vec<&str> = all_errors.iter().map(|(words, _)| words.as_str()).collect();
    Some(format!(
        "Mean error of the predicted frontier, calibrated on {}: {} (over the {} of {} families whose measured frontier is \
         inside the grid).",
        comparison.calibrated_on,
        words.join("; "),
        first.counted,
        first.counted + first.censored
    ))
}

/// Describes the bias that a frontier search brings to the comparison.
fn searched(comparison: &Comparison) -> Option<String> {
    let Comparison { networks, grid, .. } = *comparison;
    (networks < grid).then(|| {
        format!(
            "Only {networks} of the grid's {grid} networks were trained, those near the frontier. AUCs are therefore lower \
             than over the whole grid. Frontiers predicted from scores (but not from depths) use trained networks only \
             and look better than they are."
        )
    })
}

fn coefficient(comparison: &Comparison) -> Option<String> {
    let theory = comparison.summary(comparison.leading.theory.as_deref()?)?;
    let a = theory.coefficient?.a;
    Some(format!(
        "Networks are trainable while L <= a xi_c with a = {}; the rule of thumb is a = 6.",
        estimate(Some(a), 1)
    ))
}

fn costs(comparison: &Comparison) -> Option<String> {
    let cost = |(words, summary): &(&str, &PredictorSummary)| {
        let ratio = summary.cost_ratio?.value;
        let share =
            if ratio < 5e-5 { "under 0.01%".to_owned() } else { format!("{:.2}%", 100.0 * ratio) };
        Some(format!("{words} {share}"))
    };
    let costs: Vec<String> = leaders(comparison).iter().filter_map(cost).collect();
    (!costs.is_empty()).then(|| {
        format!(
            "A training took {:.2} s on average. Cost of a prediction relative to a training: {}.",
            comparison.training.seconds,
            costs.join("; ")
        )
    })
}

fn unchanged(comparison: &Comparison) -> Option<String> {
    let is_unchanged =
        |summary: &&PredictorSummary| summary.unchanged.is_some_and(|share| share > 0.99);
    let names: Vec<&str> = comparison
        .summaries
        .iter()
        .filter(is_unchanged)
        .map(|summary| summary.predictor.as_str())
        .collect();
    (!names.is_empty())
        .then(|| format!("Scores independent of the weight variance: {}.", names.join(", ")))
}
