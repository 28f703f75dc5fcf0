use crate::{
    BatchedGemm, BatchedGemmConfig, FullBackend, GemmConfig, Optimize, Optimizer, Reference,
    Result,
    conformance::{Finding, Report, Suite, Tally},
};

pub(crate) fn run<B: FullBackend>(suite: &Suite<'_, B>, report: &mut Report) -> Result<()> {
    report.add(suite.optimizer()?);
    report.add(suite.descend()?);
    report.add(suite.propagate_and_descend()?);
    let b = suite.backend;
    let step = b.new_step(&Optimizer::sgd(0.1), 1)?;
    let (short, long, mut out) = (b.zeros(5)?, b.zeros(6)?, b.zeros(6)?);
    let [mut first, mut second] = [b.zeros(6)?, b.zeros(6)?];
    let outcome = b.optimizer_step(&step, &mut out, &short, &mut first, &mut second);
    report.refused("optimizer_step", outcome);
    let config = BatchedGemmConfig::new(GemmConfig::new(1, 3, 1), 2);
    report.refused("descend", b.descend(&step, config, &short, &long, &mut b.zeros(5)?));
    let results = [&mut b.zeros(6)?, &mut b.zeros(5)?];
    let outcome = b.propagate_and_descend(&step, config, 1.0, [&short, &long], results);
    report.refused("propagate_and_descend", outcome);
    Ok(())
}

impl<B: FullBackend> Suite<'_, B> {
    fn optimizer(&self) -> Result<Finding> {
        let mut tally = Tally::new("optimizer_step", 1e-6);
        let optimizers = [
            Optimizer::adam(0.1),
            Optimizer::sgd(0.1),
            Optimizer::momentum(0.1, 0.5),
            Optimizer::rmsprop(0.1),
            Optimizer::adagrad(0.1),
            Optimizer::Adagrad { lr: 0.1, lr_decay: 0.5, eps: 1e-10, weight_decay: 0.25 },
            Optimizer::adam(0.1).with_weight_decay(0.25),
            Optimizer::sgd(0.1).with_weight_decay(0.25),
            Optimizer::momentum(0.1, 0.5).with_weight_decay(0.25),
            Optimizer::rmsprop(0.1).with_weight_decay(0.25),
        ];
        for (case, optimizer) in (0..self.cases).flat_map(|case| optimizers.map(|o| (case, o))) {
            let [n] = self.sizes(case);
            let (mut w, mut expected) = self.upload(&self.normal(1, n, 1.0))?;
            let (mut m, mut expected_m) = self.upload(&vec![0.0; n])?;
            let (mut v, mut expected_v) = self.upload(&vec![0.0; n])?;
            for step in 1..=3 {
                let (g, reference_g) = self.upload(&self.normal(1 + step, n, 1.0))?;
                let number = step as u64;
                let step = self.backend.new_step(&optimizer, number)?;
                self.backend.optimizer_step(&step, &mut w, &g, &mut m, &mut v)?;
                let moments = (&mut expected_m, &mut expected_v);
                Optimize::optimizer_step(
                    &Reference,
                    &Reference.new_step(&optimizer, number)?,
                    &mut expected,
                    &reference_g,
                    moments.0,
                    moments.1,
                )?;
            }
            let name = || format!("{optimizer:?} on {n}");
            tally.add(&self.backend.download(&w)?, expected.as_slice(), 1.0, name);
            tally.add(&self.backend.download(&m)?, expected_m.as_slice(), 1.0, name);
            // A sum of three squares of normal numbers, not their mean.
            let size = if matches!(optimizer, Optimizer::Adagrad { .. }) { 16.0 } else { 1.0 };
            tally.add(&self.backend.download(&v)?, expected_v.as_slice(), size, name);
        }
        Ok(tally.finding)
    }

    fn descend(&self) -> Result<Finding> {
        let mut tally = Tally::new("descend", 2e-6);
        for case in 0..self.cases {
            let [m, n, k] = self.sizes(case);
            let config = BatchedGemmConfig::new(self.product(case, [m, n, k]), 1 + case % 3);
            let count = config.count;
            let (a, reference_a) = self.upload(&self.normal(1, count * m * k, 1.0))?;
            let (b, reference_b) = self.upload(&self.normal(2, count * k * n, 1.0))?;
            let (mut c, mut expected) = self.upload(&self.normal(3, count * m * n, 1.0))?;
            let sgd = Optimizer::momentum(0.7, 0.5);
            self.backend.descend(&self.backend.new_step(&sgd, 3)?, config, &a, &b, &mut c)?;
            let product = GemmConfig { alpha: -0.7, beta: 1.0, ..config.product };
            let config = BatchedGemmConfig { product, ..config };
            let multiply = BatchedGemm::batched_gemm;
            multiply(&Reference, config, &reference_a, &reference_b, &mut expected)?;
            let scale = (k as f64).sqrt() * 3.0;
            let name = || format!("{config:?}");
            tally.add(&self.backend.download(&c)?, expected.as_slice(), scale, name);
        }
        Ok(tally.finding)
    }

    fn propagate_and_descend(&self) -> Result<Finding> {
        let mut tally = Tally::new("propagate_and_descend", 2e-6);
        let sgd = Optimizer::sgd(0.7);
        let (step, reference_step) =
            (self.backend.new_step(&sgd, 1)?, Reference.new_step(&sgd, 1)?);
        for case in 0..self.cases {
            let [outputs, inputs, samples] = self.sizes(case);
            let product = GemmConfig::new(outputs, inputs, samples);
            let product = if case % 4 > 0 { product.transpose_b() } else { product };
            let config = BatchedGemmConfig::new(product, 1 + case % 3);
            let [of_delta, of_x, of_weights] = config.strides().map(|stride| config.count * stride);
            let (delta, reference_delta) = self.upload(&self.normal(1, of_delta, 1.0))?;
            let (x, reference_x) = self.upload(&self.normal(2, of_x, 1.0))?;
            let (mut weights, mut expected) = self.upload(&self.normal(3, of_weights, 1.0))?;
            let (mut input_delta, mut expected_delta) = self.upload(&vec![f32::NAN; of_x])?;
            let scale = if case % 2 > 0 { 1.0 } else { -0.5 };
            let results = [&mut weights, &mut input_delta];
            self.backend.propagate_and_descend(&step, config, scale, [&delta, &x], results)?;
            let factors = [&reference_delta, &reference_x];
            let results = [&mut expected, &mut expected_delta];
            Reference.propagate_and_descend(&reference_step, config, scale, factors, results)?;
            let name = || format!("{config:?}");
            let size = |terms: usize| (terms as f64).sqrt() * 3.0;
            tally.add(&self.backend.download(&weights)?, expected.as_slice(), size(samples), name);
            let found = self.backend.download(&input_delta)?;
            tally.add(&found, expected_delta.as_slice(), size(outputs), name);
        }
        Ok(tally.finding)
    }
}
