use serde::{Deserialize, Serialize};

use crate::{isotonic, midranks};

/// Brier score, the mean squared difference between probabilities and outcomes, and its decomposition:
/// `score = miscalibration - discrimination + uncertainty`.
///
/// The decomposition follows Dimitriadis, Gneiting and Jordan (PNAS 118, 2021). Miscalibration is the gain of an
/// isotonic recalibration on the same rows, and discrimination is the advantage of the recalibrated forecast over the
/// overall frequency. No bins are needed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Brier {
    /// Score from 0 (certain and correct) to 1.
    pub score: f64,
    /// Non-negative; 0 for calibrated probabilities.
    pub miscalibration: f64,
    /// Non-negative; equal to the uncertainty for a perfect discrimination.
    pub discrimination: f64,
    /// `p (1 - p)`, where `p` is the frequency of success.
    pub uncertainty: f64,
}

/// Mean squared difference between probabilities and outcomes; `None` if there are no rows.
pub fn brier_score(probabilities: &[f64], outcomes: &[bool]) -> Option<f64> {
    assert_eq!(probabilities.len(), outcomes.len(), "one outcome for each probability");
    let square = |(p, &success): (&f64, &bool)| (p - f64::from(u8::from(success))).powi(2);
    let sum: f64 = probabilities.iter().zip(outcomes).map(square).sum();
    (!outcomes.is_empty()).then(|| sum / outcomes.len() as f64)
}

impl Brier {
    /// Computes the decomposition for probabilities in `[0, 1]`; `None` if there are no rows.
    pub fn new(probabilities: &[f64], outcomes: &[bool]) -> Option<Self> {
        let score = brier_score(probabilities, outcomes)?;
        let frequency =
            outcomes.iter().filter(|&&success| success).count() as f64 / outcomes.len() as f64;
        let uncertainty = frequency * (1.0 - frequency);
        let best = brier_score(&recalibrated(probabilities, outcomes), outcomes)?;
        Some(Self {
            score,
            miscalibration: score - best,
            discrimination: uncertainty - best,
            uncertainty,
        })
    }
}

/// Replaces each probability with the isotonic fit; equal probabilities get equal values.
fn recalibrated(probabilities: &[f64], outcomes: &[bool]) -> Vec<f64> {
    let ranks = midranks(probabilities);
    let mut order: Vec<usize> = (0..ranks.len()).collect();
    order.sort_by(|&i, &j| ranks[i].total_cmp(&ranks[j]));
    let groups: Vec<&[usize]> =
        order.chunk_by(|&i, &j| ranks[i].total_cmp(&ranks[j]).is_eq()).collect();
    let weights: Vec<f64> = groups.iter().map(|group| group.len() as f64).collect();
    let frequency = |group: &&[usize]| {
        group.iter().filter(|&&i| outcomes[i]).count() as f64 / group.len() as f64
    };
    let fit = isotonic(&groups.iter().map(frequency).collect::<Vec<_>>(), &weights);
    let mut values = vec![0.0; ranks.len()];
    for (group, value) in groups.into_iter().zip(fit) {
        group.iter().for_each(|&i| values[i] = value);
    }
    values
}

#[cfg(test)]
mod tests {
    use isobath_testkit::{Tolerance, assert_close};
    use proptest::prelude::*;

    use super::*;

    /// Groups of equal forecasts in increasing order, for which the parts equal Murphy's sums of `n_k (p_k - o_k)^2`
    /// and of `n_k (o_k - o)^2`.
    #[test]
    fn matches_hand_calculation() {
        let brier = Brier::new(&[0.2, 0.2, 0.9, 0.9], &[false, true, true, true]).unwrap();
        let expected = Brier {
            score: (0.04 + 0.64 + 0.01 + 0.01) / 4.0,
            miscalibration: (2.0 * 0.09 + 2.0 * 0.01) / 4.0,
            discrimination: (2.0 * 0.0625 + 2.0 * 0.0625) / 4.0,
            uncertainty: 0.75 * 0.25,
        };
        let parts = |b: &Brier| [b.score, b.miscalibration, b.discrimination, b.uncertainty];
        assert_close(&parts(&brier), &parts(&expected), Tolerance::absolute(1e-12));
    }

    #[test]
    fn empty_input_has_no_score() {
        assert_eq!(Brier::new(&[], &[]), None);
    }

    proptest! {
        #[test]
        fn the_decomposition_sums_to_the_score(rows in prop::collection::vec((0_u32..11, any::<bool>()), 1..40)) {
            let (p, outcomes): (Vec<f64>, Vec<bool>) =
                rows.iter().map(|&(p, success)| (f64::from(p) / 10.0, success)).unzip();
            let brier = Brier::new(&p, &outcomes).unwrap();
            let sum = brier.miscalibration - brier.discrimination + brier.uncertainty;
            prop_assert!((sum - brier.score).abs() < 1e-12);
            prop_assert!(brier.miscalibration >= -1e-12 && brier.discrimination >= -1e-12);
        }
    }
}
