use crate::{
    BatchedGemm, BatchedGemmConfig, FullBackend, GemmConfig, Reference, Result,
    conformance::{Finding, Report, Suite, Tally},
};

pub(crate) fn run<B: FullBackend>(suite: &Suite<'_, B>, report: &mut Report) -> Result<()> {
    report.add(suite.batched_gemm()?);
    let b = suite.backend;
    let config = BatchedGemmConfig::new(GemmConfig::new(1, 3, 1), 2);
    let (short, long) = (b.zeros(5)?, b.zeros(6)?);
    report.refused("batched_gemm", b.batched_gemm(config, &long, &short, &mut b.zeros(6)?));
    Ok(())
}

impl<B: FullBackend> Suite<'_, B> {
    /// Each of several products, whose bits are those it has alone.
    fn batched_gemm(&self) -> Result<Finding> {
        let mut tally = Tally::new("batched_gemm", 2e-6);
        for case in 0..self.cases {
            let [m, n, k] = self.sizes(case);
            let count = 1 + case % 4;
            let product = self.product(case, [m, n, k]);
            let shares_b = case % 3 == 2;
            let config = BatchedGemmConfig { product, count, shares_b };
            let of_b = if shares_b { 1 } else { count };
            let (a, b, c) = (
                self.normal(1, count * m * k, 1.0),
                self.normal(2, of_b * k * n, 1.0),
                self.normal(3, count * m * n, 1.0),
            );
            let last =
                |matrices: &[f32], size| self.backend.upload(&matrices[matrices.len() - size..]);
            let (last_a, last_b, mut last_c) =
                (last(&a, m * k)?, last(&b, k * n)?, last(&c, m * n)?);
            let (a, reference_a) = self.upload(&a)?;
            let (b, reference_b) = self.upload(&b)?;
            let (mut c, mut expected) = self.upload(&c)?;
            self.backend.batched_gemm(config, &a, &b, &mut c)?;
            BatchedGemm::batched_gemm(
                &Reference,
                config,
                &reference_a,
                &reference_b,
                &mut expected,
            )?;
            let name = || format!("{config:?}");
            let all = self.backend.download(&c)?;
            tally.add(&all, expected.as_slice(), (k as f64).sqrt() * 3.0, name);

            let alone = BatchedGemmConfig::new(product, 1);
            self.backend.batched_gemm(alone, &last_a, &last_b, &mut last_c)?;
            let differs = self.backend.download(&last_c)? != all[(count - 1) * m * n..];
            let name = || format!("{config:?}: the last has other bits alone");
            tally.add(&[f64::from(u8::from(differs))], &[0.0], 1.0, name);
        }
        Ok(tally.finding)
    }
}
