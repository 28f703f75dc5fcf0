//! Checks of what training a network takes beyond products and optimisers.

use super::{Finding, Suite, Tally, has_kink};
use crate::{
    Activation, Backend, Backward, BatchEntropy, BatchedGemm, BatchedGemmConfig, FullBackend,
    GatherConfig, GatherRows, GemmConfig, Loss, LossConfig, LossGradient, Optimize, Optimizer,
    Reference, Result, random::StreamRng,
};

impl<B: FullBackend> Suite<'_, B> {
    pub(super) fn activate(&self) -> Result<Finding> {
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

    pub(super) fn activation_gradient(&self) -> Result<Finding> {
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

    pub(super) fn loss_gradient(&self) -> Result<Finding> {
        let mut tally = Tally::new("loss_gradient", 1e-6);
        for (case, loss) in (0..self.cases)
            .flat_map(|case| [(case, Loss::CrossEntropy), (case, Loss::DoubleSoftmax)])
        {
            let [classes, samples, first] = self.sizes(case);
            let count = 1 + case % 3;
            let config = LossConfig { loss, classes, samples, count, weight: 1.5, first, slot: 1 };
            let mut rng = StreamRng::new(self.seed, case as u64);
            let labels: Vec<u32> =
                (0..first + count * samples).map(|_| rng.below(classes as u64) as u32).collect();
            let size = count * classes * samples;
            let mut outputs = self.normal(1, size, 3.0);
            if case % 2 == 1 {
                // Of several largest outputs the first counts.
                outputs.iter_mut().for_each(|output| *output = output.round());
            }
            let (outputs, reference_outputs) = self.upload(&outputs)?;
            let (mut gradient, mut expected) = self.upload(&vec![f32::NAN; size])?;
            let results = 2 * (1 + count);
            let (mut result, mut expected_result) =
                (self.backend.zeros::<f64>(results)?, Reference.zeros::<f64>(results)?);
            let device_labels = self.backend.upload(&labels)?;
            let op = B::loss_gradient;
            op(self.backend, config, &outputs, &device_labels, &mut gradient, &mut result)?;
            LossGradient::loss_gradient(
                &Reference,
                config,
                &reference_outputs,
                &labels.into(),
                &mut expected,
                &mut expected_result,
            )?;
            let name = || format!("{config:?}");
            let scale = 1.0 / samples as f64;
            tally.add(&self.backend.download(&gradient)?, expected.as_slice(), scale, name);
            tally.add(&self.backend.download(&result)?, expected_result.as_slice(), 10.0, name);
        }
        Ok(tally.finding)
    }

    /// Each of several products, whose bits are those it has alone.
    pub(super) fn batched_gemm(&self) -> Result<Finding> {
        let mut tally = Tally::new("batched_gemm", 2e-6);
        for case in 0..self.cases {
            let [m, n, k] = self.sizes(case);
            let count = 1 + case % 4;
            let product = self.product(case, [m, n, k]);
            let shares_b = case % 3 == 2;
            let config = BatchedGemmConfig { product, count, shares_b };
            let of_b = if shares_b { 1 } else { count };
            let (a, b, c) = (
                self.normal(1, count * m * k, 1.0),
                self.normal(2, of_b * k * n, 1.0),
                self.normal(3, count * m * n, 1.0),
            );
            let last =
                |matrices: &[f32], size| self.backend.upload(&matrices[matrices.len() - size..]);
            let (last_a, last_b, mut last_c) =
                (last(&a, m * k)?, last(&b, k * n)?, last(&c, m * n)?);
            let (a, reference_a) = self.upload(&a)?;
            let (b, reference_b) = self.upload(&b)?;
            let (mut c, mut expected) = self.upload(&c)?;
            self.backend.batched_gemm(config, &a, &b, &mut c)?;
            BatchedGemm::batched_gemm(
                &Reference,
                config,
                &reference_a,
                &reference_b,
                &mut expected,
            )?;
            let name = || format!("{config:?}");
            let all = self.backend.download(&c)?;
            tally.add(&all, expected.as_slice(), (k as f64).sqrt() * 3.0, name);

            let alone = BatchedGemmConfig::new(product, 1);
            self.backend.batched_gemm(alone, &last_a, &last_b, &mut last_c)?;
            let differs = self.backend.download(&last_c)? != all[(count - 1) * m * n..];
            let name = || format!("{config:?}: the last has other bits alone");
            tally.add(&[f64::from(u8::from(differs))], &[0.0], 1.0, name);
        }
        Ok(tally.finding)
    }

    pub(super) fn descend(&self) -> Result<Finding> {
        let mut tally = Tally::new("descend", 2e-6);
        for case in 0..self.cases {
            let [m, n, k] = self.sizes(case);
            let config = BatchedGemmConfig::new(self.product(case, [m, n, k]), 1 + case % 3);
            let count = config.count;
            let (a, reference_a) = self.upload(&self.normal(1, count * m * k, 1.0))?;
            let (b, reference_b) = self.upload(&self.normal(2, count * k * n, 1.0))?;
            let (mut c, mut expected) = self.upload(&self.normal(3, count * m * n, 1.0))?;
            let sgd = Optimizer::Sgd { lr: 0.7, momentum: 0.5 };
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

    /// A label that is no class and an output that is no number: no loss, no gradient, and others keep theirs.
    pub(super) fn invalid_samples(&self) -> Result<Finding> {
        let mut tally = Tally::new("loss_gradient of invalid samples", 0.0);
        let (classes, samples) = (3, 4);
        let mut outputs = self.normal(1, classes * samples, 1.0);
        outputs[samples + 2] = f32::NAN;
        let outputs = self.backend.upload(&outputs)?;
        let labels = self.backend.upload(&[0, 3, 1, 2_u32])?;
        for loss in [Loss::CrossEntropy, Loss::DoubleSoftmax] {
            let config =
                LossConfig { loss, classes, samples, count: 1, weight: 1.0, first: 0, slot: 0 };
            let mut gradient = self.backend.zeros(classes * samples)?;
            let mut result = self.backend.zeros::<f64>(2)?;
            let op = B::loss_gradient;
            op(self.backend, config, &outputs, &labels, &mut gradient, &mut result)?;
            let is_nan = |x: f64| f64::from(u8::from(x.is_nan()));
            let gradient = self.backend.download(&gradient)?;
            let found: Vec<f64> = gradient.iter().map(|&x| is_nan(f64::from(x))).collect();
            tally.add(&found, &[0.0, 1.0, 1.0, 0.0].repeat(classes), 1.0, || format!("{loss:?}"));
            let [loss, right] = self.backend.download(&result)?[..] else { continue };
            tally.add(&[is_nan(loss), is_nan(right)], &[1.0, 0.0], 1.0, || format!("{loss:?}"));
        }
        Ok(tally.finding)
    }

    pub(super) fn batch_entropy(&self) -> Result<Finding> {
        let mut tally = Tally::new("batch_entropy", 1e-6);
        for case in 0..self.cases {
            let shape @ [units, samples] = self.sizes(case);
            let (h, reference_h) = self.upload(&self.normal(1, units * samples, 1.0))?;
            let (mut delta, mut expected) = self.upload(&self.normal(2, units * samples, 1.0))?;
            let entropy = self.backend.batch_entropy(shape, &h)?;
            let expected_entropy = BatchEntropy::batch_entropy(&Reference, shape, &reference_h)?;
            self.backend.add_batch_entropy_gradient(shape, 0.7, &h, &mut delta)?;
            let add = BatchEntropy::add_batch_entropy_gradient;
            add(&Reference, shape, 0.7, &reference_h, &mut expected)?;
            let name = || format!("{shape:?}");
            tally.add(&[entropy], &[expected_entropy], 1.0, name);
            tally.add(&self.backend.download(&delta)?, expected.as_slice(), 4.0, name);
        }
        Ok(tally.finding)
    }

    /// The same work again and again, and other work in between: sums of multiples of a vector.
    pub(super) fn replay(&self) -> Result<Finding> {
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
    pub(super) fn replayed_steps(&self) -> Result<Finding> {
        let mut tally = Tally::new("replay of steps", 2e-6);
        let optimizers = [Optimizer::adam(0.1), Optimizer::rmsprop(0.1), Optimizer::sgd(0.1)];
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

    pub(super) fn gather_rows(&self) -> Result<Finding> {
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

    /// What these operations say to a buffer that is too short.
    pub(super) fn short_training_buffers(&self) -> Result<[(&'static str, Result<()>); 8]> {
        let b = self.backend;
        let (short, long) = (b.zeros::<f32>(5)?, b.zeros::<f32>(6)?);
        let (rows, labels) = (b.upload(&[0_u32, 2])?, b.upload(&[0_u32, 1])?);
        let tanh = Activation::Tanh;
        let config = LossConfig {
            loss: Loss::CrossEntropy,
            classes: 3,
            samples: 2,
            count: 1,
            weight: 1.0,
            first: 0,
            slot: 0,
        };
        let gather = |first| GatherConfig { cols: 3, first, count: 2 };
        Ok([
            ("activate", b.activate(tanh, [2, 3], &long, &mut b.zeros(6)?, &mut b.zeros(5)?)),
            (
                "activation_gradient",
                b.activation_gradient(
                    tanh,
                    [2, 3],
                    [&long, &short],
                    &mut b.zeros(6)?,
                    &mut b.zeros(2)?,
                ),
            ),
            (
                "add_batch_entropy_gradient",
                b.add_batch_entropy_gradient([2, 3], 1.0, &long, &mut b.zeros(5)?),
            ),
            (
                "batched_gemm",
                b.batched_gemm(
                    BatchedGemmConfig::new(GemmConfig::new(1, 3, 1), 2),
                    &long,
                    &short,
                    &mut b.zeros(6)?,
                ),
            ),
            (
                "descend",
                b.descend(
                    &b.new_step(&Optimizer::sgd(0.1), 1)?,
                    BatchedGemmConfig::new(GemmConfig::new(1, 3, 1), 2),
                    &short,
                    &long,
                    &mut b.zeros(5)?,
                ),
            ),
            (
                "loss_gradient",
                b.loss_gradient(config, &long, &labels, &mut b.zeros(6)?, &mut b.zeros(1)?),
            ),
            ("gather_rows past the list", b.gather_rows(gather(1), &long, &rows, &mut b.zeros(6)?)),
            (
                "gather_rows past the source",
                b.gather_rows(gather(0), &long, &rows, &mut b.zeros(6)?),
            ),
        ])
    }

    fn activations(&self) -> impl Iterator<Item = (usize, Activation)> {
        let cases = self.cases.max(Activation::ALL.len());
        (0..cases).map(|case| (case, Activation::ALL[case % Activation::ALL.len()]))
    }
}
