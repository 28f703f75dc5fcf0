use isobath_trainer::TrainerBackend;

use crate::{
    CostClass, Evidence, Predictor, PredictorId, PredictorInfo, PredictorOutput, Result, Scope,
    ScoreInfo, Settings, Subject, descriptor::no_other_scores, forward::profiles,
};

const ID: PredictorId = PredictorId::new("correlation");

/// Descriptor.
pub(crate) const INFO: PredictorInfo = PredictorInfo {
    id: ID,
    label: "correlation of samples",
    evidence: Evidence::Initialisation,
    scope: Scope::Family,
    cost: CostClass::Forward,
    source: "Poole et al., arXiv:1606.05340",
    scores: &[ScoreInfo::fixed(
        ID,
        ["correlation", "correlation"],
        "nats",
        "ln(1 - c) with c the mean cosine of the angle between two samples' activations in the last hidden layer: \
             what has become the same cannot be told apart (c as in Poole et al., arXiv:1606.05340)",
    )],
    parse: no_other_scores,
};

/// Predictors of this kind.
pub(crate) fn build<B: TrainerBackend>(
    backend: &B,
    settings: &Settings,
) -> Vec<Box<dyn Predictor>> {
    vec![Box::new(Correlation::new(backend.clone(), settings.samples))]
}

/// Distance between different inputs at the readout.
#[derive(Clone, Debug)]
pub(crate) struct Correlation<B> {
    backend: B,
    samples: usize,
}

impl<B> Correlation<B> {
    /// A predictor that reads `samples` samples.
    pub(crate) const fn new(backend: B, samples: usize) -> Self {
        Self { backend, samples }
    }
}

impl<B: TrainerBackend> Predictor for Correlation<B> {
    fn info(&self) -> &'static PredictorInfo {
        &INFO
    }

    fn predict(&self, subject: &Subject<'_>) -> Result<PredictorOutput> {
        profiles(&self.backend, subject, self.samples, |seen| {
            let mut h = seen.h.mapv(f64::from);
            for mut column in h.columns_mut() {
                let norm = column.dot(&column).sqrt();
                column /= norm;
            }
            // 1 - c = |u - v|^2 / 2 for unit vectors keeps the digits that c has lost near 1, and its mean over all
            // pairs is n / (n - 1) times the unit vectors' variance around their own mean.
            let n = h.ncols() as f64;
            let mean = h.sum_axis(ndarray::Axis(1)) / n;
            let squares: f64 =
                h.columns().into_iter().map(|u| (&u - &mean).mapv(|d| d * d).sum()).sum();
            Ok(([(squares / (n - 1.0)).ln()], 0))
        })
    }
}

#[cfg(test)]
mod tests {
    use isobath_architecture::Activation;
    use isobath_tensor::Cpu;
    use ndarray::{Array1, s};

    use super::*;
    use crate::testing::Case;

    #[test]
    fn the_score_matches_a_sum_over_pairs() {
        let case = Case::tanh(4, 1.5);
        let h = case.hidden_layers().pop().unwrap();
        let unit = |i| {
            let u: Array1<f64> = h.slice(s![.., i]).to_owned();
            &u / u.dot(&u).sqrt()
        };
        let n = h.ncols();
        let pairs = (0..n).flat_map(|i| (0..i).map(move |j| (i, j)));
        let (sum, count) = pairs
            .fold((0.0, 0.0), |(sum, count), (i, j)| (sum + unit(i).dot(&unit(j)), count + 1.0));
        let score = case.scores(&Correlation::new(Cpu::new(), n))[0];
        let expected = f64::ln(1.0 - sum / count);
        assert!((score - expected).abs() < 1e-5, "{score} is not {expected}");
    }

    #[test]
    fn ordered_networks_make_samples_equal() {
        let score =
            |sigma_w2| Case::tanh(30, sigma_w2).scores(&Correlation::new(Cpu::new(), 16))[0];
        assert!(score(0.5) < score(1.2) && score(1.2) < score(3.0));
    }

    #[test]
    fn relu_without_biases_ignores_the_variance() {
        let score = |sigma_w2| {
            let case =
                Case { activation: Activation::Relu, sigma_b2: 0.0, ..Case::tanh(12, sigma_w2) };
            case.scores(&Correlation::new(Cpu::new(), 16))[0]
        };
        assert!((score(0.7) - score(3.1)).abs() < 1e-4, "{} {}", score(0.7), score(3.1));
    }
}
