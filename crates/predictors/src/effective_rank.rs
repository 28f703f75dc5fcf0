use isobath_tensor::symmetric_eigenvalues;
use isobath_trainer::TrainerBackend;
use ndarray::Array2;

use crate::{
    CostClass, Evidence, Predictor, PredictorId, PredictorInfo, PredictorOutput, Result, Scope,
    ScoreInfo, Settings, Subject, descriptor::no_other_scores, forward::profiles,
};

const ID: PredictorId = PredictorId::new("effective-rank");

/// Descriptor.
pub(crate) const INFO: PredictorInfo = PredictorInfo {
    id: ID,
    label: "effective rank",
    evidence: Evidence::Initialisation,
    scope: Scope::Family,
    cost: CostClass::Forward,
    source: "Roy and Vetterli, EUSIPCO 2007",
    scores: &[
        ScoreInfo::fixed(
            ID,
            ["effective-rank", "effective rank"],
            "1",
            "the exponential of the entropy of the normalised singular values of the last hidden layer's \
                 activations, not centred: few directions leave little to tell classes apart by (Roy and Vetterli, \
                 EUSIPCO 2007)",
        ),
        ScoreInfo::fixed(
            ID,
            ["effective-rank-min", "smallest effective rank"],
            "1",
            "the smallest effective rank from the input to the last hidden layer (Roy and Vetterli, EUSIPCO 2007)",
        ),
    ],
    parse: no_other_scores,
};

/// Predictors of this kind.
pub(crate) fn build<B: TrainerBackend>(
    backend: &B,
    settings: &Settings,
) -> Vec<Box<dyn Predictor>> {
    vec![Box::new(EffectiveRank::new(backend.clone(), settings.samples))]
}

/// Number of directions in which the samples differ at the readout.
#[derive(Clone, Debug)]
pub(crate) struct EffectiveRank<B> {
    backend: B,
    samples: usize,
}

impl<B> EffectiveRank<B> {
    /// A predictor that reads `samples` samples, which is also the largest possible rank.
    pub(crate) const fn new(backend: B, samples: usize) -> Self {
        Self { backend, samples }
    }
}

impl<B: TrainerBackend> Predictor for EffectiveRank<B> {
    fn info(&self) -> &'static PredictorInfo {
        &INFO
    }

    fn predict(&self, subject: &Subject<'_>) -> Result<PredictorOutput> {
        let mut smallest = f64::INFINITY;
        profiles(&self.backend, subject, self.samples, |seen| {
            let (gram, flops) = seen.gram();
            let rank = effective_rank(&gram);
            // Not f64::min, which would forget a rank that is not defined.
            smallest = if rank < smallest || rank.is_nan() { rank } else { smallest };
            Ok(([rank, smallest], flops))
        })
    }
}

/// `exp(-sum_i p_i ln p_i)` with `p_i = s_i / sum_j s_j`, `s_i^2` the eigenvalues of `gram`, which is symmetric; NaN
/// for zero and for what is not finite. Eigenvalues below rounding count as zero.
pub(crate) fn effective_rank(gram: &Array2<f64>) -> f64 {
    let n = gram.nrows();
    let scale = gram.diag().sum();
    if scale <= 0.0 || !scale.is_finite() {
        return f64::NAN;
    }
    let floor = n as f64 * f64::EPSILON;
    let eigenvalues = symmetric_eigenvalues(gram.iter().map(|x| x / scale).collect(), n);
    let singular: Vec<f64> =
        eigenvalues.into_iter().filter(|&value| value > floor).map(f64::sqrt).collect();
    let sum: f64 = singular.iter().sum();
    let entropy: f64 = singular.iter().map(|s| s / sum).map(|p| -p * p.ln()).sum();
    entropy.exp()
}

#[cfg(test)]
mod tests {
    use isobath_architecture::Activation;
    use isobath_tensor::Cpu;
    use ndarray::array;

    use super::*;
    use crate::testing::Case;

    #[track_caller]
    fn check(h: &Array2<f64>, expected: f64) {
        let rank = effective_rank(&h.t().dot(h));
        assert!((rank - expected).abs() < 1e-7, "{rank} is not {expected}");
    }

    #[test]
    fn orthogonal_samples_of_one_length_have_full_rank() {
        check(&(Array2::eye(5) * 3e-20), 5.0);
    }

    #[test]
    fn equal_samples_have_rank_one() {
        check(&array![[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]], 1.0);
    }

    /// Singular values 3 and 1, so that `p = 3/4, 1/4`.
    #[test]
    fn two_directions_of_different_weight() {
        let entropy = 0.75 * (4.0_f64 / 3.0).ln() + 0.25 * 4.0_f64.ln();
        check(&array![[3.0, 0.0], [0.0, 1.0]], entropy.exp());
        let turn = array![[0.6, -0.8], [0.8, 0.6]];
        check(&turn.dot(&array![[3.0, 0.0], [0.0, 1.0]]), entropy.exp());
    }

    #[test]
    fn matrices_of_zeros_or_infinities_have_no_rank() {
        assert!(effective_rank(&Array2::zeros((3, 3))).is_nan());
        assert!(
            effective_rank(&array![[1.0, f64::INFINITY], [0.0, 1.0]].dot(&Array2::ones((2, 2))))
                .is_nan()
        );
    }

    #[test]
    fn the_smallest_never_rises_with_depth() {
        let case = Case::tanh(12, 3.0);
        let scores = |depth| case.scores_at(&EffectiveRank::new(Cpu::new(), 16), depth);
        let smallest: Vec<f64> = (1..=12).map(|depth| scores(depth)[1]).collect();
        assert!(smallest.windows(2).all(|pair| pair[1] <= pair[0]), "{smallest:?}");
        let ranks: Vec<f64> = (1..=12).map(|depth| scores(depth)[0]).collect();
        let lowest = ranks.iter().copied().reduce(f64::min).unwrap();
        assert_eq!(smallest[11].to_bits(), lowest.to_bits());
    }

    #[test]
    fn relu_without_biases_ignores_the_variance() {
        let rank = |sigma_w2| {
            let case =
                Case { activation: Activation::Relu, sigma_b2: 0.0, ..Case::tanh(8, sigma_w2) };
            case.scores(&EffectiveRank::new(Cpu::new(), 16))[0]
        };
        assert!((rank(0.7) / rank(3.1) - 1.0).abs() < 1e-4, "{} {}", rank(0.7), rank(3.1));
    }
}
