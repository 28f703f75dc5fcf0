use crate::{
    Activation, Dense, DenseConfig, FullBackend, Precision, Reference, Result,
    conformance::{Finding, Report, Suite, Tally},
};

pub(crate) fn run<B: FullBackend>(suite: &Suite<'_, B>, report: &mut Report) -> Result<()> {
    report.add(suite.dense(Precision::F32, "dense")?);
    report.add_unless_refused(suite.dense(Precision::Tf32, "dense in tf32"))?;
    report.add_unless_refused(suite.dense(Precision::Bf16, "dense in bf16"))?;
    let (activation, precision) = (Activation::Tanh, Precision::F32);
    let config = DenseConfig { rows: 2, inputs: 3, outputs: 3, activation, precision };
    let (long, mut out) = (suite.backend.zeros(6)?, suite.backend.zeros(6)?);
    report.refused("dense", suite.backend.dense(config, &long, &long, &long, &mut out));
    Ok(())
}

impl<B: FullBackend> Suite<'_, B> {
    fn dense(&self, precision: Precision, check: &'static str) -> Result<Finding> {
        let mut tally = Tally::new(check, 2e-6);
        for case in 0..self.cases.max(Activation::ALL.len()) {
            let [rows, inputs, outputs] = self.sizes(case);
            let activation = Activation::ALL[case % Activation::ALL.len()];
            let config = DenseConfig { rows, inputs, outputs, activation, precision };
            let (x, reference_x) = self.upload(&self.normal(1, rows * inputs, 1.0))?;
            let (w, reference_w) =
                self.upload(&self.normal(2, outputs * inputs, (2.0 / inputs as f64).sqrt()))?;
            let (b, reference_b) = self.upload(&self.normal(3, outputs, 0.3))?;
            let (mut y, mut expected) = self.upload(&vec![f32::NAN; rows * outputs])?;
            self.backend.dense(config, &x, &w, &b, &mut y)?;
            Dense::dense(
                &Reference,
                config,
                &reference_x,
                &reference_w,
                &reference_b,
                &mut expected,
            )?;
            tally.add(&self.backend.download(&y)?, expected.as_slice(), 3.0, || {
                format!("{config:?}")
            });
        }
        Ok(tally.finding)
    }
}
