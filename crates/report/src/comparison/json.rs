//! The comparison as JSON.

use serde_json::{Map, Value, json};

use super::sentences::missing_cascade;
use isobath_analysis::comparison::{Comparison, Estimate, FrontierErrors, PredictorSummary};
use isobath_store::RunRecord;

/// Comparisons of all recipes as one JSON object. Missing numbers are null; intervals are `[low, high]`.
pub fn json(run: &RunRecord, comparisons: &[Comparison]) -> Value {
    let recipes: Vec<Value> =
        comparisons.iter().map(|comparison| recipe(run, comparison)).collect();
    json!({ "run": run.name, "recipes": recipes })
}

fn recipe(run: &RunRecord, comparison: &Comparison) -> Value {
    let families = comparison.families.iter().map(|family| {
        json!({
            "network": family.point.variant,
            "sigma_w2": family.point.sigma_w2,
            "sigma_b2": family.point.sigma_b2,
            "measured": family.measured,
            "seeds": family.seeds,
            "predicted": family.predicted.iter().map(|(name, frontier)| (name.clone(), json!(frontier)))
                .collect::<Map<String, Value>>(),
        })
    });
    let map = comparison.map.iter().map(|cell| {
        json!({
            "network": cell.point.variant,
            "sigma_w2": cell.point.sigma_w2,
            "sigma_b2": cell.point.sigma_b2,
            "depth": cell.depth,
            "trained": cell.trained,
            "seeds": cell.seeds,
            "cascade": cell.cascade.name(),
            "theory": cell.theory.name(),
        })
    });
    json!({
        "recipe": comparison.recipe,
        "success_accuracy": comparison.success,
        "networks": comparison.networks,
        "succeeded": comparison.succeeded,
        "conclusive": comparison.is_conclusive(),
        "cells": comparison.cells,
        "calibrated_on": comparison.calibrated_on,
        "training_seconds": comparison.training.seconds,
        "training_flops": comparison.training.flops,
        "cascade_missing": missing_cascade(run, comparison),
        "predictors": comparison.summaries.iter().map(summary).collect::<Vec<_>>(),
        "frontiers": families.collect::<Vec<_>>(),
        "map": map.collect::<Vec<_>>(),
    })
}

fn summary(summary: &PredictorSummary) -> Value {
    let mut fields = Map::new();
    fields.insert("predictor".into(), json!(summary.predictor));
    let errors = |prefix: &str, errors: Option<&FrontierErrors>| {
        [
            (format!("{prefix}_mae_layers"), errors.map(|errors| errors.mae_layers)),
            (format!("{prefix}_bias_layers"), errors.map(|errors| errors.bias_layers)),
            (format!("{prefix}_error_octaves"), errors.map(|errors| errors.octaves)),
        ]
    };
    let estimates = [
        ("auc".to_owned(), summary.auc),
        ("auc_above_theory".to_owned(), summary.auc_above_theory),
        ("auc_above_depth".to_owned(), summary.auc_above_depth),
        ("auc_at_depth".to_owned(), summary.auc_at_depth),
        ("auc_at_depth_above_theory".to_owned(), summary.auc_at_depth_above_theory),
        ("spearman".to_owned(), summary.spearman),
        ("kendall".to_owned(), summary.kendall),
        ("brier".to_owned(), summary.brier),
        ("cost_ratio".to_owned(), summary.cost_ratio),
        ("coefficient".to_owned(), summary.coefficient.map(|coefficient| coefficient.a)),
    ];
    let all_errors = errors("frontier", summary.calibrated.as_ref())
        .into_iter()
        .chain(errors("published_frontier", summary.published.as_ref()));
    for (name, estimate) in estimates.into_iter().chain(all_errors) {
        let (value, interval) = parts(estimate);
        fields.insert(format!("{name}_interval"), interval);
        fields.insert(name, value);
    }
    for (name, value) in [
        ("brier_between", json!(summary.brier_between)),
        ("cost_seconds", json!(summary.costs.seconds)),
        ("cost_flops", json!(summary.costs.flops)),
        ("frontiers_counted", json!(summary.calibrated.map(|errors| errors.counted))),
        ("frontiers_censored", json!(summary.calibrated.map(|errors| errors.censored))),
        ("frontiers_clamped", json!(summary.calibrated.map(|errors| errors.clamped))),
        ("unchanged_by_sigma_w2", json!(summary.unchanged)),
        ("meaning", json!(summary.meaning)),
        ("missing", json!(summary.missing)),
    ] {
        fields.insert(name.into(), value);
    }
    Value::Object(fields)
}

fn parts(estimate: Option<Estimate>) -> (Value, Value) {
    let interval = estimate.and_then(|estimate| estimate.interval);
    (
        json!(estimate.map(|estimate| estimate.value)),
        json!(interval.map(|interval| [interval.low, interval.high])),
    )
}

/// A number with its interval as an object, or null.
pub(crate) fn estimate_json(estimate: Option<Estimate>) -> Value {
    let Some(Estimate { value, interval }) = estimate else { return Value::Null };
    json!({ "value": value, "interval": interval.map(|interval| [interval.low, interval.high]) })
}
