/// Rank of each number, starting at 1; equal numbers share the mean of their ranks.
pub fn midranks(numbers: &[f64]) -> Vec<f64> {
    assert!(numbers.iter().all(|x| !x.is_nan()), "a score is not a number");
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|&i, &j| compare(numbers[i], numbers[j]));
    let mut ranks = vec![0.0; numbers.len()];
    let mut before = 0;
    for equal in order.chunk_by(|&i, &j| compare(numbers[i], numbers[j]).is_eq()) {
        let rank = before as f64 + 0.5 * (equal.len() as f64 + 1.0);
        equal.iter().for_each(|&i| ranks[i] = rank);
        before += equal.len();
    }
    ranks
}

/// Total order of numbers that treats both zeros as equal, unlike `total_cmp`.
fn compare(a: f64, b: f64) -> std::cmp::Ordering {
    (a + 0.0).total_cmp(&(b + 0.0))
}

/// Spearman's rank correlation in `[-1, 1]`: Pearson's correlation of the [`midranks`].
///
/// `None` if all numbers of one side are equal.
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "pairs of numbers");
    let (x, y) = (midranks(x), midranks(y));
    let mean = 0.5 * (x.len() as f64 + 1.0);
    let product =
        |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let squares = product(&x, &x) * product(&y, &y);
    (squares > 0.0).then(|| (product(&x, &y) / squares.sqrt()).clamp(-1.0, 1.0))
}

/// Kendall's `tau_b` in `[-1, 1]`: concordant minus discordant pairs, divided by the geometric mean of the numbers of
/// pairs that are not tied in `x` and not tied in `y`. The algorithm takes `n log n` steps (Knight, JASA 61, 1966).
///
/// `None` if all numbers of one side are equal.
pub fn kendall(x: &[f64], y: &[f64]) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "pairs of numbers");
    let (x, y) = (midranks(x), midranks(y));
    let mut pairs: Vec<(f64, f64)> = x.into_iter().zip(y).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let same = |a: f64, b: f64| a.total_cmp(&b).is_eq();
    let ties = |runs: &mut dyn Iterator<Item = usize>| runs.map(pairs_of).sum::<f64>();
    let tied_x = ties(&mut pairs.chunk_by(|a, b| same(a.0, b.0)).map(<[_]>::len));
    let tied_both =
        ties(&mut pairs.chunk_by(|a, b| same(a.0, b.0) && same(a.1, b.1)).map(<[_]>::len));
    let mut y: Vec<f64> = pairs.into_iter().map(|pair| pair.1).collect();
    let reversed = inversions(&mut y) as f64;
    let tied_y = ties(&mut y.chunk_by(|&a, &b| same(a, b)).map(<[_]>::len));
    let all = pairs_of(y.len());
    let comparable = (all - tied_x) * (all - tied_y);
    let difference = all - tied_x - tied_y + tied_both - 2.0 * reversed;
    (comparable > 0.0).then(|| (difference / comparable.sqrt()).clamp(-1.0, 1.0))
}

/// Number of pairs of `n` items.
fn pairs_of(n: usize) -> f64 {
    0.5 * n as f64 * (n as f64 - 1.0)
}

/// Sorts the numbers and counts the inverted pairs.
fn inversions(numbers: &mut [f64]) -> u64 {
    let (n, middle) = (numbers.len(), numbers.len() / 2);
    if n < 2 {
        return 0;
    }
    let (left, right) = numbers.split_at_mut(middle);
    let mut count = inversions(left) + inversions(right);
    let mut merged = Vec::with_capacity(n);
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        if left[i] <= right[j] {
            merged.push(left[i]);
            i += 1;
        } else {
            merged.push(right[j]);
            j += 1;
            count += (left.len() - i) as u64;
        }
    }
    merged.extend_from_slice(&left[i..]);
    merged.extend_from_slice(&right[j..]);
    numbers.copy_from_slice(&merged);
    count
}

#[cfg(test)]
mod tests {
    use isobath_testkit::{Tolerance, assert_close};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ties_share_their_ranks() {
        assert_eq!(midranks(&[3.0, -0.0, 3.0, 0.0, 9.0]), [3.5, 1.5, 3.5, 1.5, 5.0]);
        assert_eq!(midranks(&[f64::INFINITY, 1.0, f64::NEG_INFINITY]), [3.0, 2.0, 1.0]);
    }

    /// The ranks of `y` are 2, 1, 4, 3, so Spearman's correlation is `1 - 6 sum d^2 / (n (n^2 - 1)) = 1 - 24/60`. Two
    /// of six pairs are discordant.
    #[test]
    fn matches_hand_calculation() {
        let (x, y) = ([1.0, 2.0, 3.0, 4.0], [20.0, 10.0, 40.0, 30.0]);
        assert_close(&[spearman(&x, &y).unwrap()], &[0.6], Tolerance::absolute(1e-12));
        assert_close(&[kendall(&x, &y).unwrap()], &[(4.0 - 2.0) / 6.0], Tolerance::absolute(1e-12));
    }

    /// One of six pairs of `x` is tied; of the other five all are concordant but (2, 3).
    #[test]
    fn ties_match_hand_calculation() {
        let (x, y) = ([1.0, 1.0, 2.0, 3.0], [1.0, 2.0, 4.0, 3.0]);
        let expected = (4.0 - 1.0) / (5.0_f64 * 6.0).sqrt();
        assert_close(&[kendall(&x, &y).unwrap()], &[expected], Tolerance::absolute(1e-12));
    }

    #[test]
    fn constant_input_has_no_correlation() {
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(kendall(&[1.0, 2.0], &[1.0, 1.0]), None);
        assert_eq!(kendall(&[], &[]), None);
    }

    fn slow_kendall(x: &[f64], y: &[f64]) -> Option<f64> {
        let sign = |a: f64, b: f64| f64::from(i8::from(a > b) - i8::from(a < b));
        let (mut sum, mut of_x, mut of_y) = (0.0, 0.0, 0.0);
        for i in 0..x.len() {
            for j in 0..i {
                let (s, t) = (sign(x[i], x[j]), sign(y[i], y[j]));
                (sum, of_x, of_y) = (sum + s * t, of_x + s * s, of_y + t * t);
            }
        }
        (of_x * of_y > 0.0).then(|| sum / f64::sqrt(of_x * of_y))
    }

    proptest! {
        #[test]
        fn matches_the_sum_over_pairs(rows in prop::collection::vec((0_i32..9, 0_i32..9), 0..30)) {
            let (x, y): (Vec<f64>, Vec<f64>) =
                rows.iter().map(|&(x, y)| (f64::from(x), f64::from(y))).unzip();
            let (fast, slow) = (kendall(&x, &y), slow_kendall(&x, &y));
            prop_assert_eq!(fast.is_some(), slow.is_some());
            if let (Some(fast), Some(slow)) = (fast, slow) {
                prop_assert!((fast - slow).abs() < 1e-12, "{fast} {slow}");
            }
        }

        #[test]
        fn rank_correlations_depend_only_on_order(x in prop::collection::vec(-1e3..1e3_f64, 3..30)) {
            let up: Vec<f64> = x.iter().map(|x| x.powi(3)).collect();
            let down: Vec<f64> = x.iter().map(|x| -x).collect();
            for correlation in [spearman, kendall] {
                prop_assert!((correlation(&x, &up).unwrap() - 1.0).abs() < 1e-12);
                prop_assert!((correlation(&x, &down).unwrap() + 1.0).abs() < 1e-12);
            }
        }
    }
}
