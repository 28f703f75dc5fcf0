use crate::{
    FullBackend, GatherConfig, GatherRows, Reference, Result,
    conformance::{Finding, Report, Suite, Tally},
    random::StreamRng,
};

pub(crate) fn run<B: FullBackend>(suite: &Suite<'_, B>, report: &mut Report) -> Result<()> {
    report.add(suite.gather_rows()?);
    let b = suite.backend;
    let (source, rows, mut out) = (b.zeros(6)?, b.upload(&[0_u32, 2])?, b.zeros(6)?);
    for (check, first) in [("gather_rows past the list", 1), ("gather_rows past the source", 0)] {
        let config = GatherConfig { cols: 3, first, count: 2 };
        report.refused(check, b.gather_rows(config, &source, &rows, &mut out));
    }
    Ok(())
}

impl<B: FullBackend> Suite<'_, B> {
    fn gather_rows(&self) -> Result<Finding> {
        let mut tally = Tally::new("gather_rows", 0.0);
        for case in 0..self.cases {
            let [rows, cols, count, first] = self.sizes(case);
            let config = GatherConfig { cols, first, count };
            let mut rng = StreamRng::new(self.seed, case as u64);
            let list: Vec<u32> =
                (0..first + count).map(|_| rng.below(rows as u64) as u32).collect();
            let (source, reference_source) = self.upload(&self.normal(1, rows * cols, 1.0))?;
            let (mut out, mut expected) = self.upload(&vec![f32::NAN; count * cols])?;
            self.backend.gather_rows(config, &source, &self.backend.upload(&list)?, &mut out)?;
            GatherRows::gather_rows(
                &Reference,
                config,
                &reference_source,
                &list.into(),
                &mut expected,
            )?;
            tally.add(&self.backend.download(&out)?, expected.as_slice(), 1.0, || {
                format!("{config:?}")
            });
        }
        Ok(tally.finding)
    }
}
