//! Comparison of measured depths with mean-field theory.

use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};

use crate::{
    points::{Phase, Reach, Slice},
    spread::quantile,
};

/// Ratio of measured to theoretical depth, over the points where both are finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// Points compared.
    pub points: usize,
    /// Median.
    pub median: f64,
    /// First quartile.
    pub low: f64,
    /// Third quartile.
    pub high: f64,
}

/// Comparison of one rule on one estimator with theory, over all points of some slices.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Agreement {
    /// Ordered phase.
    pub ordered: Option<Ratio>,
    /// Chaotic phase.
    pub chaotic: Option<Ratio>,
    /// Points where information reaches beyond the network and theory gives a finite depth.
    pub beyond: usize,
    /// Those of them where theory also gives a depth beyond the network.
    pub beyond_in_theory: usize,
    /// Points with a lower bound, which are not compared.
    pub bounds: usize,
    /// Points where theory gives a depth beyond the network, and information is lost before.
    pub lost_despite_theory: usize,
}

/// Compares `rule` on `estimator` with theory over `slices`, in a network of `layers` reconstructed layers.
pub fn agreement(
    slices: &[Slice<'_>],
    estimator: EstimatorSpec,
    rule: CutoffRule,
    layers: usize,
) -> Agreement {
    let factor = rule.descriptor().theory_factor;
    let (mut ordered, mut chaotic) = (Vec::new(), Vec::new());
    let mut found = Agreement::default();
    for point in slices.iter().flat_map(|slice| &slice.points) {
        let Some(theory) = point.xi_c().map(|xi_c| factor * xi_c) else { continue };
        if point.lost_without_saturation(estimator, rule, layers).is_some() {
            continue;
        }
        match point.reach(estimator, rule, layers) {
            // A lower bound is no depth to compare.
            reach if reach.is_lower_bound() => found.bounds += 1,
            Reach::Measured { depth, .. } => {
                found.lost_despite_theory += usize::from(theory >= layers as f64);
                match point.phase {
                    Phase::Ordered => ordered.push(depth.mean / theory),
                    Phase::Chaotic => chaotic.push(depth.mean / theory),
                    Phase::Unknown => {}
                }
            }
            Reach::Beyond { .. } => {
                found.beyond += 1;
                found.beyond_in_theory += usize::from(theory >= layers as f64);
            }
            Reach::Unknown { .. } => {}
        }
    }
    Agreement { ordered: Ratio::of(ordered), chaotic: Ratio::of(chaotic), ..found }
}

impl Ratio {
    fn of(mut ratios: Vec<f64>) -> Option<Self> {
        ratios.sort_by(f64::total_cmp);
        let at = |share| quantile(&ratios, share);
        Some(Self { points: ratios.len(), median: at(0.5)?, low: at(0.25)?, high: at(0.75)? })
    }
}

#[cfg(test)]
mod tests {
    use isobath_store::synthetic::{Options, run};

    use super::*;
    use crate::points::slices;

    #[test]
    fn synthetic_rule_of_thumb_run_agrees_with_theory() {
        let run = run(&Options::default());
        let found =
            agreement(&slices(&run), EstimatorSpec::RELATIVE, CutoffRule::default(), run.layers);
        let ordered = found.ordered.unwrap();
        assert!((ordered.median - 1.0).abs() < 0.1, "{ordered:?}");
        assert!(ordered.low <= ordered.median && ordered.median <= ordered.high);
        assert!(
            found.beyond > 0
                && found.beyond_in_theory > 0
                && found.beyond_in_theory <= found.beyond
        );
    }

    #[test]
    fn decay_length_is_compared_with_xi_c() {
        let run = run(&Options::default());
        let found =
            agreement(&slices(&run), EstimatorSpec::RELATIVE, CutoffRule::Decay, run.layers);
        assert!((found.ordered.unwrap().median - 1.0).abs() < 0.1);
    }

    #[test]
    fn no_agreement_without_theory() {
        let mut run = run(&Options::default());
        run.theory.clear();
        assert_eq!(
            agreement(&slices(&run), EstimatorSpec::RELATIVE, CutoffRule::default(), run.layers),
            Agreement::default()
        );
    }
}
