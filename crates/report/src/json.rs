//! Results of a run as JSON, for scripts.

use isobath_analysis::points::{Point, Reach, slices};
use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_store::RunRecord;
use serde_json::{Value, json};

use crate::sentences::verdict_sentences;

/// Verdict sentences and cut-offs of each point. The format has version 1; fields may be added, not changed.
pub fn json(run: &RunRecord) -> Value {
    let pairs = run.pairs();
    let slices = slices(run);
    let points = slices.iter().flat_map(|slice| &slice.points);
    let points: Vec<Value> = points.map(|point| point_json(run, point, &pairs)).collect();
    json!({
        "version": 1,
        "name": run.name,
        "networks": run.variants.iter().map(|variant| &variant.description).collect::<Vec<_>>(),
        "dataset": run.dataset,
        "layers": run.layers,
        "depth_counts": run.kind.depth_counts(),
        "seeds": run.seeds,
        "cells": { "computed": run.cells.len(), "planned": run.cells_planned },
        "sentences": verdict_sentences(run),
        "points": points,
    })
}

fn point_json(run: &RunRecord, point: &Point<'_>, pairs: &[(EstimatorSpec, CutoffRule)]) -> Value {
    let cutoffs: Vec<Value> = pairs
        .iter()
        .map(|&(estimator, rule)| {
            let mut value = reach_json(&point.reach(estimator, rule, run.layers));
            value["estimator"] = estimator.to_string().into();
            value["rule"] = rule.to_string().into();
            value
        })
        .collect();
    json!({
        "network": point.id.variant,
        "sigma_w2": point.id.sigma_w2,
        "sigma_b2": point.id.sigma_b2,
        "phase": point.phase.name(),
        "xi_c": point.xi_c(),
        "cutoffs": cutoffs,
    })
}

fn reach_json(reach: &Reach) -> Value {
    match reach {
        Reach::Measured { depth, beyond, unconverged, seeds } => json!({
            "status": if reach.is_lower_bound() { "lower-bound" } else { "measured" },
            "depth": depth.mean, "low": depth.low, "high": depth.high,
            "seeds": seeds, "seeds_beyond": beyond, "seeds_unconverged": unconverged,
        }),
        Reach::Beyond { beyond, seeds } => {
            json!({ "status": "beyond", "seeds": seeds, "seeds_beyond": beyond })
        }
        Reach::Unknown { note } => json!({ "status": "unknown", "note": note }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_store::synthetic::{Options, run};

    #[test]
    fn every_point_has_a_cutoff_per_rule() {
        let mut run = run(&Options::default());
        for cutoff in &mut run.cells[0].cutoffs {
            (cutoff.depth, cutoff.beyond, cutoff.is_lower_bound) = (Some(3.0), false, true);
        }
        let value = json(&run);
        assert_eq!(value["points"].as_array().map(Vec::len), Some(20));
        assert_eq!(value["points"][0]["cutoffs"].as_array().map(Vec::len), Some(4));
        assert_eq!(value["points"][0]["cutoffs"][0]["status"], "lower-bound");
        assert_eq!(
            value["sentences"].as_array().map(Vec::len),
            Some(verdict_sentences(&run).len())
        );
    }
}
