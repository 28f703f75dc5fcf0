use crate::{
    FullBackend, Gemm, GemmConfig, Precision, Reference, Result,
    conformance::{Finding, Report, Suite, Tally},
};

pub(crate) fn run<B: FullBackend>(suite: &Suite<'_, B>, report: &mut Report) -> Result<()> {
    report.add(suite.gemm(Precision::F32, "gemm")?);
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
}
