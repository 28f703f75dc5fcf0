//! The answer in plain words: who is right, by how much, at what cost.

use super::markdown::estimate;
use isobath_analysis::comparison::{Comparison, Estimate, PredictorSummary};
use isobath_store::RunRecord;

use crate::count;

/// What the verdicts come to.
pub fn sentences(run: &RunRecord, verdicts: &Comparison) -> Vec<String> {
    let mut said = vec![ground(run, verdicts)];
    said.extend(ranking(verdicts));
    said.extend(against(verdicts));
    said.extend(at_depth(verdicts));
    said.extend(best(verdicts));
    said.extend(edges(verdicts));
    said.extend(searched(verdicts));
    said.extend(coefficient(verdicts));
    said.extend(costs(verdicts));
    said.extend(blind(verdicts));
    said
}

fn ground(run: &RunRecord, verdicts: &Comparison) -> String {
    let Comparison { recipe, networks, succeeded, cells, .. } = verdicts;
    let success = verdicts
        .success
        .map_or("succeeded".to_owned(), |accuracy| format!("reached an accuracy of {accuracy}"));
    format!(
        "Of {} in {} ({}; {}) trained by {recipe}, {succeeded} ({:.0}%) {success}.",
        count(*networks, "network"),
        count(*cells, "cell"),
        run.network,
        run.dataset,
        100.0 * *succeeded as f64 / *networks as f64
    )
}

/// The leading predictors with words for them.
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
            "A trainable network has a higher score than another with a probability (AUC) of: {}.",
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
        let against =
            against.map_or(String::new(), |against| format!("; there the cascade {against}"));
        format!("Among networks of equal depth: {}{against}.", words.join("; "))
    })
}

fn against(verdicts: &Comparison) -> Option<String> {
    let cascade = verdicts.summary(verdicts.leading.cascade.as_deref()?)?;
    let parts = [
        compared(cascade.auc_above_theory, "theory"),
        compared(cascade.auc_above_depth, "depth alone"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("The cascade {}.", parts.join(" and ")))
}

/// A difference in AUC, in words.
fn compared(difference: Option<Estimate>, rival: &str) -> Option<String> {
    let difference = difference?;
    let interval = difference.interval?;
    let size = estimate(Some(difference), 3);
    Some(if interval.low > 0.0 {
        format!("is better than {rival}, by {size} in AUC")
    } else if interval.high < 0.0 {
        format!("is worse than {rival}, by {size} in AUC")
    } else {
        format!("cannot be told from {rival} by so many cells ({size} in AUC)")
    })
}

fn best(verdicts: &Comparison) -> Option<String> {
    let best = verdicts.summaries.first()?;
    Some(format!(
        "The largest AUC of all {} quantities is that of {}, {}; being the best of many flatters it.",
        verdicts.summaries.len(),
        best.predictor,
        estimate(best.auc, 3)
    ))
}

fn edges(verdicts: &Comparison) -> Option<String> {
    let edge = |(words, summary): &(&str, &PredictorSummary)| {
        let edge = summary.calibrated?;
        Some((
            format!(
                "{words} by {} layers, {} octaves",
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
        "Calibrated on {}, the measured frontier is missed on average: {} (over {}, whose frontier is inside the grid, \
         of {}).",
        verdicts.calibrated_on,
        words.join("; "),
        count(first.counted, "variance"),
        first.counted + first.censored
    ))
}

/// What a search for the frontier does to the comparison.
fn searched(verdicts: &Comparison) -> Option<String> {
    let Comparison { networks, grid, .. } = *verdicts;
    (networks < grid).then(|| {
        format!(
            "Only {networks} of the grid's {grid} networks were trained, those near the frontier: AUCs are lower than over \
             the whole grid, and the frontiers of scores, unlike those of depths, are read off trained networks alone, \
             which flatters them."
        )
    })
}

fn coefficient(verdicts: &Comparison) -> Option<String> {
    let theory = verdicts.summary(verdicts.leading.theory.as_deref()?)?;
    let a = theory.coefficient?.a;
    Some(format!(
        "Networks are trainable while L <= a xi_c with a = {}; the rule of thumb has 6.",
        estimate(Some(a), 1)
    ))
}

fn costs(verdicts: &Comparison) -> Option<String> {
    let cost = |(words, summary): &(&str, &PredictorSummary)| {
        let ratio = summary.cost_ratio?.value;
        let share =
            if ratio < 5e-5 { "nothing".to_owned() } else { format!("{:.2}%", 100.0 * ratio) };
        Some(format!("{words} {share}"))
    };
    let costs: Vec<String> = leaders(verdicts).iter().filter_map(cost).collect();
    (!costs.is_empty()).then(|| {
        format!(
            "A training took {:.2} s on average; of that a prediction costs: {}.",
            verdicts.training.seconds,
            costs.join("; ")
        )
    })
}

fn blind(verdicts: &Comparison) -> Option<String> {
    let is_blind =
        |summary: &&PredictorSummary| summary.unchanged.is_some_and(|share| share > 0.99);
    let blind: Vec<&str> = verdicts
        .summaries
        .iter()
        .filter(is_blind)
        .map(|summary| summary.predictor.as_str())
        .collect();
    (!blind.is_empty())
        .then(|| format!("Blind for the variance of the weights: {}.", blind.join(", ")))
}
