//! Frontier of one family of networks: the greatest depth at which they can be trained. All crates use this definition.

mod factor;
mod trained;

use serde::{Deserialize, Serialize};

pub use factor::{DepthPair, frontier_factor, frontier_factors_across};
pub use trained::{OutcomesByDepth, SeedFrontier, Side, TrainedFrontier};

use crate::isotonic;

/// Greatest depth at which networks of one family succeed, on a grid of depths.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Frontier {
    /// Not even the shallowest one does.
    Shallower,
    /// Down to this depth, between those of the grid.
    At(f64),
    /// The deepest one does.
    Deeper,
}

/// Success at a depth: a frequency or a probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observed {
    /// Layers.
    pub depth: f64,
    /// In `[0, 1]`.
    pub success: f64,
}

/// Depth at which success becomes less likely than failure: the crossing of 1/2 by the non-increasing function of depth that is
/// nearest to the observations, with the logarithm of the depth between two depths in proportion. Depths may repeat, in
/// any order. `None` without observations.
pub fn frontier(observations: &[Observed]) -> Option<Frontier> {
    let mut sorted = observations.to_vec();
    sorted.sort_by(|a, b| b.depth.total_cmp(&a.depth));
    // Deepest first, so that success rises; one value for each depth.
    let depths: Vec<&[Observed]> =
        sorted.chunk_by(|a, b| a.depth.total_cmp(&b.depth).is_eq()).collect();
    let mean = |at: &&[Observed]| at.iter().map(|o| o.success).sum::<f64>() / at.len() as f64;
    let values: Vec<f64> = depths.iter().map(mean).collect();
    let weights: Vec<f64> = depths.iter().map(|at| at.len() as f64).collect();
    let fit = isotonic(&values, &weights);
    let (first, last) = (*fit.first()?, *fit.last()?);
    if last < 0.5 {
        return Some(Frontier::Shallower);
    }
    if first >= 0.5 {
        return Some(Frontier::Deeper);
    }
    let above = fit.iter().position(|&success| success >= 0.5)?;
    let (deep, shallow) = (depths[above - 1][0].depth.log2(), depths[above][0].depth.log2());
    let share = (fit[above] - 0.5) / (fit[above] - fit[above - 1]);
    Some(Frontier::At((shallow + share * (deep - shallow)).exp2()))
}

impl Frontier {
    /// A depth as a frontier on a grid from `shallowest` to `deepest`.
    pub fn from_depth(depth: f64, [shallowest, deepest]: [f64; 2]) -> Self {
        if depth < shallowest {
            Self::Shallower
        } else if depth >= deepest {
            Self::Deeper
        } else {
            Self::At(depth)
        }
    }

    /// The median, of an even number the geometric mean of the middle two, or the one of these that is outside the
    /// grid. `None` of nothing.
    pub fn median(frontiers: &[Self]) -> Option<Self> {
        let key = |frontier: &Self| frontier.clamped([f64::NEG_INFINITY, f64::INFINITY]);
        let mut sorted = frontiers.to_vec();
        sorted.sort_by(|a, b| key(a).total_cmp(&key(b)));
        let (low, high) = (sorted.len().checked_sub(1)? / 2, sorted.len() / 2);
        Some(match [sorted[low], sorted[high]] {
            [Self::At(low), Self::At(high)] => Self::At((low * high).sqrt()),
            [Self::At(_), outside] | [outside, _] => outside,
        })
    }

    /// The depth, or that of the grid's end.
    pub const fn clamped(self, [shallowest, deepest]: [f64; 2]) -> f64 {
        match self {
            Self::Shallower => shallowest,
            Self::At(depth) => depth,
            Self::Deeper => deepest,
        }
    }
}

/// Distances of predicted from measured frontiers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrontierError {
    /// Mean absolute difference, in layers.
    pub mae_layers: f64,
    /// Mean of predicted minus measured, in layers: positive for a predictor that promises too much.
    pub bias_layers: f64,
    /// Mean of `|log2(predicted / measured)|`.
    pub octaves: f64,
    /// Families whose measured frontier is inside the grid: those that the means are over.
    pub counted: usize,
    /// Families whose measured frontier is not; they are left out.
    pub censored: usize,
    /// Counted families whose predicted frontier is outside the grid. They count with the grid's end, which is at most
    /// as far from the truth as the prediction.
    pub clamped: usize,
}

/// The errors of pairs of a predicted and a measured frontier on a grid of depths from `shallowest` to `deepest`.
///
/// `None` where no measured frontier is inside the grid.
pub fn frontier_error(
    pairs: &[[Frontier; 2]],
    [shallowest, deepest]: [f64; 2],
) -> Option<FrontierError> {
    let inside = pairs.iter().filter_map(|&[predicted, measured]| match measured {
        Frontier::At(measured) => Some((predicted, measured)),
        Frontier::Shallower | Frontier::Deeper => None,
    });
    let (mut absolute, mut signed, mut octaves, mut counted, mut clamped) = (0.0, 0.0, 0.0, 0, 0);
    for (predicted, measured) in inside {
        let depth = predicted.clamped([shallowest, deepest]);
        absolute += (depth - measured).abs();
        signed += depth - measured;
        octaves += (depth / measured).log2().abs();
        counted += 1;
        clamped += usize::from(!matches!(predicted, Frontier::At(_)));
    }
    let n = counted as f64;
    (counted > 0).then(|| FrontierError {
        mae_layers: absolute / n,
        bias_layers: signed / n,
        octaves: octaves / n,
        counted,
        censored: pairs.len() - counted,
        clamped,
    })
}

