use isobath_trainer::TrainerBackend;

use crate::{Findings, Predictor, Quantity, Result, Scope, Subject, forward::profiles};

/// The entropy over a batch of what the readout sees.
#[derive(Clone, Debug)]
pub struct BatchEntropyOfLayers<B> {
    backend: B,
    samples: usize,
}

impl<B> BatchEntropyOfLayers<B> {
    /// Looks at so many samples.
    pub const fn new(backend: B, samples: usize) -> Self {
        Self { backend, samples }
    }
}

impl<B: TrainerBackend> Predictor for BatchEntropyOfLayers<B> {
    fn quantities(&self) -> Vec<Quantity> {
        vec![Quantity::new(
            "batch-entropy",
            "the logarithm of the mean over units of 0.5 ln(pi e s^2 + 1), s the standard deviation over a batch, in \
             the last hidden layer: units that vary carry information (Peer et al., arXiv:2208.01134)",
        )]
    }

    fn scope(&self) -> Scope {
        Scope::Family
    }

    fn judge(&self, subject: &Subject<'_>) -> Result<Findings> {
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
