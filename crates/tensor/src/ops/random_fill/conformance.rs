use crate::{
    FullBackend, RandomStream, Result,
    conformance::{Finding, Report, Suite, Tally},
    random::StreamRng,
};

pub(crate) fn run<B: FullBackend>(suite: &Suite<'_, B>, report: &mut Report) -> Result<()> {
    report.add(suite.random()?);
    let stream = RandomStream::Normal { seed: 0, stream: 0, std: 1.0 };
    let mut out = suite.backend.zeros(6)?;
    report.refused("random_fill", suite.backend.random_fill(stream, 7, &mut out));
    Ok(())
}

impl<B: FullBackend> Suite<'_, B> {
    fn random(&self) -> Result<Finding> {
        let mut tally = Tally::new("random_fill", 1e-6);
        for case in 0..self.cases {
            let n = 1 + StreamRng::new(self.seed, case as u64).below(70_000) as usize;
            let stream = case as u64;
            for stream in [
                RandomStream::Normal { seed: self.seed, stream, std: 1.5 },
                RandomStream::Uniform { seed: self.seed, stream, bound: 0.1 },
            ] {
                let mut out = self.backend.zeros(n)?;
                self.backend.random_fill(stream, n, &mut out)?;
                tally.add(&self.backend.download(&out)?, &stream.take(n), 1.0, || {
                    format!("{n} of {stream:?}")
                });
            }
        }
        Ok(tally.finding)
    }
}
