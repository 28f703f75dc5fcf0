/// Isotonic regression: the non-decreasing sequence with the smallest weighted squared distance from `values`, by the
/// pool-adjacent-violators algorithm (Ayer et al. 1955). Weights must be positive.
pub fn isotonic(values: &[f64], weights: &[f64]) -> Vec<f64> {
    assert_eq!(values.len(), weights.len(), "one weight for each value");
    // Blocks of equal values: mean, weight, length.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for (&value, &weight) in values.iter().zip(weights) {
        assert!(weight > 0.0, "a weight is {weight}");
        let mut block = (value, weight, 1);
        while let Some(&(mean, weight, length)) = blocks.last()
            && mean >= block.0
        {
            blocks.pop();
            let total = weight + block.1;
            block = ((mean * weight + block.0 * block.1) / total, total, length + block.2);
        }
        blocks.push(block);
    }
    blocks.into_iter().flat_map(|(mean, _, length)| std::iter::repeat_n(mean, length)).collect()
}

#[cfg(test)]
mod tests {
    use isobath_testkit::{Tolerance, assert_close};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn matches_hand_calculation() {
        let fit = isotonic(&[1.0, 3.0, 2.0, 2.0, 5.0], &[1.0, 1.0, 1.0, 2.0, 1.0]);
        assert_close(&fit, &[1.0, 2.25, 2.25, 2.25, 5.0], Tolerance::absolute(1e-12));
    }

    proptest! {
        /// Optimality conditions: the fit preserves the sum of each block, and no split of a block lowers its first
        /// part.
        #[test]
        fn fit_satisfies_the_optimality_conditions(values in prop::collection::vec(0.0..1.0_f64, 1..20)) {
            let fit = isotonic(&values, &vec![1.0; values.len()]);
            prop_assert!(fit.windows(2).all(|pair| pair[0] <= pair[1]));
            let mut first = 0;
            for block in fit.chunk_by(|a, b| a.total_cmp(b).is_eq()) {
                let raw = &values[first..first + block.len()];
                for end in 1..=raw.len() {
                    let mean = raw[..end].iter().sum::<f64>() / end as f64;
                    prop_assert!(mean >= block[0] - 1e-9);
                    prop_assert!(end < raw.len() || (mean - block[0]).abs() < 1e-9);
                }
                first += block.len();
            }
        }
    }
}
