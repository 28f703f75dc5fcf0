use isobath_trainer::TrainerBackend;

use crate::{
    CostClass, Evidence, Predictor, PredictorId, PredictorInfo, PredictorOutput, Result, Scope,
    ScoreInfo, Settings, Subject, descriptor::no_other_scores, forward::profiles,
};

const ID: PredictorId = PredictorId::new("batch-entropy");

/// Descriptor.
pub(crate) const INFO: PredictorInfo = PredictorInfo {
    id: ID,
    label: "batch entropy",
    evidence: Evidence::Initialisation,
    scope: Scope::Family,
    cost: CostClass::Forward,
    source: "Peer et al., arXiv:2208.01134",
    scores: &[ScoreInfo::fixed(
        ID,
        ["batch-entropy", "batch entropy"],
        "ln nats",
        "the logarithm of the mean over units of 0.5 ln(pi e s^2 + 1), s the standard deviation over a batch, in \
             the last hidden layer: units that vary carry information (Peer et al., arXiv:2208.01134)",
    )],
    parse: no_other_scores,
};

/// Predictors of this kind.
pub(crate) fn build<B: TrainerBackend>(
    backend: &B,
    settings: &Settings,
) -> Vec<Box<dyn Predictor>> {
    vec![Box::new(BatchEntropyOfLayers::new(backend.clone(), settings.samples))]
}

/// Batch entropy of the readout's input.
#[derive(Clone, Debug)]
pub(crate) struct BatchEntropyOfLayers<B> {
    backend: B,
    samples: usize,
}

impl<B> BatchEntropyOfLayers<B> {
    /// A predictor that reads `samples` samples.
    pub(crate) const fn new(backend: B, samples: usize) -> Self {
        Self { backend, samples }
    }
}

impl<B: TrainerBackend> Predictor for BatchEntropyOfLayers<B> {
    fn info(&self) -> &'static PredictorInfo {
        &INFO
    }

    fn predict(&self, subject: &Subject<'_>) -> Result<PredictorOutput> {
        profiles(&self.backend, subject, self.samples, |seen| {
            let shape = [seen.h.nrows(), seen.h.ncols()];
            Ok(([self.backend.batch_entropy(shape, seen.buffer)?.ln()], 0))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::{E, PI};

    use isobath_tensor::Cpu;

    use super::*;
    use crate::testing::Case;

    #[test]
    fn the_last_hidden_layer_counts() {
        let case = Case::tanh(4, 1.5);
        let h = case.hidden_layers().pop().unwrap();
        let entropy = |row: ndarray::ArrayView1<'_, f64>| {
            let variance = row.var(1.0);
            0.5 * (PI * E * variance + 1.0).ln()
        };
        let expected = h.rows().into_iter().map(entropy).sum::<f64>() / h.nrows() as f64;
        let score = case.scores(&BatchEntropyOfLayers::new(Cpu::new(), h.ncols()))[0];
        assert!((score - expected.ln()).abs() < 1e-5, "{score} is not {}", expected.ln());
    }
}
