use crate::{
    Backend, FullBackend, Loss, LossConfig, LossGradient, Reference, Result,
    conformance::{Finding, Report, Suite, Tally},
    random::StreamRng,
};

pub(crate) fn run<B: FullBackend>(suite: &Suite<'_, B>, report: &mut Report) -> Result<()> {
    report.add(suite.loss_gradient()?);
    report.add(suite.invalid_samples()?);
    let b = suite.backend;
    let (outputs, labels) = (b.zeros(6)?, b.upload(&[0_u32, 1])?);
    let (loss, classes, samples) = (Loss::CrossEntropy, 3, 2);
    let config = LossConfig { loss, classes, samples, count: 1, weight: 1.0, first: 0, slot: 0 };
    let (mut gradient, mut tally) = (b.zeros(6)?, b.zeros(1)?);
    let outcome = b.loss_gradient(config, &outputs, &labels, &mut gradient, &mut tally);
    report.refused("loss_gradient", outcome);
    Ok(())
}

impl<B: FullBackend> Suite<'_, B> {
    fn loss_gradient(&self) -> Result<Finding> {
        let mut tally = Tally::new("loss_gradient", 1e-6);
        for (case, loss) in (0..self.cases).flat_map(|case| Loss::ALL.map(|loss| (case, loss))) {
            let [classes, samples, first] = self.sizes(case);
            let count = 1 + case % 3;
            let config = LossConfig { loss, classes, samples, count, weight: 1.5, first, slot: 1 };
            let mut rng = StreamRng::new(self.seed, case as u64);
            let labels: Vec<u32> =
                (0..first + count * samples).map(|_| rng.below(classes as u64) as u32).collect();
            let size = count * classes * samples;
            let mut outputs = self.normal(1, size, 3.0);
            if case % 2 == 1 {
                // Of several largest outputs the first counts.
                outputs.iter_mut().for_each(|output| *output = output.round());
            }
            let (outputs, reference_outputs) = self.upload(&outputs)?;
            let (mut gradient, mut expected) = self.upload(&vec![f32::NAN; size])?;
            let results = 2 * (1 + count);
            let (mut result, mut expected_result) =
                (self.backend.zeros::<f64>(results)?, Reference.zeros::<f64>(results)?);
            let device_labels = self.backend.upload(&labels)?;
            let op = B::loss_gradient;
            op(self.backend, config, &outputs, &device_labels, &mut gradient, &mut result)?;
            LossGradient::loss_gradient(
                &Reference,
                config,
                &reference_outputs,
                &labels.into(),
                &mut expected,
                &mut expected_result,
            )?;
            let name = || format!("{config:?}");
            let scale = 1.0 / samples as f64;
            tally.add(&self.backend.download(&gradient)?, expected.as_slice(), scale, name);
            tally.add(&self.backend.download(&result)?, expected_result.as_slice(), 10.0, name);
        }
        Ok(tally.finding)
    }

    /// A label that is no class and an output that is no number: no loss, no gradient, and others keep theirs.
    fn invalid_samples(&self) -> Result<Finding> {
        let mut tally = Tally::new("loss_gradient of invalid samples", 0.0);
        let (classes, samples) = (3, 4);
        let mut outputs = self.normal(1, classes * samples, 1.0);
        outputs[samples + 2] = f32::NAN;
        let outputs = self.backend.upload(&outputs)?;
        let labels = self.backend.upload(&[0, 3, 1, 2_u32])?;
        for loss in Loss::ALL {
            let config =
                LossConfig { loss, classes, samples, count: 1, weight: 1.0, first: 0, slot: 0 };
            let mut gradient = self.backend.zeros(classes * samples)?;
            let mut result = self.backend.zeros::<f64>(2)?;
            let op = B::loss_gradient;
            op(self.backend, config, &outputs, &labels, &mut gradient, &mut result)?;
            let is_nan = |x: f64| f64::from(u8::from(x.is_nan()));
            let gradient = self.backend.download(&gradient)?;
            let found: Vec<f64> = gradient.iter().map(|&x| is_nan(f64::from(x))).collect();
            tally.add(&found, &[0.0, 1.0, 1.0, 0.0].repeat(classes), 1.0, || format!("{loss:?}"));
            let [loss, right] = self.backend.download(&result)?[..] else { continue };
            tally.add(&[is_nan(loss), is_nan(right)], &[1.0, 0.0], 1.0, || format!("{loss:?}"));
        }
        Ok(tally.finding)
    }
}
