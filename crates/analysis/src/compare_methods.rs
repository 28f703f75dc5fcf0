//! Cost and cut-offs of one run compared with those of a reference run on the same networks.

use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_store::{CellRecord, CutoffRecord, RunRecord};

/// Differences of at most this many layers count as agreement.
const TOLERANCE_LAYERS: f64 = 2.0;
/// So do differences of at most this share of the reference's depth.
const TOLERANCE_SHARE: f64 = 0.05;

/// Comparison of one run with a reference, over their common cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Name of the compared run.
    pub name: String,
    /// Number of networks in both runs.
    pub networks: usize,
    /// Seconds per network for decoders, reconstructions and entropies.
    pub seconds: Ratio,
    /// Floating-point operations of the cascade's matrix products.
    pub flops: Ratio,
    /// One entry per estimator and rule of both runs, in the reference's order.
    pub cutoffs: Vec<Difference>,
}

/// Cost per network: medians, and the ratio of totals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// Median of this run.
    pub median: f64,
    /// Median of the reference.
    pub reference: f64,
    /// Total of the reference divided by this run's total.
    pub saved: f64,
}

/// Differences of the cut-offs of one rule on one estimator. A depth beyond the network counts as the network's depth.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The estimator.
    pub estimator: EstimatorSpec,
    /// The cut-off rule.
    pub rule: CutoffRule,
    /// Number of networks with a depth in both runs.
    pub compared: usize,
    /// Number of those beyond the network in both runs.
    pub both_beyond: usize,
    /// Number of those whose depths differ by at most two layers or 5% of the reference's depth.
    pub within: usize,
    /// Median of this run's depth minus the reference's, in layers.
    pub median: f64,
    /// Median absolute difference.
    pub median_size: f64,
    /// Largest absolute difference.
    pub largest: f64,
}

/// Compares `other` with `reference`; `None` if they have no common cell.
pub fn compare(reference: &RunRecord, other: &RunRecord) -> Option<Comparison> {
    let is_same = |a: &CellRecord, b: &CellRecord| {
        (a.cell.point, a.cell.seed_index) == (b.cell.point, b.cell.seed_index)
    };
    let partner = |record| Some((record, other.cells.iter().find(|cell| is_same(cell, record))?));
    let pairs: Vec<_> = reference.cells.iter().filter_map(partner).collect();
    let kinds = reference
        .estimators
        .iter()
        .flat_map(|&estimator| reference.rules.iter().map(move |&rule| (estimator, rule)));
    let seconds = |record: &CellRecord| record.cost.cascade_seconds + record.cost.entropy_seconds;
    Some(Comparison {
        name: other.name.clone(),
        networks: pairs.len(),
        seconds: Ratio::of(&pairs, seconds)?,
        flops: Ratio::of(&pairs, |record| record.cost.flops as f64)?,
        cutoffs: kinds.filter_map(|kind| difference(&pairs, kind, reference.layers)).collect(),
    })
}

/// A cell of the reference with the cell of the same network in the other run.
type Pair<'a> = (&'a CellRecord, &'a CellRecord);

