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

/// The probability of success of each row, from a calibration that has seen the rows of the other folds alone. With fewer
/// than two folds there are no others, and all is 1/2.
pub fn cross_fit(scores: &[f64], outcomes: &[bool], folds: &[usize]) -> Vec<f64> {
    assert_eq!(scores.len(), outcomes.len(), "one outcome for each score");
    assert_eq!(scores.len(), folds.len(), "one fold for each score");
    let mut probabilities = vec![0.5; scores.len()];
    let count = folds.iter().max().map_or(0, |last| last + 1);
    for fold in 0..count {
        let others = || (0..scores.len()).filter(|&row| folds[row] != fold);
        let seen: Vec<f64> = others().map(|row| scores[row]).collect();
        let known: Vec<bool> = others().map(|row| outcomes[row]).collect();
        let calibration = Logistic::fit(&seen, &known);
        for row in (0..scores.len()).filter(|&row| folds[row] == fold) {
            probabilities[row] = calibration.probability(scores[row]);
        }
    }
    probabilities
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
        let outcomes = [false, true, false, true, true, true];
        let before = cross_fit(&scores, &outcomes, &folds);
        let after = cross_fit(&scores, &[true, false, false, true, true, true], &folds);
        assert_eq!(before[..2], after[..2]);
        assert_ne!(before[2..], after[2..]);
        let alone = Logistic::fit(&scores[2..], &outcomes[2..]);
        assert_eq!(before[1].to_bits(), alone.probability(2.0).to_bits());
    }

    #[test]
    fn without_others_nothing_is_known() {
        assert_eq!(cross_fit(&[1.0, 2.0], &[true, false], &[0, 0]), [0.5, 0.5]);
    }
}
