use serde::{Deserialize, Serialize};

use crate::Logistic;

/// Assignment of ordered values to the folds of a cross-validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Folds {
    /// Contiguous blocks of values, which test extrapolation.
    Contiguous,
    /// Every `folds`-th value, which tests interpolation.
    Alternating,
}

impl Folds {
    /// Fold, below `folds`, of each of `values` ordered values. The sizes of contiguous folds differ by at most one.
    pub fn assign(self, values: usize, folds: usize) -> Vec<usize> {
        let fold = |value: usize| match self {
            Self::Contiguous => value * folds / values,
            Self::Alternating => value % folds,
        };
        (0..values).map(fold).collect()
    }
}

/// Calibration for each fold, fitted on the rows of all other folds. With fewer than two folds there are no other rows,
/// and the calibration predicts 1/2.
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
    fn folds_are_contiguous_or_alternating() {
        assert_eq!(Folds::Contiguous.assign(7, 3), [0, 0, 0, 1, 1, 2, 2]);
        assert_eq!(Folds::Alternating.assign(7, 3), [0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(Folds::Contiguous.assign(2, 5), [0, 2]);
    }

    #[test]
    fn calibrations_ignore_the_outcomes_of_their_fold() {
        let scores = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let folds = [0, 0, 1, 1, 2, 2];
        let before = cross_calibrations(&scores, &[false, true, false, true, true, true], &folds);
        let after = cross_calibrations(&scores, &[true, false, false, true, true, true], &folds);
        assert_eq!(before[0], after[0]);
        assert_ne!(before[1..], after[1..]);
        assert_eq!(before[0], Logistic::fit(&scores[2..], &[false, true, true, true]));
    }

    #[test]
    fn a_single_fold_predicts_one_half() {
        let alone = &cross_calibrations(&[1.0, 2.0], &[true, false], &[0, 0])[0];
        assert!((alone.probability(2.0) - 0.5).abs() < 1e-12);
    }
}
