use crate::{
    FullBackend, Gemm, GemmConfig, Precision, Reference, Result,
    conformance::{Finding, Report, Suite, Tally},
};

pub(crate) fn run<B: FullBackend>(suite: &Suite<'_, B>, report: &mut Report) -> Result<()> {
    report.add(suite.gemm(Precision::F32, "gemm")?);
    report.add(suite.gram()?);
    report.add_unless_refused(suite.gemm(Precision::Tf32, "gemm in tf32"))?;
    report.add_unless_refused(suite.gemm(Precision::Bf16, "gemm in bf16"))?;
    let b = suite.backend;
    let (short, mut out) = (b.zeros(5)?, b.zeros(6)?);
    report.refused("gemm", b.gemm(GemmConfig::new(2, 3, 2), &short, &short, &mut out));
    Ok(())
}

impl<B: FullBackend> Suite<'_, B> {
    fn gemm(&self, precision: Precision, check: &'static str) -> Result<Finding> {
        let mut tally = Tally::new(check, 2e-6);
        for case in 0..self.cases {
            let [m, n, k] = self.sizes(case);
            let (a, b, c) = (
                self.normal(1, m * k, 1.0),
                self.normal(2, k * n, 1.0),
                self.normal(3, m * n, 1.0),
            );
            let config = self.product(case, [m, n, k]).precision(precision);
            let (a, reference_a) = self.upload(&a)?;
            let (b, reference_b) = self.upload(&b)?;
            let (mut c, mut expected) = self.upload(&c)?;
            self.backend.gemm(config, &a, &b, &mut c)?;
            Gemm::gemm(&Reference, config, &reference_a, &reference_b, &mut expected)?;
            // Rounding errors of a sum of k products of variance one grow like sqrt(k), and so does the sum.
            let scale = (k as f64).sqrt() * 3.0;
            tally.add(&self.backend.download(&c)?, expected.as_slice(), scale, || {
                format!("{config:?}")
            });
        }
        Ok(tally.finding)
    }
    fn gram(&self) -> Result<Finding> {
        let mut tally = Tally::new("gram", 2e-6);
        for case in 0..self.cases {
            let [n, _, k] = self.sizes(case);
            let a = self.normal(1, n * k, 1.0);
            let (a, reference_a) = self.upload(&a)?;
            let (mut c, mut expected) = self.upload(&self.normal(2, n * n, 1.0))?;
            let config = GemmConfig::new(n, n, k);
            let config = if case % 2 == 0 { config.transpose_a() } else { config.transpose_b() };
            let config = GemmConfig { beta: 0.5, ..config };
            self.backend.gram(config, &a, &mut c)?;
            Gemm::gemm(&Reference, config, &reference_a, &reference_a, &mut expected)?;
            // The diagonal is a sum of k squares.
            let (found, scale) = (self.backend.download(&c)?, (k as f64).max(3.0));
            for row in 0..n {
                let lower = row * n..=row * n + row;
                let expected = &expected.as_slice()[lower.clone()];
                tally.add(&found[lower], expected, scale, || format!("{config:?}, row {row}"));
            }
        }
        Ok(tally.finding)
    }
}
