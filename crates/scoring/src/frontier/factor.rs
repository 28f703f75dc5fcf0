//! One factor from predicted depths to measured frontiers.

use super::Frontier;

/// A predicted depth and the measured frontier of one family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DepthPair {
    /// Predicted depth in layers, from 0 to infinity.
    pub predicted: f64,
    /// Measured frontier.
    pub measured: Frontier,
}

/// Factor `a` with the least mean `|log2(a predicted / measured)|`: the median of `measured / predicted` over the families
/// whose measured frontier is inside the grid, for an even number the geometric mean of the middle two.
///
/// `None` without such a family, or if the median is zero or infinite because most predictions are.
pub fn frontier_factor(pairs: impl IntoIterator<Item = DepthPair>) -> Option<f64> {
    let octaves = |pair: DepthPair| match pair.measured {
        Frontier::At(depth) => Some(depth.log2() - pair.predicted.log2()),
        Frontier::Shallower | Frontier::Deeper => None,
    };
    let mut octaves: Vec<f64> = pairs.into_iter().filter_map(octaves).collect();
    octaves.sort_by(f64::total_cmp);
    let last = octaves.len().checked_sub(1)?;
    let median = f64::midpoint(octaves[last / 2], octaves[last - last / 2]);
    median.is_finite().then(|| median.exp2())
}

/// Factor for each family, fitted by [`frontier_factor`] on the families of all other groups.
pub fn frontier_factors_across(pairs: &[DepthPair], groups: &[usize]) -> Vec<Option<f64>> {
    assert_eq!(pairs.len(), groups.len(), "one group for each family");
    let others = |group: usize| {
        pairs.iter().zip(groups).filter(move |(_, other)| **other != group).map(|(pair, _)| *pair)
    };
    groups.iter().map(|&group| frontier_factor(others(group))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(rows: &[(f64, f64)]) -> Vec<DepthPair> {
        let pair = |&(predicted, depth)| DepthPair { predicted, measured: Frontier::At(depth) };
        rows.iter().map(pair).collect()
    }

    #[track_caller]
    fn check(factor: Option<f64>, expected: f64) {
        assert!((factor.unwrap() / expected - 1.0).abs() < 1e-12, "{factor:?} {expected}");
    }

    #[test]
    fn the_factor_is_the_median_ratio() {
        check(frontier_factor(pairs(&[(10.0, 20.0), (5.0, 30.0), (4.0, 4.0)])), 2.0);
        check(frontier_factor(pairs(&[(10.0, 20.0), (5.0, 40.0)])), 4.0);
        // An infinite depth is one vote for a smaller factor, however far it is from the frontier.
        check(frontier_factor(pairs(&[(f64::INFINITY, 20.0), (5.0, 40.0), (4.0, 4.0)])), 1.0);
    }

    #[test]
    fn frontiers_outside_the_grid_are_left_out() {
        let mut all = pairs(&[(10.0, 20.0)]);
        all.push(DepthPair { predicted: 1.0, measured: Frontier::Deeper });
        check(frontier_factor(all.clone()), 2.0);
        assert_eq!(frontier_factor(all.drain(1..)), None);
    }

    #[test]
    fn no_factor_makes_infinite_or_vanishing_depths_finite() {
        assert_eq!(frontier_factor(pairs(&[(f64::INFINITY, 20.0)])), None);
        assert_eq!(frontier_factor(pairs(&[(0.0, 20.0), (f64::INFINITY, 20.0)])), None);
    }

    #[test]
    fn a_family_has_no_part_in_its_own_factor() {
        let all = pairs(&[(10.0, 20.0), (10.0, 80.0), (10.0, 40.0), (1.0, 4.0)]);
        let factors = frontier_factors_across(&all, &[0, 1, 2, 2]);
        check(factors[0], 4.0);
        check(factors[1], 4.0);
        check(factors[2], 4.0);
        assert_eq!(factors[2], factors[3]);
        assert_eq!(frontier_factors_across(&all[..1], &[0]), [None]);
    }
}
