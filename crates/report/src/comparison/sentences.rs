//! Sentences on the accuracy and cost of predictors.

use super::markdown::estimate;
use isobath_analysis::comparison::{Comparison, Estimate, PredictorSummary};
use isobath_store::RunRecord;

use crate::count;

/// Summarises a comparison in sentences.
pub fn sentences(run: &RunRecord, verdicts: &Comparison) -> Vec<String> {
    let mut sentences = vec![training_results(run, verdicts)];
    sentences.extend(ranking(verdicts));
    sentences.extend(differences(verdicts));
    sentences.extend(at_depth(verdicts));
    sentences.extend(best(verdicts));
    sentences.extend(frontier_errors(verdicts));
    sentences.extend(searched(verdicts));
    sentences.extend(coefficient(verdicts));
    sentences.extend(costs(verdicts));
    sentences.extend(unchanged(verdicts));
    sentences
}

fn training_results(run: &RunRecord, verdicts: &Comparison) -> String {
    let Comparison { recipe, networks, succeeded, cells, .. } = verdicts;
    let success = verdicts
        .success
        .map_or("succeeded".to_owned(), |accuracy| format!("reached an accuracy of {accuracy}"));
    format!(
        "{succeeded} of {} ({:.0}%) in {} ({}; {}) trained with {recipe} {success}.",
        count(*networks, "network"),
        100.0 * *succeeded as f64 / *networks as f64,
        count(*cells, "configuration"),
        run.network,
        run.dataset,
    )
}

/// Leading predictors with their display names.
fn leaders(verdicts: &Comparison) -> Vec<(&'static str, &PredictorSummary)> {
    let leading = &verdicts.leading;
    let words = [
        (&leading.cascade, "the cascade"),
        (&leading.theory, "theory"),
        (&leading.trial, "brief training"),
        (&leading.depth, "depth alone"),
    ];
    let leader = |(name, words): (&Option<String>, &'static str)| {
        Some((words, verdicts.summary(name.as_deref()?)?))
    };
    words.into_iter().filter_map(leader).collect()
}

fn ranking(verdicts: &Comparison) -> Option<String> {
    let mut leaders = leaders(verdicts);
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

fn at_depth(verdicts: &Comparison) -> Option<String> {
    let leaders = leaders(verdicts);
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

fn differences(verdicts: &Comparison) -> Option<String> {
    let cascade = verdicts.summary(verdicts.leading.cascade.as_deref()?)?;
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

fn best(verdicts: &Comparison) -> Option<String> {
    let best = verdicts.summaries.first()?;
    Some(format!(
        "{1} has the largest AUC of all {0} scores, {2}; as the best of many, this value is biased upwards.",
        verdicts.summaries.len(),
        best.predictor,
        estimate(best.auc, 3)
    ))
}

fn frontier_errors(verdicts: &Comparison) -> Option<String> {
    let edge = |(words, summary): &(&str, &PredictorSummary)| {
        let edge = summary.calibrated?;
        Some((
            format!(
                "{words} {} layers, {} octaves",
                estimate(Some(edge.mae_layers), 1),
                estimate(Some(edge.octaves), 2)
            ),
            edge,
        ))
    };
    let edges: Vec<_> = leaders(verdicts).iter().filter_map(edge).collect();
    let (_, first) = edges.first()?;
    let words: Vec<&str> = edges.iter().map(|(words, _)| words.as_str()).collect();
    Some(format!(
        "Mean error of the predicted frontier, calibrated on {}: {} (over the {} of {} families whose measured frontier is \
         inside the grid).",
        verdicts.calibrated_on,
        words.join("; "),
        first.counted,
        first.counted + first.censored
    ))
}

/// Describes the bias that a frontier search brings to the comparison.
fn searched(verdicts: &Comparison) -> Option<String> {
    let Comparison { networks, grid, .. } = *verdicts;
    (networks < grid).then(|| {
        format!(
            "Only {networks} of the grid's {grid} networks were trained, those near the frontier. AUCs are therefore lower \
             than over the whole grid. Frontiers predicted from scores (but not from depths) use trained networks only \
             and look better than they are."
        )
    })
}

fn coefficient(verdicts: &Comparison) -> Option<String> {
    let theory = verdicts.summary(verdicts.leading.theory.as_deref()?)?;
    let a = theory.coefficient?.a;
    Some(format!(
        "Networks are trainable while L <= a xi_c with a = {}; the rule of thumb is a = 6.",
        estimate(Some(a), 1)
    ))
}

fn costs(verdicts: &Comparison) -> Option<String> {
    let cost = |(words, summary): &(&str, &PredictorSummary)| {
        let ratio = summary.cost_ratio?.value;
        let share =
            if ratio < 5e-5 { "under 0.01%".to_owned() } else { format!("{:.2}%", 100.0 * ratio) };
        Some(format!("{words} {share}"))
    };
    let costs: Vec<String> = leaders(verdicts).iter().filter_map(cost).collect();
    (!costs.is_empty()).then(|| {
        format!(
            "A training took {:.2} s on average. Cost of a prediction relative to a training: {}.",
            verdicts.training.seconds,
            costs.join("; ")
        )
    })
}

fn unchanged(verdicts: &Comparison) -> Option<String> {
    let is_unchanged =
        |summary: &&PredictorSummary| summary.unchanged.is_some_and(|share| share > 0.99);
    let names: Vec<&str> = verdicts
        .summaries
        .iter()
        .filter(is_unchanged)
        .map(|summary| summary.predictor.as_str())
        .collect();
    (!names.is_empty())
        .then(|| format!("Scores independent of the weight variance: {}.", names.join(", ")))
}
