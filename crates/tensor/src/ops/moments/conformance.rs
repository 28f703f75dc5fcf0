use crate::{
    Backend, ColumnMoments, FullBackend, Reference, Result,
    conformance::{Finding, Report, Suite, Tally},
};

pub(crate) fn run<B: FullBackend>(suite: &Suite<'_, B>, report: &mut Report) -> Result<()> {
    report.add(suite.moments()?);
    let b = suite.backend;
    let (short, mut mean, mut variance) = (b.zeros(5)?, b.zeros(6)?, b.zeros(3)?);
    let outcome = b.column_moments([2, 3], false, &short, &mut mean, &mut variance);
    report.refused("column_moments", outcome);
    Ok(())
}

impl<B: FullBackend> Suite<'_, B> {
    fn moments(&self) -> Result<Finding> {
        let mut tally = Tally::new("column_moments", 1e-12);
        for (case, normalise) in (0..self.cases).flat_map(|case| [(case, false), (case, true)]) {
            let shape @ [rows, cols] = self.sizes(case);
            let mut host = self.normal(1, rows * cols, 1.0);
            for x in &mut host {
                *x = x.abs();
            }
            let (x, reference_x) = self.upload(&host)?;
            let (mut mean, mut variance) = (self.backend.zeros(cols)?, self.backend.zeros(cols)?);
            let (mut expected_mean, mut expected_variance) =
                (Reference.zeros(cols)?, Reference.zeros(cols)?);
            self.backend.column_moments(shape, normalise, &x, &mut mean, &mut variance)?;
            ColumnMoments::column_moments(
                &Reference,
                shape,
                normalise,
                &reference_x,
                &mut expected_mean,
                &mut expected_variance,
            )?;
            let name = || format!("{shape:?}, rows normalised: {normalise}");
            tally.add(&self.backend.download(&mean)?, expected_mean.as_slice(), 1.0, name);
            tally.add(&self.backend.download(&variance)?, expected_variance.as_slice(), 1.0, name);
        }
        Ok(tally.finding)
    }
}
