use crate::{
    Backend, Divergence, DivergenceKind, FullBackend, Reference, Result,
    conformance::{Finding, Report, Suite, Tally},
};

pub(crate) fn run<B: FullBackend>(suite: &Suite<'_, B>, report: &mut Report) -> Result<()> {
    report.add(suite.divergence()?);
    report.add(suite.divergences_together()?);
    let b = suite.backend;
    let (short, long) = (b.zeros(5)?, b.zeros(6)?);
    let kind = DivergenceKind::SquaredError;
    let outcome = b.row_divergence(kind, [2, 3], &long, &short, &mut b.zeros(6)?);
    report.refused("row_divergence", outcome);
    Ok(())
}

const KINDS: [DivergenceKind; 4] = [
    DivergenceKind::Relative { floor: 0.0 },
    DivergenceKind::Relative { floor: 1e-3 },
    DivergenceKind::JensenShannon,
    DivergenceKind::SquaredError,
];

impl<B: FullBackend> Suite<'_, B> {
    fn divergence(&self) -> Result<Finding> {
        let mut tally = Tally::new("row_divergence", 1e-12);
        for (case, kind) in (0..self.cases).flat_map(|case| KINDS.map(|kind| (case, kind))) {
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

    /// Kinds that are asked for together have the bits of each alone.
    fn divergences_together(&self) -> Result<Finding> {
        let mut tally = Tally::new("row_divergences", 0.0);
        for case in 0..self.cases {
            let shape @ [rows, cols] = self.sizes(case);
            let (x, _) = self.upload(&self.normal(1, rows * cols, 1.0))?;
            let (y, _) = self.upload(&self.normal(2, rows * cols, 1.0))?;
            let together = self.backend.row_divergences(&KINDS, shape, &x, &y)?;
            for (kind, together) in KINDS.into_iter().zip(together) {
                let mut alone = self.backend.zeros(rows)?;
                self.backend.row_divergence(kind, shape, &x, &y, &mut alone)?;
                let alone = self.backend.download(&alone)?;
                tally.add(&together, &alone, 1.0, || format!("{kind:?} {shape:?}"));
            }
        }
        Ok(tally.finding)
    }
}
