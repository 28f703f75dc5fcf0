use crate::{
    BatchedGemmConfig, FullBackend, GemmConfig, Optimize, Optimizer, Reference, Result,
    conformance::{Finding, Report, Suite, Tally},
};

pub(crate) fn run<B: FullBackend>(suite: &Suite<'_, B>, report: &mut Report) -> Result<()> {
    report.add(suite.replay()?);
    report.add(suite.replayed_steps()?);
    Ok(())
}

impl<B: FullBackend> Suite<'_, B> {
    /// Repeats work, with other work in between: sums of multiples of a vector.
    fn replay(&self) -> Result<Finding> {
        let mut tally = Tally::new("replay", 1e-6);
        for case in 0..self.cases {
            let [n] = self.sizes(case);
            let mut recording = B::Recording::default();
            let (x, reference_x) = self.upload(&self.normal(1, n, 1.0))?;
            let (one, _) = self.upload(&[1.0])?;
            let (mut sum, _) = self.upload(&vec![0.0; n])?;
            let keys = [1_u8, 1, 1, 2, 1, 3, 3, 3, 1, 1, 1];
            for key in keys {
                let config =
                    GemmConfig { alpha: key.into(), beta: 1.0, ..GemmConfig::new(1, n, 1) };
                let mut work = || self.backend.gemm(config, &one, &x, &mut sum);
                self.backend.replay(&mut recording, key.into(), &mut work)?;
            }
            let factor = f64::from(keys.iter().sum::<u8>());
            let expected: Vec<f64> =
                reference_x.as_slice().iter().map(|&x| factor * f64::from(x)).collect();
            tally.add(&self.backend.download(&sum)?, &expected, factor, || format!("{n}"));
        }
        Ok(tally.finding)
    }

    /// Steps that are the same work but for their number and their learning rate.
    fn replayed_steps(&self) -> Result<Finding> {
        let mut tally = Tally::new("replay of steps", 2e-6);
        let optimizers = [
            Optimizer::adam(0.1),
            Optimizer::rmsprop(0.1),
            Optimizer::rmsprop(0.1).with_weight_decay(0.25),
            Optimizer::sgd(0.1),
        ];
        for (case, optimizer) in (0..self.cases).flat_map(|case| optimizers.map(|o| (case, o))) {
            let [n] = self.sizes(case);
            let backend = self.backend;
            let mut recording = B::Recording::default();
            let (g, reference_g) = self.upload(&self.normal(1, n, 1.0))?;
            let (one, reference_one) = self.upload(&[1.0])?;
            let [mut w, mut m, mut v] = [backend.zeros(n)?, backend.zeros(n)?, backend.zeros(n)?];
            let [mut expected, mut expected_m, mut expected_v] =
                [(); 3].map(|()| vec![0.0; n].into());
            let mut step = backend.new_step(&optimizer, 1)?;
            let product = BatchedGemmConfig::new(GemmConfig::new(1, n, 1), 1);
            let descends = matches!(optimizer, Optimizer::Sgd { .. });
            for number in 1..=5 {
                let optimizer = optimizer.with_lr(0.1 / number as f32);
                backend.set_step(&mut step, &optimizer, number)?;
                backend.replay(&mut recording, 1, &mut || {
                    if descends {
                        backend.descend(&step, product, &one, &g, &mut w)?;
                    }
                    backend.optimizer_step(&step, &mut w, &g, &mut m, &mut v)
                })?;
                let step = Reference.new_step(&optimizer, number)?;
                let expected = &mut expected;
                if descends {
                    let descend = Optimize::descend;
                    descend(&Reference, &step, product, &reference_one, &reference_g, expected)?;
                }
                let take = Optimize::optimizer_step;
                let moments = (&mut expected_m, &mut expected_v);
                take(&Reference, &step, expected, &reference_g, moments.0, moments.1)?;
            }
            let name = || format!("{optimizer:?} on {n}");
            for (found, expected) in [(w, expected), (m, expected_m), (v, expected_v)] {
                tally.add(&self.backend.download(&found)?, expected.as_slice(), 1.0, name);
            }
        }
        Ok(tally.finding)
    }
}
