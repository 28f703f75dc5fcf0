use crate::{
    Activation, DecoderConfig, DecoderState, FullBackend, Optimizer, Precision, Reference, Result,
    TrainDecoder,
    conformance::{Finding, Report, Suite, Tally, has_kink},
};

pub(crate) fn run<B: FullBackend>(suite: &Suite<'_, B>, report: &mut Report) -> Result<()> {
    report.add(suite.decoder(WELL_CONDITIONED_ADAM, "train_decoder with Adam")?);
    report.add(suite.decoder(Optimizer::sgd(0.05), "train_decoder with SGD")?);
    let momentum = Optimizer::momentum(0.05, 0.9);
    report.add(suite.decoder(momentum, "train_decoder with momentum")?);
    report.add(suite.decoder(WELL_CONDITIONED_RMSPROP, "train_decoder with RMSProp")?);
    report.add(suite.decoder(WELL_CONDITIONED_ADAGRAD, "train_decoder with Adagrad")?);
    let decaying = WELL_CONDITIONED_ADAM.with_weight_decay(0.1);
    report.add(suite.decoder(decaying, "train_decoder with Adam and weight decay")?);
    for (precision, check) in [
        (Precision::Tf32, "a step of train_decoder in tf32"),
        (Precision::Bf16, "a step of train_decoder in bf16"),
    ] {
        report.add_unless_refused(suite.step_in(precision, check))?;
    }
    report.refused("train_decoder", suite.short_decoder()?);
    Ok(())
}

/// Samples, inputs, outputs and batch of a decoder too wide for kernels that keep its rows in the nearest memory.
const WIDE_DECODER: [usize; 4] = [20, 2051, 17, 8];

/// Adam that does not magnify rounding errors: it divides a gradient by its own size plus `eps`, and this `eps` is not
/// much smaller than the gradients here.
const WELL_CONDITIONED_ADAM: Optimizer =
    Optimizer::Adam { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-4, weight_decay: 0.0 };

/// `RMSProp` that does not magnify rounding errors.
const WELL_CONDITIONED_RMSPROP: Optimizer =
    Optimizer::RmsProp { lr: 1e-3, alpha: 0.99, eps: 1e-3, weight_decay: 0.0 };

/// Adagrad that does not magnify rounding errors.
const WELL_CONDITIONED_ADAGRAD: Optimizer =
    Optimizer::Adagrad { lr: 1e-3, lr_decay: 0.5, eps: 1e-3, weight_decay: 0.0 };

impl<B: FullBackend> Suite<'_, B> {
    fn decoder(&self, optimizer: Optimizer, check: &'static str) -> Result<Finding> {
        let mut tally = Tally::new(check, 5e-6);
        // At a kink a rounding error flips the derivative, which a division by the gradient's own size magnifies up to
        // the learning rate; the kinked activations are left to the optimisers without one.
        let divides = !matches!(optimizer, Optimizer::Sgd { .. });
        let activations: Vec<Activation> = Activation::ALL
            .into_iter()
            .filter(|activation| !(divides && has_kink(*activation)))
            .collect();
        for case in 0..self.cases.max(activations.len()) {
            let [samples, inputs, outputs, batch] =
                if case == 0 { WIDE_DECODER } else { self.sizes(case) };
            let activation = activations[case % activations.len()];
            let precision = Precision::F32;
            let config =
                DecoderConfig { samples, inputs, outputs, batch, activation, optimizer, precision };
            let (h, reference_h) = self.upload(&self.normal(1, samples * inputs, 0.7))?;
            let (target, reference_target) =
                self.upload(&self.normal(2, samples * outputs, 0.7))?;
            let mut state = DecoderState::init(self.backend, inputs, outputs, self.seed, 10)?;
            let mut expected = DecoderState::init(&Reference, inputs, outputs, self.seed, 10)?;
            // At most five steps, in two calls, running into a second epoch where the first is short.
            let mut losses = self.backend.train_decoder(&config, 0..2, &h, &target, &mut state)?;
            losses.extend(self.backend.train_decoder(&config, 2..5, &h, &target, &mut state)?);
            let train = TrainDecoder::train_decoder;
            let expected_losses =
                train(&Reference, &config, 0..5, &reference_h, &reference_target, &mut expected)?;
            let name = || format!("{config:?}");
            tally.add(&losses, &expected_losses, 1.0, name);
            tally.add(&[state.steps as f64], &[expected.steps as f64], 1.0, name);
            tally.add(
                &self.backend.download(&state.weights)?,
                expected.weights.as_slice(),
                1.0,
                name,
            );
            tally.add(&self.backend.download(&state.bias)?, expected.bias.as_slice(), 1.0, name);
            let moments = [&state.weight_moments, &state.bias_moments];
            for (moments, expected) in
                moments.into_iter().zip([&expected.weight_moments, &expected.bias_moments])
            {
                for (moment, expected) in moments.iter().zip(expected) {
                    tally.add(&self.backend.download(moment)?, expected.as_slice(), 1.0, name);
                }
            }
        }
        Ok(tally.finding)
    }

    /// Checks one step: from the second on, a rounding error can tip a weight to its neighbour in `precision`.
    fn step_in(&self, precision: Precision, check: &'static str) -> Result<Finding> {
        let mut tally = Tally::new(check, 5e-6);
        for case in 0..self.cases {
            let [samples, inputs, outputs, _] =
                if case == 0 { WIDE_DECODER } else { self.sizes(case) };
            let config = DecoderConfig {
                samples,
                inputs,
                outputs,
                batch: samples,
                activation: Activation::Tanh,
                optimizer: Optimizer::sgd(0.05),
                precision,
            };
            let (h, reference_h) = self.upload(&self.normal(1, samples * inputs, 0.7))?;
            let (target, reference_target) =
                self.upload(&self.normal(2, samples * outputs, 0.7))?;
            let mut state = DecoderState::init(self.backend, inputs, outputs, self.seed, 10)?;
            let mut expected = DecoderState::init(&Reference, inputs, outputs, self.seed, 10)?;
            let losses = self.backend.train_decoder(&config, 0..1, &h, &target, &mut state)?;
            let train = TrainDecoder::train_decoder;
            let expected_losses =
                train(&Reference, &config, 0..1, &reference_h, &reference_target, &mut expected)?;
            let name = || format!("{config:?}");
            tally.add(&losses, &expected_losses, 1.0, name);
            let weights = self.backend.download(&state.weights)?;
            tally.add(&weights, expected.weights.as_slice(), 1.0, name);
            tally.add(&self.backend.download(&state.bias)?, expected.bias.as_slice(), 1.0, name);
        }
        Ok(tally.finding)
    }

    /// Training from samples that are too few.
    fn short_decoder(&self) -> Result<Result<()>> {
        let config = DecoderConfig {
            samples: 2,
            inputs: 3,
            outputs: 3,
            batch: 2,
            activation: Activation::Tanh,
            optimizer: Optimizer::sgd(0.1),
            precision: Precision::F32,
        };
        let b = self.backend;
        let (short, long) = (b.zeros(5)?, b.zeros(6)?);
        let mut state = DecoderState::zeros(b, 3, 3)?;
        Ok(b.train_decoder(&config, 0..1, &short, &long, &mut state).map(drop))
    }
}