impl Ratio {
    fn of(pairs: &[Pair<'_>], cost: impl Fn(&CellRecord) -> f64) -> Option<Self> {
        let (before, now): (Vec<f64>, Vec<f64>) =
            pairs.iter().map(|(a, b)| (cost(a), cost(b))).unzip();
        let saved = before.iter().sum::<f64>() / now.iter().sum::<f64>();
        Some(Self { median: median(now)?, reference: median(before)?, saved })
    }
}

fn difference(
    pairs: &[Pair<'_>],
    (estimator, rule): (EstimatorSpec, CutoffRule),
    layers: usize,
) -> Option<Difference> {
    let cutoff = |record: &CellRecord| -> Option<(f64, bool)> {
        let is_it = |cutoff: &&CutoffRecord| cutoff.estimator == estimator && cutoff.rule == rule;
        let cutoff = record.cutoffs.iter().find(is_it)?;
        let depth = cutoff.depth.or_else(|| cutoff.beyond.then_some(layers as f64));
        Some((depth?, cutoff.beyond))
    };
    let both: Vec<_> = pairs.iter().filter_map(|(a, b)| cutoff(a).zip(cutoff(b))).collect();
    let is_within = |before: f64, now: f64| {
        (now - before).abs() <= TOLERANCE_LAYERS.max(TOLERANCE_SHARE * before)
    };
    let differences: Vec<f64> = both.iter().map(|((before, _), (now, _))| now - before).collect();
    let sizes: Vec<f64> = differences.iter().map(|difference| difference.abs()).collect();
    Some(Difference {
        estimator,
        rule,
        compared: both.len(),
        both_beyond: both.iter().filter(|((_, a), (_, b))| *a && *b).count(),
        within: both.iter().filter(|((before, _), (now, _))| is_within(*before, *now)).count(),
        median: median(differences)?,
        largest: sizes.iter().copied().fold(0.0, f64::max),
        median_size: median(sizes)?,
    })
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().checked_sub(1)? / 2, values.len() / 2);
    Some(f64::midpoint(values[low], values[high]))
}

/// Formats costs and differences as Markdown tables.
pub fn markdown(reference: &RunRecord, comparisons: &[Comparison]) -> String {
    let mut lines = vec![
        format!(
            "| run | networks | seconds per network ({}: {}) | speed-up | FLOP ratio |",
            reference.name,
            comparisons.first().map_or(String::new(), |c| format!("{:.3}", c.seconds.reference)),
        ),
        "|---|---|---|---|---|".to_owned(),
    ];
    for Comparison { name, networks, seconds, flops, .. } in comparisons {
        lines.push(format!(
            "| {name} | {networks} | {:.3} | {:.1} | {:.1} |",
            seconds.median, seconds.saved, flops.saved
        ));
    }
    lines.push(String::new());
    lines.push("| run | estimator, rule | compared | both beyond | within 2 layers or 5% | median difference | median absolute difference | largest |".to_owned());
    lines.push("|---|---|---|---|---|---|---|---|".to_owned());
    for Comparison { name, cutoffs, .. } in comparisons {
        for cutoff in cutoffs {
            let Difference { estimator, rule, compared, both_beyond, within, .. } = cutoff;
            lines.push(format!(
                "| {name} | {estimator}, {rule} | {compared} | {both_beyond} | {:.0}% | {:+.1} | {:.1} | {:.1} |",
                100.0 * *within as f64 / *compared as f64,
                cutoff.median,
                cutoff.median_size,
                cutoff.largest
            ));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_store::synthetic::{Options, run};

    fn options() -> Options {
        Options { seeds: 2, layers: 30, ..Options::default() }
    }

    #[test]
    fn a_run_agrees_with_itself() {
        let run = run(&options());
        let comparison = compare(&run, &run).unwrap();
        assert_eq!((comparison.networks, comparison.cutoffs.len()), (40, 4));
        assert!((comparison.seconds.saved - 1.0).abs() < 1e-12);
        for cutoff in comparison.cutoffs {
            assert_eq!((cutoff.compared, cutoff.within), (40, 40));
            assert!(cutoff.largest < 1e-12 && cutoff.both_beyond < 40);
        }
    }

    #[test]
    fn synthetic_differences_and_costs() {
        let reference = run(&options());
        let mut other = reference.clone();
        for record in &mut other.cells {
            record.cost.cascade_seconds = 0.0;
            for cutoff in &mut record.cutoffs {
                cutoff.depth = cutoff.depth.map(|depth| depth + 3.0);
            }
        }
        // Cells missing from the other run are not compared.
        other.cells.remove(0);
        let comparison = compare(&reference, &other).unwrap();
        assert_eq!(comparison.networks, 39);
        assert!((comparison.seconds.saved - (4.5 + 0.125) / 0.125).abs() < 1e-9);
        let saturation = &comparison.cutoffs[0];
        assert!((saturation.largest - 3.0).abs() < 1e-12);
        // Depths below 60 layers differ by more than 5%; only those beyond the network agree.
        assert_eq!(saturation.within, saturation.both_beyond);
        let text = markdown(&reference, &[comparison]);
        assert!(text.contains("| made-up | relative, saturation | 39 |"), "{text}");
    }

    #[test]
    fn runs_without_a_common_cell() {
        let reference = run(&options());
        let other = run(&Options { sigma_w2: vec![9.0], ..options() });
        assert_eq!(compare(&reference, &other), None);
    }

    #[test]
    fn medians() {
        assert_eq!(median(Vec::new()), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
