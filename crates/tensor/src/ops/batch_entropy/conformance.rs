use crate::{
    BatchEntropy, FullBackend, Reference, Result,
    conformance::{Finding, Report, Suite, Tally},
};

pub(crate) fn run<B: FullBackend>(suite: &Suite<'_, B>, report: &mut Report) -> Result<()> {
    report.add(suite.batch_entropy()?);
    let b = suite.backend;
    let (long, mut short) = (b.zeros(6)?, b.zeros(5)?);
    let outcome = b.add_batch_entropy_gradient([2, 3], 1.0, &long, &mut short);
    report.refused("add_batch_entropy_gradient", outcome);
    Ok(())
}

impl<B: FullBackend> Suite<'_, B> {
    fn batch_entropy(&self) -> Result<Finding> {
        let mut tally = Tally::new("batch_entropy", 1e-6);
        for case in 0..self.cases {
            let shape @ [units, samples] = self.sizes(case);
            let (h, reference_h) = self.upload(&self.normal(1, units * samples, 1.0))?;
            let (mut delta, mut expected) = self.upload(&self.normal(2, units * samples, 1.0))?;
            let entropy = self.backend.batch_entropy(shape, &h)?;
            let expected_entropy = BatchEntropy::batch_entropy(&Reference, shape, &reference_h)?;
            self.backend.add_batch_entropy_gradient(shape, 0.7, &h, &mut delta)?;
            let add = BatchEntropy::add_batch_entropy_gradient;
            add(&Reference, shape, 0.7, &reference_h, &mut expected)?;
            let name = || format!("{shape:?}");
            tally.add(&[entropy], &[expected_entropy], 1.0, name);
            tally.add(&self.backend.download(&delta)?, expected.as_slice(), 4.0, name);
        }
        Ok(tally.finding)
    }
}
