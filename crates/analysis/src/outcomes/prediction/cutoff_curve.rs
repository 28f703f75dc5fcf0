//! Cut-offs of a run as a function of the weight variance.

use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_experiment::NetworkKind;
use isobath_store::RunRecord;

use crate::{
    outcomes::Family,
    points::{Reach, Slice, slices},
};

/// Cut-off at one weight variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CurvePoint {
    pub(super) sigma_w2: f64,
    /// Depth in layers, infinite beyond the network; `None` where the rule finds none.
    pub(super) depth: Option<f64>,
    /// True if the information may reach deeper.
    pub(super) is_lower_bound: bool,
}

/// Cut-offs of one network and bias variance by ascending `sigma_w2`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CutoffCurve {
    points: Vec<CurvePoint>,
    /// Number of reconstructed layers.
    layers: f64,
}

impl CutoffCurve {
    pub(super) fn new(
        run: &RunRecord,
        slice: &Slice<'_>,
        estimator: EstimatorSpec,
        rule: CutoffRule,
    ) -> Self {
        let point = |point: &crate::points::Point<'_>| {
            let reach = point.reach(estimator, rule, run.layers);
            let depth = match &reach {
                Reach::Measured { depth, .. } => Some(depth.mean),
                Reach::Beyond { .. } => Some(f64::INFINITY),
                Reach::Unknown { .. } => None,
            };
            let is_lower_bound = reach.is_lower_bound() || depth.is_some_and(f64::is_infinite);
            CurvePoint { sigma_w2: point.id.sigma_w2, depth, is_lower_bound }
        };
        Self { points: slice.points.iter().map(point).collect(), layers: run.layers as f64 }
    }

    /// Cut-off at `sigma_w2`, linear between the neighbours; `None` outside of them, or where a neighbour has none.
    ///
    /// Between a finite cut-off and one beyond the network, the latter counts with the network's depth.
    pub(super) fn at(&self, sigma_w2: f64) -> Option<CurvePoint> {
        let is_same = |point: &&CurvePoint| (point.sigma_w2 / sigma_w2 - 1.0).abs() < SAME;
        if let Some(point) = self.points.iter().find(is_same) {
            return point.depth.map(|_| *point);
        }
        let above = self.points.partition_point(|point| point.sigma_w2 < sigma_w2);
        let (low, high) = (self.points.get(above.checked_sub(1)?)?, self.points.get(above)?);
        let (shallow, deep) = (low.depth?, high.depth?);
        let is_lower_bound = low.is_lower_bound || high.is_lower_bound;
        if shallow.is_infinite() && deep.is_infinite() {
            return Some(CurvePoint { sigma_w2, depth: Some(f64::INFINITY), is_lower_bound });
        }
        let [shallow, deep] = [shallow, deep].map(|depth| depth.min(self.layers));
        let share = (sigma_w2 - low.sigma_w2) / (high.sigma_w2 - low.sigma_w2);
        let depth = Some(shallow + share * (deep - shallow));
        Some(CurvePoint { sigma_w2, depth, is_lower_bound })
    }
}

/// Relative difference below which two variances are the same.
const SAME: f64 = 1e-9;

/// Slices of `run` whose networks belong to `family`, apart from their weight variance: fully connected, and equal in
/// activation and bias variance. Widths, data and dropout may differ; a note says so.
pub(super) fn matching_slices<'a>(run: &'a RunRecord, family: &Family) -> Vec<Slice<'a>> {
    let is_mlp = run.kind == NetworkKind::Mlp;
    let matches = |slice: &Slice<'_>| {
        let variant = &run.variants[slice.variant];
        let bias = (slice.sigma_b2 - family.sigma_b2).abs() <= SAME * family.sigma_b2;
        bias && variant.scheme.is_none() && variant.activation == family.activation.to_string()
    };
    slices(run).into_iter().filter(|slice| is_mlp && matches(slice)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(depths: &[(f64, Option<f64>)]) -> CutoffCurve {
        let point = |&(sigma_w2, depth): &(f64, Option<f64>)| CurvePoint {
            sigma_w2,
            depth,
            is_lower_bound: depth.is_some_and(f64::is_infinite),
        };
        CutoffCurve { points: depths.iter().map(point).collect(), layers: 100.0 }
    }

    #[track_caller]
    fn check(curve: &CutoffCurve, sigma_w2: f64, expected: Option<(f64, bool)>) {
        let found = curve.at(sigma_w2).map(|point| (point.depth.unwrap(), point.is_lower_bound));
        match (found, expected) {
            (Some(found), Some(expected)) => {
                assert!(
                    (found.0 - expected.0).abs() < 1e-9 || found.0.total_cmp(&expected.0).is_eq()
                );
                assert_eq!(found.1, expected.1);
            }
            _ => assert_eq!(found, expected),
        }
    }

    #[test]
    fn cutoffs_are_interpolated_and_never_extrapolated() {
        let curve = curve(&[(1.0, Some(10.0)), (2.0, Some(40.0)), (3.0, Some(20.0))]);
        check(&curve, 1.5, Some((25.0, false)));
        check(&curve, 2.0 + 1e-12, Some((40.0, false)));
        check(&curve, 3.0, Some((20.0, false)));
        check(&curve, 0.99, None);
        check(&curve, 3.01, None);
    }

    #[test]
    fn beyond_the_network_is_a_lower_bound() {
        let inf = f64::INFINITY;
        let curve = curve(&[(1.0, Some(20.0)), (2.0, Some(inf)), (3.0, Some(inf)), (4.0, None)]);
        check(&curve, 1.5, Some((60.0, true)));
        check(&curve, 2.5, Some((inf, true)));
        check(&curve, 3.5, None);
        check(&curve, 4.0, None);
    }
}
