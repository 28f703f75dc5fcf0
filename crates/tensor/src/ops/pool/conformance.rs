use crate::{
    Axes, FullBackend, PoolConfig, PoolKind, Pooling, Reference, Result,
    conformance::{Finding, Report, Suite, Tally},
    random::StreamRng,
};

pub(crate) fn run<B: FullBackend>(suite: &Suite<'_, B>, report: &mut Report) -> Result<()> {
    report.add(suite.pool()?);
    report.add(suite.pool_gradient()?);
    let (b, config) = (suite.backend, suite.pool_config(0));
    let [input, output] = [config.input().len(), config.output().len()];
    let (long, mut short) = (b.zeros(input)?, b.zeros(output - 1)?);
    report.refused("pool", b.pool(&config, &long, &mut short));
    let (delta, mut short) = (b.zeros(output)?, b.zeros(input - 1)?);
    report.refused("pool_gradient", b.pool_gradient(&config, &long, &delta, &mut short));
    Ok(())
}

impl<B: FullBackend> Suite<'_, B> {
    /// Random sizes, with windows that reach beyond the padding.
    fn pool_config(&self, case: usize) -> PoolConfig {
        let mut rng = StreamRng::new(self.seed, 3000 + case as u64);
        let mut within =
            |least: usize, most: usize| least + rng.below((most - least) as u64 + 1) as usize;
        let [mut image, mut grid] = [[0; 2]; 2];
        let [mut kernel, mut stride, mut padding] = [[0; 2]; 3];
        for axis in 0..2 {
            kernel[axis] = within(1, 4);
            (stride[axis], padding[axis]) = (within(1, 4), within(0, kernel[axis] / 2));
            image[axis] = kernel[axis] + within(0, 6);
            // As many as begin in the image or before it.
            let most = (image[axis] + padding[axis]).div_ceil(stride[axis]);
            grid[axis] = within(1, most);
        }
        let (channels, samples) = (within(1, 5), within(1, 40));
        let kind = [PoolKind::Max, PoolKind::Average][within(0, 1)];
        let axes = [within(0, 2), within(0, 2)].map(|index| Axes::ALL[index]);
        PoolConfig { kind, channels, image, grid, kernel, stride, padding, samples, axes }
    }

    /// Numbers many of which are equal.
    fn with_ties(&self, n: usize) -> Vec<f32> {
        self.normal(1, n, 2.0).into_iter().map(f32::round).collect()
    }

    fn pool(&self) -> Result<Finding> {
        let mut tally = Tally::new("pool", 1e-6);
        for case in 0..self.cases {
            let config = self.pool_config(case);
            let (x, reference_x) = self.upload(&self.with_ties(config.input().len()))?;
            let (mut y, mut expected) = self.upload(&vec![f32::NAN; config.output().len()])?;
            self.backend.pool(&config, &x, &mut y)?;
            Reference.pool(&config, &reference_x, &mut expected)?;
            let actual = self.backend.download(&y)?;
            tally.add(&actual, expected.as_slice(), 1.0, || format!("{config:?}"));
        }
        Ok(tally.finding)
    }

    fn pool_gradient(&self) -> Result<Finding> {
        let mut tally = Tally::new("pool_gradient", 5e-6);
        for case in 0..self.cases {
            let config = self.pool_config(case);
            let (x, reference_x) = self.upload(&self.with_ties(config.input().len()))?;
            let (delta, reference_delta) =
                self.upload(&self.normal(2, config.output().len(), 1.0))?;
            let numbers = config.input_gradient().len();
            let (mut out, mut expected) = self.upload(&vec![f32::NAN; numbers])?;
            self.backend.pool_gradient(&config, &x, &delta, &mut out)?;
            Reference.pool_gradient(&config, &reference_x, &reference_delta, &mut expected)?;
            let actual = self.backend.download(&out)?;
            tally.add(&actual, expected.as_slice(), 1.0, || format!("{config:?}"));
        }
        Ok(tally.finding)
    }
}
