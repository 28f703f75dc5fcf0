use crate::midranks;

/// Area under the ROC curve: the probability that a success has a larger score than a failure, with ties counted as one
/// half (the Mann-Whitney statistic divided by the number of pairs).
///
/// `None` if all outcomes are equal.
pub fn roc_auc(scores: &[f64], outcomes: &[bool]) -> Option<f64> {
    assert_eq!(scores.len(), outcomes.len(), "one outcome for each score");
    let (wins, pairs) = wins(scores, outcomes);
    (pairs > 0.0).then(|| wins / pairs)
}

/// Area under the ROC curve over pairs within the same stratum; all pairs have equal weight. It measures the
/// information in the scores beyond the stratum.
///
/// `None` if no stratum has both outcomes.
pub fn roc_auc_within(scores: &[f64], outcomes: &[bool], strata: &[usize]) -> Option<f64> {
    assert_eq!(scores.len(), outcomes.len(), "one outcome for each score");
    assert_eq!(scores.len(), strata.len(), "one stratum for each score");
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by_key(|&row| strata[row]);
    let of_stratum = |rows: &[usize]| {
        let scores: Vec<f64> = rows.iter().map(|&row| scores[row]).collect();
        let outcomes: Vec<bool> = rows.iter().map(|&row| outcomes[row]).collect();
        wins(&scores, &outcomes)
    };
    let (wins, pairs) = order
        .chunk_by(|&a, &b| strata[a] == strata[b])
        .map(of_stratum)
        .fold((0.0, 0.0), |sum, (wins, pairs)| (sum.0 + wins, sum.1 + pairs));
    (pairs > 0.0).then(|| wins / pairs)
}

/// Number of success-failure pairs in which the success has the larger score, and number of all such pairs.
fn wins(scores: &[f64], outcomes: &[bool]) -> (f64, f64) {
    let successes = outcomes.iter().filter(|&&success| success).count() as f64;
    let failures = outcomes.len() as f64 - successes;
    let ranks = midranks(scores);
    let of_successes = ranks.iter().zip(outcomes).filter(|(_, success)| **success);
    let sum: f64 = of_successes.map(|(rank, _)| rank).sum();
    (sum - 0.5 * successes * (successes + 1.0), successes * failures)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn matches_hand_calculation() {
        // Of six pairs four are in order, one is a tie and one is in reverse.
        let scores = [3.0, 1.0, 2.0, 2.0, 0.5];
        let outcomes = [true, true, true, false, false];
        assert_eq!(roc_auc(&scores, &outcomes), Some(4.5 / 6.0));
    }

    #[test]
    fn infinite_scores_are_the_largest_and_smallest() {
        let scores = [f64::INFINITY, 1.0, f64::NEG_INFINITY, f64::NEG_INFINITY];
        assert_eq!(roc_auc(&scores, &[true, true, false, false]), Some(1.0));
        assert_eq!(roc_auc(&scores, &[true, false, true, false]), Some(2.5 / 4.0));
    }

    #[test]
    fn a_single_class_has_no_curve() {
        assert_eq!(roc_auc(&[1.0, 2.0], &[true, true]), None);
        assert_eq!(roc_auc(&[], &[]), None);
    }

    /// In the first stratum one of two pairs is in order, in the second all three; the third has a single outcome.
    #[test]
    fn strata_match_hand_calculation() {
        let scores = [1.0, 2.0, 3.0, 9.0, 8.0, 7.0, 6.0, 0.0];
        let outcomes = [false, true, false, true, true, true, false, true];
        let strata = [4, 4, 4, 1, 1, 1, 1, 0];
        assert_eq!(roc_auc_within(&scores, &outcomes, &strata), Some(4.0 / 5.0));
        // A score equal to the stratum contains no information beyond it.
        let blind: Vec<f64> = strata.iter().map(|&stratum| stratum as f64).collect();
        assert_eq!(roc_auc_within(&blind, &outcomes, &strata), Some(0.5));
        assert_eq!(roc_auc_within(&[1.0, 2.0], &[true, false], &[0, 1]), None);
    }

    proptest! {
        #[test]
        fn matches_the_sum_over_pairs(rows in prop::collection::vec((0_i32..8, any::<bool>()), 2..40)) {
            let (scores, outcomes): (Vec<f64>, Vec<bool>) =
                rows.iter().map(|&(score, success)| (f64::from(score), success)).unzip();
            let of = |class| rows.iter().filter(move |row| row.1 == class).map(|row| row.0);
            let pairs = of(true).flat_map(|s| of(false).map(move |f| (s, f)));
            let wins: Vec<f64> =
                pairs.map(|(s, f)| if s == f { 0.5 } else { f64::from(u8::from(s > f)) }).collect();
            let expected = (!wins.is_empty()).then(|| wins.iter().sum::<f64>() / wins.len() as f64);
            prop_assert_eq!(roc_auc(&scores, &outcomes).is_some(), expected.is_some());
            if let (Some(auc), Some(expected)) = (roc_auc(&scores, &outcomes), expected) {
                prop_assert!((auc - expected).abs() < 1e-12, "{auc} {expected}");
                let same: Vec<f64> = scores.iter().map(|s| (0.3 * s).exp() - 9.0).collect();
                prop_assert_eq!(roc_auc(&same, &outcomes), Some(auc));
                let reversed: Vec<f64> = scores.iter().map(|s| -s).collect();
                let other = roc_auc(&reversed, &outcomes).unwrap();
                prop_assert!((auc + other - 1.0).abs() < 1e-12, "{auc} {other}");
            }
        }
    }
}
