use crate::midranks;

/// The area under the ROC curve: the probability that a success has a larger score than a failure, ties counting half
/// (the Mann-Whitney statistic over the number of pairs).
///
/// `None` where all outcomes are the same.
pub fn roc_auc(scores: &[f64], outcomes: &[bool]) -> Option<f64> {
    assert_eq!(scores.len(), outcomes.len(), "one outcome for each score");
    let successes = outcomes.iter().filter(|&&success| success).count() as f64;
    let failures = outcomes.len() as f64 - successes;
    if successes <= 0.0 || failures <= 0.0 {
        return None;
    }
    let ranks = midranks(scores);
    let sum: f64 =
        ranks.iter().zip(outcomes).filter(|(_, success)| **success).map(|(r, _)| r).sum();
    Some((sum - 0.5 * successes * (successes + 1.0)) / (successes * failures))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn by_hand() {
        // Of six pairs, four in order, one tie, one in reverse.
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
    fn one_class_has_no_curve() {
        assert_eq!(roc_auc(&[1.0, 2.0], &[true, true]), None);
        assert_eq!(roc_auc(&[], &[]), None);
    }

    proptest! {
        #[test]
        fn pairs_one_by_one(rows in prop::collection::vec((0_i32..8, any::<bool>()), 2..40)) {
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
