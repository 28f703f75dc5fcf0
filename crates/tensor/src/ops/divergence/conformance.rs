use crate::{
    Backend, Divergence, DivergenceKind, FullBackend, Reference, Result,
    conformance::{Finding, Report, Suite, Tally},
};

pub(crate) fn run<B: FullBackend>(suite: &Suite<'_, B>, report: &mut Report) -> Result<()> {
    report.add(suite.divergence()?);
    let b = suite.backend;
    let (short, long) = (b.zeros(5)?, b.zeros(6)?);
    let kind = DivergenceKind::SquaredError;
    let outcome = b.row_divergence(kind, [2, 3], &long, &short, &mut b.zeros(6)?);
    report.refused("row_divergence", outcome);
    Ok(())
}

impl<B: FullBackend> Suite<'_, B> {
    fn divergence(&self) -> Result<Finding> {
        let mut tally = Tally::new("row_divergence", 1e-12);
        let kinds = [
            DivergenceKind::Relative { floor: 0.0 },
            DivergenceKind::Relative { floor: 1e-3 },
            DivergenceKind::JensenShannon,
            DivergenceKind::SquaredError,
        ];
        for (case, kind) in (0..self.cases).flat_map(|case| kinds.map(|kind| (case, kind))) {
            let shape @ [rows, cols] = self.sizes(case);
            let (x, reference_x) = self.upload(&self.normal(1, rows * cols, 1.0))?;
            let (y, reference_y) = self.upload(&self.normal(2, rows * cols, 1.0))?;
            let mut out = self.backend.zeros(rows)?;
            let mut expected = Reference.zeros(rows)?;
            self.backend.row_divergence(kind, shape, &x, &y, &mut out)?;
            Divergence::row_divergence(
                &Reference,
                kind,
                shape,
                &reference_x,
                &reference_y,
                &mut expected,
            )?;
            let scale = cols as f64;
            tally.add(&self.backend.download(&out)?, expected.as_slice(), scale, || {
                format!("{kind:?} {shape:?}")
            });
        }
        Ok(tally.finding)
    }
}
