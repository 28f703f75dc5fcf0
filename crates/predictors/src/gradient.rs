use isobath_tensor::Loss;
use isobath_trainer::TrainerBackend;
use ndarray::Array2;

use crate::{
    CostClass, Evidence, Prediction, Predictor, PredictorId, PredictorInfo, PredictorOutput,
    Result, Scope, ScoreInfo, Settings, Subject,
    batch::Batch,
    descriptor::no_other_scores,
    tape::{Tape, WeightNorms},
};

const ID: PredictorId = PredictorId::new("gradient");

/// Descriptor.
pub(crate) const INFO: PredictorInfo = PredictorInfo {
    id: ID,
    label: "gradient norms",
    evidence: Evidence::Initialisation,
    scope: Scope::Network,
    cost: CostClass::ForwardBackward,
    source: "Glorot and Bengio, AISTATS 2010",
    scores: &[
        ScoreInfo::fixed(
            ID,
            ["gradient-norm", "gradient norm"],
            "ln",
            "the logarithm of the norm of the loss's gradient by all weights: what moves can learn (after \
                 Abdelfattah et al., arXiv:2101.08134, who add up the layers' norms)",
        ),
        ScoreInfo::fixed(
            ID,
            ["gradient-ratio", "gradient ratio"],
            "ln",
            "-|ln(g_1 / g_L)|, g_l the norm of the gradient by layer l's weights: gradients should neither vanish \
                 nor explode on their way from the last layer to the first (after Glorot and Bengio, AISTATS 2010)",
        ),
    ],
    parse: no_other_scores,
};

/// Predictors of this kind.
pub(crate) fn build<B: TrainerBackend>(
    backend: &B,
    settings: &Settings,
) -> Vec<Box<dyn Predictor>> {
    vec![Box::new(Gradient::new(backend.clone(), settings.samples, settings.train.loss))]
}

/// The loss's gradient at the initialisation.
#[derive(Clone, Debug)]
pub(crate) struct Gradient<B> {
    backend: B,
    samples: usize,
    loss: Loss,
}

impl<B> Gradient<B> {
    /// Takes the gradient of `loss` over one batch of so many samples.
    pub(crate) const fn new(backend: B, samples: usize, loss: Loss) -> Self {
        Self { backend, samples, loss }
    }
}

impl<B: TrainerBackend> Predictor for Gradient<B> {
    fn info(&self) -> &'static PredictorInfo {
        &INFO
    }

    fn predict(&self, subject: &Subject<'_>) -> Result<PredictorOutput> {
        let (norms, flops) = self.ln_norms(subject)?;
        let largest = norms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let squares: f64 = norms.iter().map(|norm| (2.0 * (norm - largest)).exp()).sum();
        let ratio = norms[0] - norms[norms.len() - 1];
        let scores = [largest + 0.5 * squares.ln(), -ratio.abs()];
        let predictions = scores.map(crate::predictor::defined).map(Prediction::Score).to_vec();
        Ok(PredictorOutput { predictions, flops })
    }
}

impl<B: TrainerBackend> Gradient<B> {
    /// The logarithms of the norms of the gradient by each layer's weights, the first layer first, and the
    /// floating-point operations it took.
    fn ln_norms(&self, subject: &Subject<'_>) -> Result<(Vec<f64>, u64)> {
        let layers = subject.network.spec().layers();
        let batch = Batch::new(subject, self.samples, 1)?;
        let mut tape = Tape::record(&self.backend, subject.network, batch.samples.view())?;
        let forward: u64 = layers.iter().map(isobath_architecture::Layer::forward_flops).sum();
        let mut flops = forward * batch.len() as u64;
        let mut norms = WeightNorms::new(&self.backend, layers.len());
        let Some(outputs) = tape.outputs()? else { return Ok((norms.ln_norms, flops)) };
        let outputs: Array2<f64> = outputs.mapv(f64::from).reversed_axes();
        let derivative = self.loss.evaluate(outputs.view(), &batch.labels).gradient;
        tape.backward(&derivative.reversed_axes(), Some(&mut norms))?;
        // The layer's weights and its input.
        flops += 2 * forward * batch.len() as u64;
        Ok((norms.ln_norms, flops))
    }
}

#[cfg(test)]
mod tests {
    use isobath_architecture::Activation;
    use isobath_tensor::{Cpu, Reference};
    use isobath_testkit::{Tolerance, assert_close};

    use super::*;
    use crate::testing::{Case, SAMPLES};

    /// Norms of central differences in f64.
    fn numeric_norms(case: &Case, loss: Loss) -> Vec<f64> {
        let layers = case.layers64();
        let (x, labels) = case.batch64();
        // Small enough that no unit passes a kink on the way: the nearest one is 3.5e-6 from its own.
        let step = 1e-7;
        let at = |layer: usize, index: usize, shift: f64| {
            let mut layers = layers.clone();
            layers[layer].weights.as_slice_mut().unwrap()[index] += shift;
            let outputs = crate::testing::forward64(&layers, &x).pop().unwrap();
            loss.evaluate(outputs.t(), &labels).loss
        };
        let norm = |layer: usize| {
            let slope = |index| (at(layer, index, step) - at(layer, index, -step)) / (2.0 * step);
            (0..layers[layer].weights.len()).map(|i| slope(i).powi(2)).sum::<f64>().sqrt()
        };
        (0..layers.len()).map(norm).collect()
    }

    #[test]
    fn norms_match_finite_differences() {
        for activation in Activation::ALL {
            let case = Case { activation, ..Case::tanh(4, 1.5) };
            let predictor = Gradient::new(Reference, SAMPLES, Loss::CrossEntropy);
            let (norms, _) = case.with_subject(4, |subject| predictor.ln_norms(subject).unwrap());
            let norms: Vec<f64> = norms.into_iter().map(f64::exp).collect();
            let numeric = numeric_norms(&case, Loss::CrossEntropy);
            println!("{activation}");
            assert_close(&norms, &numeric, Tolerance::relative(1e-5));
        }
    }

    #[test]
    fn scores_are_the_whole_norm_and_the_ratio_of_its_ends() {
        let case = Case::tanh(4, 1.5);
        let norms = numeric_norms(&case, Loss::CrossEntropy);
        let whole = norms.iter().map(|norm| norm * norm).sum::<f64>().sqrt().ln();
        let ratio = -(norms[0] / norms[3]).ln().abs();
        let scores = case.scores(&Gradient::new(Cpu::new(), SAMPLES, Loss::CrossEntropy));
        assert_close(&scores, &[whole, ratio], Tolerance::relative(1e-4));
    }

    /// In a chain of linear layers that halve, the gradient halves as often: far below what f32 can hold.
    #[test]
    fn gradients_do_not_vanish_with_the_range_of_numbers() {
        let case =
            Case { activation: Activation::Linear, sigma_b2: 1.0, ..Case::tanh(150, 0.0001) };
        let predictor = Gradient::new(Cpu::new(), 8, Loss::CrossEntropy);
        let (norms, _) = case.with_subject(150, |subject| predictor.ln_norms(subject).unwrap());
        let slope = (norms[0] - norms[100]) / 100.0;
        // A hundredfold shrinking per layer, within the scatter of 9 units.
        assert!(norms.iter().all(|norm| norm.is_finite()), "{norms:?}");
        assert!((slope + 100.0_f64.ln()).abs() < 0.5, "{slope}");
    }
}
