use crate::{
    Activation, Backward, BatchedGemmConfig, FullBackend, GemmConfig, Reference, Result,
    conformance::{Finding, Report, Suite, Tally, has_kink},
};

pub(crate) fn run<B: FullBackend>(suite: &Suite<'_, B>, report: &mut Report) -> Result<()> {
    report.add(suite.activate()?);
    report.add(suite.multiply_and_activate()?);
    report.add(suite.activation_gradient()?);
    let b = suite.backend;
    let (tanh, shape) = (Activation::Tanh, [2, 3]);
    let (short, long) = (b.zeros(5)?, b.zeros(6)?);
    let outcome = b.activate(tanh, shape, &long, &mut b.zeros(6)?, &mut b.zeros(5)?);
    report.refused("activate", outcome);
    let config = BatchedGemmConfig::new(GemmConfig::new(1, 3, 1), 2);
    let results = [&mut b.zeros(6)?, &mut b.zeros(5)?];
    let outcome = b.multiply_and_activate(config, tanh, [&long, &long], &long, results);
    report.refused("multiply_and_activate", outcome);
    let (mut delta, mut sums) = (b.zeros(6)?, b.zeros(2)?);
    let outcome = b.activation_gradient(tanh, shape, [&long, &short], &mut delta, &mut sums);
    report.refused("activation_gradient", outcome);
    Ok(())
}

impl<B: FullBackend> Suite<'_, B> {
    fn activate(&self) -> Result<Finding> {
        let mut tally = Tally::new("activate", 1e-6);
        for (case, activation) in self.activations() {
            let shape @ [units, samples] = self.sizes(case);
            let (bias, reference_bias) = self.upload(&self.normal(1, units, 0.5))?;
            let (mut z, mut expected_z) = self.upload(&self.normal(2, units * samples, 3.0))?;
            let (mut y, mut expected_y) = self.upload(&vec![f32::NAN; units * samples])?;
            self.backend.activate(activation, shape, &bias, &mut z, &mut y)?;
            let expected = (&mut expected_z, &mut expected_y);
            Backward::activate(
                &Reference,
                activation,
                shape,
                &reference_bias,
                expected.0,
                expected.1,
            )?;
            let name = || format!("{activation} {shape:?}");
            tally.add(&self.backend.download(&z)?, expected_z.as_slice(), 10.0, name);
            tally.add(&self.backend.download(&y)?, expected_y.as_slice(), 10.0, name);
        }
        Ok(tally.finding)
    }

    fn multiply_and_activate(&self) -> Result<Finding> {
        let mut tally = Tally::new("multiply_and_activate", 2e-6);
        for (case, activation) in self.activations() {
            let [units, samples, inputs] = self.sizes(case);
            let product = GemmConfig { beta: 0.0, ..self.product(case, [units, samples, inputs]) };
            let config = BatchedGemmConfig::new(product, 1 + case % 3);
            let config = if case % 2 > 0 { config.share_b() } else { config };
            let count = config.count;
            let (a, reference_a) = self.upload(&self.normal(1, count * units * inputs, 1.0))?;
            let of_b = if config.shares_b { 1 } else { count } * inputs * samples;
            let (b, reference_b) = self.upload(&self.normal(2, of_b, 1.0))?;
            let (bias, reference_bias) = self.upload(&self.normal(3, count * units, 0.5))?;
            let nothing = vec![f32::NAN; count * units * samples];
            let (mut z, mut expected_z) = self.upload(&nothing)?;
            let (mut y, mut expected_y) = self.upload(&nothing)?;
            let (factors, results) = ([&a, &b], [&mut z, &mut y]);
            self.backend.multiply_and_activate(config, activation, factors, &bias, results)?;
            let (factors, bias) = ([&reference_a, &reference_b], &reference_bias);
            let results = [&mut expected_z, &mut expected_y];
            Reference.multiply_and_activate(config, activation, factors, bias, results)?;
            let name = || format!("{activation} {config:?}");
            let size = (inputs as f64).sqrt() * 3.0 + 4.0;
            tally.add(&self.backend.download(&z)?, expected_z.as_slice(), size, name);
            tally.add(&self.backend.download(&y)?, expected_y.as_slice(), size, name);
        }
        Ok(tally.finding)
    }

    fn activation_gradient(&self) -> Result<Finding> {
        let mut tally = Tally::new("activation_gradient", 1e-6);
        for (case, activation) in self.activations() {
            let shape @ [units, samples] = self.sizes(case);
            let n = units * samples;
            let mut points = self.normal(1, n, 2.0);
            if has_kink(activation) {
                // No point where the last bit decides.
                points.iter_mut().for_each(|z| *z += z.signum() * 1e-3);
            }
            let (mut z, mut expected_z) = self.upload(&points)?;
            let (mut y, mut expected_y) = self.upload(&vec![0.0; n])?;
            let (none, expected_none) = self.upload(&vec![0.0; units])?;
            self.backend.activate(activation, shape, &none, &mut z, &mut y)?;
            let reference = (&mut expected_z, &mut expected_y);
            Backward::activate(
                &Reference,
                activation,
                shape,
                &expected_none,
                reference.0,
                reference.1,
            )?;
            let (mut delta, mut expected) = self.upload(&self.normal(2, n, 1.0))?;
            let (mut sums, mut expected_sums) = self.upload(&vec![f32::NAN; units])?;
            let points = [&z, &y];
            self.backend.activation_gradient(activation, shape, points, &mut delta, &mut sums)?;
            Backward::activation_gradient(
                &Reference,
                activation,
                shape,
                [&expected_z, &expected_y],
                &mut expected,
                &mut expected_sums,
            )?;
            let name = || format!("{activation} {shape:?}");
            tally.add(&self.backend.download(&delta)?, expected.as_slice(), 4.0, name);
            let scale = 4.0 * (samples as f64).sqrt();
            tally.add(&self.backend.download(&sums)?, expected_sums.as_slice(), scale, name);
        }
        Ok(tally.finding)
    }
}
