//! Scores that do not change with the weight variance.

use std::collections::BTreeMap;

use super::networks::Networks;

/// Relative differences below this are rounding.
const ROUNDING: f64 = 1e-4;

/// Share of `(network, sigma_b2, depth, initialisation)` with several weight variances at which the score is the same for all
/// of them; `None` if there are none. At 1, the predictor is independent of the weight variance.
pub(super) fn unchanged(networks: &Networks, scores: &[f64]) -> Option<f64> {
    let mut groups: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    for (row, &score) in networks.rows.iter().zip(scores) {
        let (point, depth, seed) = row.key();
        let slice = (point.variant, point.sigma_b2.to_bits());
        groups.entry((slice, depth, seed)).or_default().push(score);
    }
    let several: Vec<&Vec<f64>> = groups.values().filter(|group| group.len() > 1).collect();
    let same = several.iter().filter(|group| is_constant(group)).count();
    (!several.is_empty()).then(|| same as f64 / several.len() as f64)
}

fn is_constant(scores: &[f64]) -> bool {
    let low = scores.iter().copied().fold(f64::INFINITY, f64::min);
    let high = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Infinities of one sign differ by NaN.
    low.total_cmp(&high).is_eq()
        || high - low <= ROUNDING * low.abs().max(high.abs()) && low.is_finite() && high.is_finite()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_and_equal_infinities_count_as_unchanged() {
        assert!(is_constant(&[2.0, 2.0001]) && is_constant(&[f64::NEG_INFINITY; 2]));
        assert!(!is_constant(&[2.0, 2.1]) && !is_constant(&[1.0, f64::INFINITY]));
        assert!(is_constant(&[0.0, 0.0]) && !is_constant(&[0.0, 1e-9]));
    }
}
