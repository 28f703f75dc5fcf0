use serde::{Deserialize, Serialize};

use crate::Logistic;

/// How values in order are shared out, so that what is fitted on some is tested on the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Folds {
    /// Neighbours together: a test of what is said beyond the values that were seen.
    Contiguous,
    /// Every so many-th: a test of what is said between them.
    Alternating,
}

impl Folds {
    /// The fold, below `folds`, of each of `values` values in order. Contiguous folds differ in size by at most one.
    pub fn share_out(self, values: usize, folds: usize) -> Vec<usize> {
        let fold = |value: usize| match self {
            Self::Contiguous => value * folds / values,
            Self::Alternating => value % folds,
        };
        (0..values).map(fold).collect()
    }
}

/// The calibration of each fold's rows, which has seen the rows of the other folds alone. With fewer than two folds
/// there are no others, and it says 1/2.
pub fn cross_calibrations(scores: &[f64], outcomes: &[bool], folds: &[usize]) -> Vec<Logistic> {
    assert_eq!(scores.len(), outcomes.len(), "one outcome for each score");
    assert_eq!(scores.len(), folds.len(), "one fold for each score");
    let count = folds.iter().max().map_or(0, |last| last + 1);
    let without = |fold: usize| {
        let others = || (0..scores.len()).filter(|&row| folds[row] != fold);
        let seen: Vec<f64> = others().map(|row| scores[row]).collect();
        let known: Vec<bool> = others().map(|row| outcomes[row]).collect();
        Logistic::fit(&seen, &known)
    };
    (0..count).map(without).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_together_or_apart() {
        assert_eq!(Folds::Contiguous.share_out(7, 3), [0, 0, 0, 1, 1, 2, 2]);
        assert_eq!(Folds::Alternating.share_out(7, 3), [0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(Folds::Contiguous.share_out(2, 5), [0, 2]);
    }

    #[test]
    fn a_fold_does_not_see_its_own_outcomes() {
        let scores = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let folds = [0, 0, 1, 1, 2, 2];
        let before = cross_calibrations(&scores, &[false, true, false, true, true, true], &folds);
        let after = cross_calibrations(&scores, &[true, false, false, true, true, true], &folds);
        assert_eq!(before[0], after[0]);
        assert_ne!(before[1..], after[1..]);
        assert_eq!(before[0], Logistic::fit(&scores[2..], &[false, true, true, true]));
    }

    #[test]
    fn without_others_nothing_is_known() {
        let alone = &cross_calibrations(&[1.0, 2.0], &[true, false], &[0, 0])[0];
        assert!((alone.probability(2.0) - 0.5).abs() < 1e-12);
    }
}
