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
    let (mut ordered, mut chaotic) = (Vec::new(), Vec::new());
    let mut found = Agreement::default();
    for point in slices.iter().flat_map(|slice| &slice.points) {
        let Some(theory) = point.theory_depth(rule) else { continue };
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
                    // Theory has no finite depth on the line.
                    Phase::Critical | Phase::Unknown => {}
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

/// Least-squares line `depth = intercept + slope xi_c`, each number with its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Points of the fit.
    pub points: usize,
    /// Layers at `xi_c = 0`.
    pub intercept: [f64; 2],
    /// Layers per layer of `xi_c`.
    pub slope: [f64; 2],
}

/// Fits the depths of the ordered points of `slice` against `xi_c`. Lower bounds, depths beyond the network and points
/// where `xi_c` is greater than the network are left out; `None` with fewer than five others.
pub fn ordered_line(
    slice: &Slice<'_>,
    estimator: EstimatorSpec,
    rule: CutoffRule,
    layers: usize,
) -> Option<Line> {
    let measured = |point: &crate::points::Point<'_>| {
        let xi_c = point.xi_c().filter(|xi_c| *xi_c <= layers as f64)?;
        if point.phase != Phase::Ordered
            || point.lost_without_saturation(estimator, rule, layers).is_some()
        {
            return None;
        }
        match point.reach(estimator, rule, layers) {
            reach if reach.is_lower_bound() => None,
            Reach::Measured { depth, .. } => Some((xi_c, depth.mean)),
            Reach::Beyond { .. } | Reach::Unknown { .. } => None,
        }
    };
    Line::through(&slice.points.iter().filter_map(measured).collect::<Vec<_>>())
}

impl Line {
    /// Fewest points of a line.
    const LEAST: usize = 5;

    fn through(points: &[(f64, f64)]) -> Option<Self> {
        let count = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(|point| point.0), mean(|point| point.1));
        let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
        if points.len() < Self::LEAST || spread <= 0.0 {
            return None;
        }
        let slope = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / spread;
        let intercept = y - slope * x;
        let residual = |point: &(f64, f64)| (point.1 - intercept - slope * point.0).powi(2);
        let variance = points.iter().map(residual).sum::<f64>() / (count - 2.0);
        let errors =
            [(variance * (1.0 / count + x * x / spread)).sqrt(), (variance / spread).sqrt()];
        Some(Self {
            points: points.len(),
            intercept: [intercept, errors[0]],
            slope: [slope, errors[1]],
        })
    }
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
    fn a_line_has_the_errors_of_the_textbook() {
        // Anscombe's first set: 3.0001 ± 1.1247 and 0.5001 ± 0.1179.
        let x = [10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0];
        let y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];
        let points: Vec<(f64, f64)> = x.into_iter().zip(y).collect();
        let line = Line::through(&points).unwrap();
        let found = [line.intercept, line.slope].concat();
        for (found, expected) in found.into_iter().zip([3.0001, 1.1247, 0.5001, 0.1179]) {
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
        assert_eq!(Line::through(&points[..4]), None);
        assert_eq!(Line::through(&[(1.0, 2.0); 6]), None);
    }

    #[test]
    fn synthetic_cut_offs_are_six_times_xi_c() {
        let run = run(&Options::default());
        let slices = slices(&run);
        let line = |rule| ordered_line(&slices[0], EstimatorSpec::RELATIVE, rule, run.layers);
        let line = line(CutoffRule::default()).unwrap();
        assert!((line.slope[0] - 6.0).abs() < 0.6, "{line:?}");
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