#[cfg(test)]
mod tests {
    use isobath_testkit::{Tolerance, assert_close};
    use proptest::prelude::*;

    use super::*;

    fn observed(rows: &[(f64, f64)]) -> Vec<Observed> {
        rows.iter().map(|&(depth, success)| Observed { depth, success }).collect()
    }

    #[track_caller]
    fn check(rows: &[(f64, f64)], expected: Frontier) {
        match (frontier(&observed(rows)), expected) {
            (Some(Frontier::At(depth)), Frontier::At(expected)) => {
                assert_close(&[depth], &[expected], Tolerance::relative(1e-12));
            }
            (frontier, expected) => assert_eq!(frontier, Some(expected)),
        }
    }

    #[test]
    fn in_the_middle_of_a_jump_by_octaves() {
        check(&[(5.0, 1.0), (10.0, 1.0), (40.0, 0.0), (80.0, 0.0)], Frontier::At(20.0));
    }

    #[test]
    fn a_slope_is_crossed_in_proportion() {
        check(&[(2.0, 0.9), (8.0, 0.1)], Frontier::At(4.0));
        check(&[(2.0, 0.6), (32.0, 0.2)], Frontier::At(4.0));
    }

    #[test]
    fn seeds_of_a_depth_are_one_frequency() {
        check(&[(8.0, 0.0), (2.0, 1.0), (2.0, 1.0), (8.0, 0.0), (8.0, 0.0)], Frontier::At(4.0));
    }

    #[test]
    fn beyond_the_grid() {
        check(&[(5.0, 1.0), (10.0, 0.5)], Frontier::Deeper);
        check(&[(5.0, 0.4), (10.0, 0.1)], Frontier::Shallower);
        assert_eq!(frontier(&[]), None);
    }

    /// A failure in the shallows and a success in the depths are each outvoted.
    #[test]
    fn stragglers_are_outvoted() {
        let rows =
            [(1.0, 1.0), (2.0, 0.0), (4.0, 1.0), (8.0, 1.0), (16.0, 0.0), (32.0, 0.0), (64.0, 0.0)];
        // Pooled: 1, then 2/3 down to 8, then 0.
        let share = (2.0 / 3.0 - 0.5) / (2.0 / 3.0);
        check(&rows, Frontier::At(8.0 * 2.0_f64.powf(share)));
    }

    #[test]
    fn errors_by_hand() {
        let pairs = [
            [Frontier::At(10.0), Frontier::At(20.0)],
            [Frontier::Deeper, Frontier::At(16.0)],
            [Frontier::At(12.0), Frontier::Deeper],
            [Frontier::Shallower, Frontier::Shallower],
        ];
        let error = frontier_error(&pairs, [2.0, 64.0]).unwrap();
        let expected = FrontierError {
            mae_layers: f64::midpoint(10.0, 48.0),
            bias_layers: (48.0 - 10.0) / 2.0,
            octaves: f64::midpoint(1.0, 2.0),
            counted: 2,
            censored: 2,
            clamped: 1,
        };
        assert_eq!(error, expected);
        assert_eq!(frontier_error(&pairs[2..], [2.0, 64.0]), None);
    }

    #[test]
    fn depths_on_a_grid() {
        let at = |depth| Frontier::from_depth(depth, [5.0, 50.0]);
        assert_eq!(at(4.9), Frontier::Shallower);
        assert_eq!(at(5.0), Frontier::At(5.0));
        assert_eq!(at(f64::INFINITY), Frontier::Deeper);
    }

    #[test]
    fn medians_of_seeds() {
        use Frontier::{At, Deeper, Shallower};
        assert_eq!(Frontier::median(&[]), None);
        assert_eq!(Frontier::median(&[Deeper, At(9.0), At(4.0)]), Some(At(9.0)));
        assert_eq!(Frontier::median(&[At(4.0), At(9.0)]), Some(At(6.0)));
        assert_eq!(Frontier::median(&[At(4.0), Deeper]), Some(Deeper));
        assert_eq!(Frontier::median(&[Shallower, At(4.0)]), Some(Shallower));
    }

    proptest! {
        #[test]
        fn a_sharp_frontier_is_found(depths in prop::collection::btree_set(1_u32..200, 2..12), cut in 0_usize..12) {
            let depths: Vec<f64> = depths.into_iter().map(f64::from).collect();
            let cut = cut.min(depths.len());
            let rows: Vec<(f64, f64)> =
                depths.iter().enumerate().map(|(i, &d)| (d, f64::from(u8::from(i < cut)))).collect();
            let expected = match cut {
                0 => Frontier::Shallower,
                _ if cut == depths.len() => Frontier::Deeper,
                _ => Frontier::At((depths[cut - 1] * depths[cut]).sqrt()),
            };
            match (frontier(&observed(&rows)).unwrap(), expected) {
                (Frontier::At(depth), Frontier::At(expected)) => {
                    prop_assert!((depth / expected - 1.0).abs() < 1e-12);
                }
                (found, expected) => prop_assert_eq!(found, expected),
            }
        }
    }
}
