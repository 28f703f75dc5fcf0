use crate::{
    Activation, FullBackend, Pointwise, Reference, Result,
    conformance::{Finding, Report, Suite, Tally},
};

pub(crate) fn run<B: FullBackend>(suite: &Suite<'_, B>, report: &mut Report) -> Result<()> {
    report.add(suite.squared_error_gradient()?);
    report.add(suite.sums()?);
    let b = suite.backend;
    let (short, long, mut out) = (b.zeros(5)?, b.zeros(6)?, b.zeros(6)?);
    let tanh = Activation::Tanh;
    let outcome = b.bias_activation([2, 3], tanh, &long, &mut b.zeros(5)?);
    report.refused("bias_activation", outcome);
    let outcome = b.squared_error_gradient([2, 3], tanh, &long, &short, &mut out);
    report.refused("squared_error_gradient", outcome.map(drop));
    report.refused("column_sums", b.column_sums([2, 3], &short, &mut out));
    report.refused("add", b.add(6, &short, &mut out));
    Ok(())
}

impl<B: FullBackend> Suite<'_, B> {
    fn squared_error_gradient(&self) -> Result<Finding> {
        let mut tally = Tally::new("squared_error_gradient", 4e-6);
        for case in 0..self.cases.max(Activation::ALL.len()) {
            let shape @ [rows, cols] = self.sizes(case);
            let activation = Activation::ALL[case % Activation::ALL.len()];
            let (bias, reference_bias) = self.upload(&self.normal(1, cols, 0.5))?;
            let (target, reference_target) = self.upload(&self.normal(2, rows * cols, 1.0))?;
            let (mut z, mut expected) = self.upload(&self.normal(3, rows * cols, 1.0))?;
            let loss =
                self.backend.squared_error_gradient(shape, activation, &bias, &target, &mut z)?;
            let expected_loss = Pointwise::squared_error_gradient(
                &Reference,
                shape,
                activation,
                &reference_bias,
                &reference_target,
                &mut expected,
            )?;
            let name = || format!("{activation} {rows} x {cols}");
            tally.add(&[loss], &[expected_loss], expected_loss, name);
            let scale = 2.0 / (rows * cols) as f64 * 3.0;
            tally.add(&self.backend.download(&z)?, expected.as_slice(), scale, name);
        }
        Ok(tally.finding)
    }

    fn sums(&self) -> Result<Finding> {
        let mut tally = Tally::new("add", 0.0);
        for case in 0..self.cases {
            let [rows, cols] = self.sizes(case);
            let n = rows * cols;
            let (x, reference_x) = self.upload(&self.normal(1, n, 1.0))?;
            let (mut y, mut expected) = self.upload(&self.normal(2, n + 1, 1.0))?;
            self.backend.add(n, &x, &mut y)?;
            Pointwise::add(&Reference, n, &reference_x, &mut expected)?;
            tally.add(&self.backend.download(&y)?, expected.as_slice(), 1.0, || format!("{n}"));
        }
        Ok(tally.finding)
    }
}
