//! Order statistics.

use std::ops::Range;

/// The median, the mean of the middle two for an even count. Reorders `values`; NaN for none.
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

/// The places, in a sorted list of `count`, of the smallest and one past the largest entry of the central share `level`.
/// Both ends are rounded outwards, so that no less than `level` lies between them.
pub(crate) fn central(count: usize, level: f64) -> Range<usize> {
    let cut = ((1.0 - level) / 2.0 * count.saturating_sub(1) as f64).floor() as usize;
    cut..count - cut.min(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&mut [4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!((median(&mut [7.0]) - 7.0).abs() < f64::EPSILON);
    }

    #[test]
    fn central_share() {
        assert_eq!(central(200, 0.95), 4..196);
        assert_eq!(central(1, 0.95), 0..1);
        assert_eq!(central(0, 0.95), 0..0);
    }
}
