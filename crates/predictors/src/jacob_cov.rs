use isobath_tensor::symmetric_eigenvalues;
use isobath_trainer::TrainerBackend;
use ndarray::{Array2, Axis};

use crate::{
    CostClass, Evidence, Prediction, Predictor, PredictorId, PredictorInfo, PredictorOutput,
    Result, Scope, ScoreInfo, Settings, Subject, batch::Batch, descriptor::no_other_scores,
    tape::Tape,
};

const ID: PredictorId = PredictorId::new("jacob-cov");

/// Descriptor.
pub(crate) const INFO: PredictorInfo = PredictorInfo {
    id: ID,
    label: "Jacobian correlation",
    evidence: Evidence::Initialisation,
    scope: Scope::Network,
    cost: CostClass::ForwardBackward,
    source: "Mellor et al., arXiv:2006.04647, first version",
    scores: &[ScoreInfo::fixed(
        ID,
        ["jacob-cov", "Jacobian correlation"],
        "1",
        "-sum_i (ln(v_i + k) + 1 / (v_i + k)), v_i the eigenvalues of the correlation matrix of the samples' \
             gradients of the summed outputs by the input, k = 1e-5: local linear maps that differ train better \
             (Mellor et al., arXiv:2006.04647, first version)",
    )],
    parse: no_other_scores,
};

/// Predictors of this kind.
pub(crate) fn build<B: TrainerBackend>(
    backend: &B,
    settings: &Settings,
) -> Vec<Box<dyn Predictor>> {
    vec![Box::new(JacobCov::new(backend.clone(), settings.samples))]
}

/// Similarity of a network's local linear maps at different samples.
#[derive(Clone, Debug)]
pub(crate) struct JacobCov<B> {
    backend: B,
    samples: usize,
}

impl<B> JacobCov<B> {
    /// A predictor that reads `samples` samples.
    pub(crate) const fn new(backend: B, samples: usize) -> Self {
        Self { backend, samples }
    }
}

impl<B: TrainerBackend> Predictor for JacobCov<B> {
    fn info(&self) -> &'static PredictorInfo {
        &INFO
    }

    fn predict(&self, subject: &Subject<'_>) -> Result<PredictorOutput> {
        let batch = Batch::new(subject, self.samples, 2)?;
        let mut tape = Tape::record(&self.backend, subject.network, batch.samples.view())?;
        let layers = subject.network.spec().layers();
        let one_way: u64 = layers.iter().map(isobath_architecture::Layer::forward_flops).sum();
        let mut flops = one_way * batch.len() as u64;
        let mut score = f64::NEG_INFINITY;
        if let Some(outputs) = tape.outputs()? {
            flops *= 2;
            let back = tape.backward(&Array2::ones(outputs.dim()), None)?;
            let correlations = back.and_then(|back| correlations(&back.stored.mapv(f64::from)));
            score = correlations.map_or(score, |correlations| spread(&correlations));
        }
        Ok(PredictorOutput { predictions: vec![Prediction::Score(score)], flops })
    }
}

/// The correlation coefficients of the columns, `[n, n]`; `None` where a column is constant.
fn correlations(columns: &Array2<f64>) -> Option<Array2<f64>> {
    let means = columns.mean_axis(Axis(0))?;
    let mut columns = columns - &means;
    for mut column in columns.columns_mut() {
        let norm = column.dot(&column).sqrt();
        if norm <= 0.0 {
            return None;
        }
        column /= norm;
    }
    Some(columns.t().dot(&columns))
}

/// `-sum_i (ln(v_i + k) + 1 / (v_i + k))`
fn spread(correlations: &Array2<f64>) -> f64 {
    const K: f64 = 1e-5;
    let values =
        symmetric_eigenvalues(correlations.iter().copied().collect(), correlations.nrows());
    let term = |value: f64| {
        let value = value.max(0.0) + K;
        value.ln() + value.recip()
    };
    -values.into_iter().map(term).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use isobath_architecture::Activation;
    use isobath_tensor::Cpu;
    use ndarray::array;

    use super::*;
    use crate::testing::Case;

    #[test]
    fn samples_with_different_maps_score_higher() {
        // Eigenvalues 1, 1 and 2, 0.
        let apart = spread(&array![[1.0, 0.0], [0.0, 1.0]]);
        assert!((apart + 2.0 * ((1.0 + 1e-5_f64).ln() + 1.0 / (1.0 + 1e-5))).abs() < 1e-9);
        let alike = spread(&array![[1.0, 1.0], [1.0, 1.0]]);
        let expected = (2.0 + 1e-5_f64).ln() + 1.0 / (2.0 + 1e-5) + 1e-5_f64.ln() + 1e5;
        assert!((alike + expected).abs() < 1e-3, "{alike}");
    }

    #[test]
    fn correlations_of_lines() {
        let columns = array![[1.0, 5.0, -2.0], [2.0, 7.0, -4.0], [3.0, 9.0, -6.0]];
        let expected = array![[1.0, 1.0, -1.0], [1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]];
        assert!((correlations(&columns).unwrap() - expected).iter().all(|d| d.abs() < 1e-12));
        assert!(correlations(&array![[1.0, 2.0], [1.0, 3.0]]).is_none());
    }

    /// A linear network has one map, whatever the sample.
    #[test]
    fn linear_networks_score_lowest() {
        let score = |activation| {
            let case = Case { activation, ..Case::tanh(5, 2.0) };
            case.scores(&JacobCov::new(Cpu::new(), 8))[0]
        };
        assert!(score(Activation::Linear) < score(Activation::Tanh));
        assert!((score(Activation::Linear) / -(7.0 * 1e5) - 1.0).abs() < 0.02);
    }
}
