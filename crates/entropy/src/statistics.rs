//! Order statistics.

use std::ops::Range;

/// Median; the mean of the middle two for an even count, NaN for no values. Reorders `values`.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    let count = values.len();
    if count == 0 {
        return f64::NAN;
    }
    let (below, &mut upper, _) = values.select_nth_unstable_by(count / 2, f64::total_cmp);
    if count % 2 == 1 {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    f64::midpoint(lower, upper)
}

/// Index range of the central share `level` in a sorted list of `count` entries. Rounds outwards, so that the range covers at
/// least `level`.
pub(crate) fn central(count: usize, level: f64) -> Range<usize> {
    let cut = ((1.0 - level) / 2.0 * count.saturating_sub(1) as f64).floor() as usize;
    cut..count - cut.min(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_odd_and_even_counts() {
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&mut [4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!((median(&mut [7.0]) - 7.0).abs() < f64::EPSILON);
    }

    #[test]
    fn central_range_is_rounded_outwards() {
        assert_eq!(central(200, 0.95), 4..196);
        assert_eq!(central(1, 0.95), 0..1);
        assert_eq!(central(0, 0.95), 0..0);
    }
}
