use crate::{
    FitRidge, FullBackend, Reference, Result, RidgeConfig,
    conformance::{Finding, Report, Suite, Tally},
};

pub(crate) fn run<B: FullBackend>(suite: &Suite<'_, B>, report: &mut Report) -> Result<()> {
    report.add(suite.ridge()?);
    let b = suite.backend;
    let config = RidgeConfig { samples: 2, inputs: 3, outputs: 3, noise: 0.1 };
    let (short, long) = (b.zeros(5)?, b.zeros(6)?);
    let outcome = b.fit_ridge(&config, &short, &long, &mut b.zeros(9)?, &mut b.zeros(6)?);
    report.refused("fit_ridge", outcome.map(drop));
    Ok(())
}

impl<B: FullBackend> Suite<'_, B> {
    fn ridge(&self) -> Result<Finding> {
        let mut tally = Tally::new("fit_ridge", 1e-5);
        for case in 0..self.cases {
            let [samples, inputs, outputs] = self.sizes(case);
            // Every fourth case has more samples than one product takes.
            let samples = if case % 4 == 3 { samples + 1000 } else { samples };
            let config = RidgeConfig { samples, inputs, outputs, noise: 0.5 };
            // Off centre, as activations with biases are.
            let h =
                self.normal(1, samples * inputs, 1.0).iter().map(|x| x + 0.7).collect::<Vec<_>>();
            let (h, reference_h) = self.upload(&h)?;
            let (y, reference_y) = self.upload(&self.normal(2, samples * outputs, 1.0))?;
            let (mut v, mut expected_v) = self.upload(&vec![f32::NAN; outputs * inputs])?;
            let (mut c, mut expected_c) = self.upload(&vec![f32::NAN; outputs])?;
            let fit = self.backend.fit_ridge(&config, &h, &y, &mut v, &mut c)?;
            let expected = FitRidge::fit_ridge(
                &Reference,
                &config,
                &reference_h,
                &reference_y,
                &mut expected_v,
                &mut expected_c,
            )?;
            let name = || format!("{config:?}");
            tally.add(&self.backend.download(&v)?, expected_v.as_slice(), 1.0, name);
            tally.add(&self.backend.download(&c)?, expected_c.as_slice(), 1.0, name);
            tally.add(
                &[fit.constant_error, fit.error],
                &[expected.constant_error, expected.error],
                1.0,
                name,
            );
        }
        Ok(tally.finding)
    }
}
