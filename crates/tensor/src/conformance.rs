//! One suite of checks for every backend, against [`Reference`].
//!
//! Shapes are drawn at random around the sizes kernels treat specially: 1, primes, and the edges of blocks and vectors.
//! `tests/` runs the suite on each backend; `isobath doctor --verify` runs it on the user's machine.

mod training;

use rand::RngCore;

use crate::{
    Activation, Backend, DecoderConfig, DecoderState, DenseConfig, DivergenceKind, Error,
    FullBackend, GemmConfig, Optimize, Optimizer, Precision, RandomStream, Reference, Result,
    RidgeConfig, random::StreamRng,
};

/// What a check found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What was checked.
    pub check: &'static str,
    /// Cases tried.
    pub cases: usize,
    /// The largest difference from the reference.
    pub worst: f64,
    /// What is allowed.
    pub tolerance: f64,
    /// The case with the largest difference.
    pub worst_case: String,
}

impl Finding {
    /// Whether the backend passed.
    pub fn passed(&self) -> bool {
        self.worst <= self.tolerance
    }
}

/// Runs all checks on `backend`; `cases` random shapes each. Precisions the backend refuses are not among the findings.
///
/// # Errors
/// When an operation fails.
pub fn run<B: FullBackend>(backend: &B, cases: usize, seed: u64) -> Result<Vec<Finding>> {
    let suite = Suite { backend, cases, seed };
    let mut findings = vec![
        suite.memory()?,
        suite.random()?,
        suite.gemm(Precision::F32, "gemm")?,
        suite.batched_gemm()?,
        suite.dense(Precision::F32, "dense")?,
        suite.squared_error_gradient()?,
        suite.optimizer()?,
        suite.descend()?,
        suite.decoder(WELL_CONDITIONED_ADAM, "train_decoder with Adam")?,
        suite.decoder(Optimizer::sgd(0.05), "train_decoder with SGD")?,
        suite.decoder(Optimizer::Sgd { lr: 0.05, momentum: 0.9 }, "train_decoder with momentum")?,
        suite.decoder(WELL_CONDITIONED_RMSPROP, "train_decoder with RMSProp")?,
        suite.ridge()?,
        suite.divergence()?,
        suite.moments()?,
        suite.activate()?,
        suite.activation_gradient()?,
        suite.loss_gradient()?,
        suite.invalid_samples()?,
        suite.gather_rows()?,
        suite.replay()?,
        suite.replayed_steps()?,
        suite.batch_entropy()?,
        suite.short_buffers()?,
    ];
    for (precision, gemm, dense, step) in [
        (Precision::Tf32, "gemm in tf32", "dense in tf32", "a step of train_decoder in tf32"),
        (Precision::Bf16, "gemm in bf16", "dense in bf16", "a step of train_decoder in bf16"),
    ] {
        findings.extend(unless_refused(suite.gemm(precision, gemm))?);
        findings.extend(unless_refused(suite.dense(precision, dense))?);
        findings.extend(unless_refused(suite.step_in(precision, step))?);
    }
    Ok(findings)
}

/// The finding, unless the backend refuses its precision.
fn unless_refused(finding: Result<Finding>) -> Result<Option<Finding>> {
    match finding {
        Err(Error::Precision { .. }) => Ok(None),
        other => other.map(Some),
    }
}

/// Sizes that kernels may treat specially.
const SIZES: [usize; 24] =
    [1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 31, 32, 33, 47, 48, 49, 61, 64, 96, 97, 131, 200];

/// Samples, inputs, outputs and batch of a decoder too wide for kernels that keep its rows in the nearest memory.
const WIDE_DECODER: [usize; 4] = [20, 2051, 17, 8];

struct Suite<'a, B> {
    backend: &'a B,
    cases: usize,
    seed: u64,
}

/// Adam that does not magnify rounding errors: it divides a gradient by its own size plus `eps`, and this `eps` is not
/// much smaller than the gradients here.
const WELL_CONDITIONED_ADAM: Optimizer =
    Optimizer::Adam { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-4 };

/// The same of `RMSProp`.
const WELL_CONDITIONED_RMSPROP: Optimizer = Optimizer::RmsProp { lr: 1e-3, alpha: 0.99, eps: 1e-3 };

/// Whether the derivative jumps somewhere.
const fn has_kink(activation: Activation) -> bool {
    match activation {
        Activation::Relu
        | Activation::LeakyRelu { .. }
        | Activation::Selu
        | Activation::HardTanh => true,
        Activation::Tanh
        | Activation::Erf
        | Activation::Elu
        | Activation::Softplus
        | Activation::Sigmoid
        | Activation::Gelu
        | Activation::Silu
        | Activation::Sine
        | Activation::Linear => false,
    }
}

/// Collects the largest difference.
struct Tally {
    finding: Finding,
}

impl Tally {
    fn new(check: &'static str, tolerance: f64) -> Self {
        Self {
            finding: Finding { check, cases: 0, worst: 0.0, tolerance, worst_case: String::new() },
        }
    }

    /// Adds the differences of a case, relative to `scale`.
    fn add<A, E>(&mut self, actual: &[A], expected: &[E], scale: f64, case: impl Fn() -> String)
    where
        A: Copy + Into<f64>,
        E: Copy + Into<f64>,
    {
        self.finding.cases += 1;
        for (&actual, &expected) in actual.iter().zip(expected) {
            let difference = (actual.into() - expected.into()).abs() / scale;
            let difference = if difference.is_nan() { f64::INFINITY } else { difference };
            if difference > self.finding.worst {
                self.finding.worst = difference;
                self.finding.worst_case = case();
            }
        }
    }
}

impl<B: FullBackend> Suite<'_, B> {
    fn sizes<const N: usize>(&self, case: usize) -> [usize; N] {
        let mut rng = StreamRng::new(self.seed, 1000 + case as u64);
        std::array::from_fn(|_| SIZES[rng.below(SIZES.len() as u64) as usize])
    }

    /// Normal numbers, different for each `stream`.
    fn normal(&self, stream: usize, n: usize, std: f64) -> Vec<f32> {
        RandomStream::Normal { seed: self.seed, stream: stream as u64, std }.take(n)
    }

    fn upload(&self, host: &[f32]) -> Result<(B::Buffer<f32>, crate::HostBuffer<f32>)> {
        Ok((self.backend.upload(host)?, Reference.upload(host)?))
    }

    fn memory(&self) -> Result<Finding> {
        let mut tally = Tally::new("memory", 0.0);
        let host = self.normal(0, 100, 1.0);
        let source = self.backend.upload(&host)?;
        let mut target = self.backend.zeros::<f32>(100)?;
        self.backend.copy(&source, 10..20, &mut target, 85)?;
        self.backend.write(&mut target, 3, &host[..7])?;
        let mut expected = vec![0.0_f32; 100];
        expected[85..95].copy_from_slice(&host[10..20]);
        expected[3..10].copy_from_slice(&host[..7]);
        tally.add(&self.backend.download(&target)?, &expected, 1.0, || "copy and write".to_owned());
        tally.add(&self.backend.read(&source, 90..100)?, &host[90..], 1.0, || "read".to_owned());
        Ok(tally.finding)
    }

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

    /// A product of this shape with whatever else it may have.
    fn product(&self, case: usize, [m, n, k]: [usize; 3]) -> GemmConfig {
        let flags = StreamRng::new(self.seed, case as u64).next_u32();
        GemmConfig {
            transpose_a: flags & 1 != 0,
            transpose_b: flags & 2 != 0,
            alpha: if flags & 4 != 0 { 1.0 } else { -0.5 },
            beta: if flags & 8 != 0 { 0.0 } else { 2.0 },
            ..GemmConfig::new(m, n, k)
        }
    }

    fn gemm(&self, precision: Precision, check: &'static str) -> Result<Finding> {
        let mut tally = Tally::new(check, 2e-6);
        for case in 0..self.cases {
            let [m, n, k] = self.sizes(case);
            let (a, b, c) = (
                self.normal(1, m * k, 1.0),
                self.normal(2, k * n, 1.0),
                self.normal(3, m * n, 1.0),
            );
            let config = self.product(case, [m, n, k]).precision(precision);
            let (a, reference_a) = self.upload(&a)?;
            let (b, reference_b) = self.upload(&b)?;
            let (mut c, mut expected) = self.upload(&c)?;
            self.backend.gemm(config, &a, &b, &mut c)?;
            Reference.gemm_of(config, &reference_a, &reference_b, &mut expected)?;
            // Rounding errors of a sum of k products of variance one grow like sqrt(k), and so does the sum.
            let scale = (k as f64).sqrt() * 3.0;
            tally.add(&self.backend.download(&c)?, expected.as_slice(), scale, || {
                format!("{config:?}")
            });
        }
        Ok(tally.finding)
    }

    fn dense(&self, precision: Precision, check: &'static str) -> Result<Finding> {
        let mut tally = Tally::new(check, 2e-6);
        for case in 0..self.cases.max(Activation::ALL.len()) {
            let [rows, inputs, outputs] = self.sizes(case);
            let activation = Activation::ALL[case % Activation::ALL.len()];
            let config = DenseConfig { rows, inputs, outputs, activation, precision };
            let (x, reference_x) = self.upload(&self.normal(1, rows * inputs, 1.0))?;
            let (w, reference_w) =
                self.upload(&self.normal(2, outputs * inputs, (2.0 / inputs as f64).sqrt()))?;
            let (b, reference_b) = self.upload(&self.normal(3, outputs, 0.3))?;
            let (mut y, mut expected) = self.upload(&vec![f32::NAN; rows * outputs])?;
            self.backend.dense(config, &x, &w, &b, &mut y)?;
            crate::Dense::dense(
                &Reference,
                config,
                &reference_x,
                &reference_w,
                &reference_b,
                &mut expected,
            )?;
            tally.add(&self.backend.download(&y)?, expected.as_slice(), 3.0, || {
                format!("{config:?}")
            });
        }
        Ok(tally.finding)
    }

    fn squared_error_gradient(&self) -> Result<Finding> {
        let mut tally = Tally::new("squared_error_gradient", 4e-6);
        for case in 0..self.cases.max(Activation::ALL.len()) {
            let shape @ [rows, cols] = self.sizes(case);
            let activation = Activation::ALL[case % Activation::ALL.len()];
            let (bias, reference_bias) = self.upload(&self.normal(1, cols, 0.5))?;
            let (target, reference_target) = self.upload(&self.normal(2, rows * cols, 1.0))?;
            let (mut z, mut expected) = self.upload(&self.normal(3, rows * cols, 1.0))?;
            let loss =
                self.backend.squared_error_gradient(shape, activation, &bias, &target, &mut z)?;
            let expected_loss = crate::Pointwise::squared_error_gradient(
                &Reference,
                shape,
                activation,
                &reference_bias,
                &reference_target,
                &mut expected,
            )?;
            let name = || format!("{activation} {rows} x {cols}");
            tally.add(&[loss], &[expected_loss], expected_loss, name);
            let scale = 2.0 / (rows * cols) as f64 * 3.0;
            tally.add(&self.backend.download(&z)?, expected.as_slice(), scale, name);
        }
        Ok(tally.finding)
    }

    fn optimizer(&self) -> Result<Finding> {
        let mut tally = Tally::new("optimizer_step", 1e-6);
        let optimizers = [
            Optimizer::adam(0.1),
            Optimizer::sgd(0.1),
            Optimizer::Sgd { lr: 0.1, momentum: 0.5 },
            Optimizer::rmsprop(0.1),
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
            tally.add(&self.backend.download(&v)?, expected_v.as_slice(), 1.0, name);
        }
        Ok(tally.finding)
    }

    fn decoder(&self, optimizer: Optimizer, check: &'static str) -> Result<Finding> {
        let mut tally = Tally::new(check, 5e-6);
        // At a kink a rounding error flips the derivative, which a division by the gradient's own size magnifies up to
        // the learning rate; the kinked activations are left to the optimisers without one.
        let divides = !matches!(optimizer, Optimizer::Sgd { .. });
        let activations: Vec<Activation> = Activation::ALL
            .into_iter()
            .filter(|activation| !(divides && has_kink(*activation)))
            .collect();
        for case in 0..self.cases.max(activations.len()) {
            let [samples, inputs, outputs, batch] =
                if case == 0 { WIDE_DECODER } else { self.sizes(case) };
            let activation = activations[case % activations.len()];
            let precision = Precision::F32;
            let config =
                DecoderConfig { samples, inputs, outputs, batch, activation, optimizer, precision };
            let (h, reference_h) = self.upload(&self.normal(1, samples * inputs, 0.7))?;
            let (target, reference_target) =
                self.upload(&self.normal(2, samples * outputs, 0.7))?;
            let mut state = DecoderState::init(self.backend, inputs, outputs, self.seed, 10)?;
            let mut expected = DecoderState::init(&Reference, inputs, outputs, self.seed, 10)?;
            // At most five steps, in two calls, running into a second epoch where the first is short.
            let mut losses = self.backend.train_decoder(&config, 0..2, &h, &target, &mut state)?;
            losses.extend(self.backend.train_decoder(&config, 2..5, &h, &target, &mut state)?);
            let train = crate::TrainDecoder::train_decoder;
            let expected_losses =
                train(&Reference, &config, 0..5, &reference_h, &reference_target, &mut expected)?;
            let name = || format!("{config:?}");
            tally.add(&losses, &expected_losses, 1.0, name);
            tally.add(&[state.steps as f64], &[expected.steps as f64], 1.0, name);
            tally.add(
                &self.backend.download(&state.weights)?,
                expected.weights.as_slice(),
                1.0,
                name,
            );
            tally.add(&self.backend.download(&state.bias)?, expected.bias.as_slice(), 1.0, name);
            let moments = [&state.weight_moments, &state.bias_moments];
            for (moments, expected) in
                moments.into_iter().zip([&expected.weight_moments, &expected.bias_moments])
            {
                for (moment, expected) in moments.iter().zip(expected) {
                    tally.add(&self.backend.download(moment)?, expected.as_slice(), 1.0, name);
                }
            }
        }
        Ok(tally.finding)
    }

    /// One step: from the second on, a rounding error can tip a weight to its neighbour in `precision`.
    fn step_in(&self, precision: Precision, check: &'static str) -> Result<Finding> {
        let mut tally = Tally::new(check, 5e-6);
        for case in 0..self.cases {
            let [samples, inputs, outputs, _] =
                if case == 0 { WIDE_DECODER } else { self.sizes(case) };
            let config = DecoderConfig {
                samples,
                inputs,
                outputs,
                batch: samples,
                activation: Activation::Tanh,
                optimizer: Optimizer::sgd(0.05),
                precision,
            };
            let (h, reference_h) = self.upload(&self.normal(1, samples * inputs, 0.7))?;
            let (target, reference_target) =
                self.upload(&self.normal(2, samples * outputs, 0.7))?;
            let mut state = DecoderState::init(self.backend, inputs, outputs, self.seed, 10)?;
            let mut expected = DecoderState::init(&Reference, inputs, outputs, self.seed, 10)?;
            let losses = self.backend.train_decoder(&config, 0..1, &h, &target, &mut state)?;
            let train = crate::TrainDecoder::train_decoder;
            let expected_losses =
                train(&Reference, &config, 0..1, &reference_h, &reference_target, &mut expected)?;
            let name = || format!("{config:?}");
            tally.add(&losses, &expected_losses, 1.0, name);
            let weights = self.backend.download(&state.weights)?;
            tally.add(&weights, expected.weights.as_slice(), 1.0, name);
            tally.add(&self.backend.download(&state.bias)?, expected.bias.as_slice(), 1.0, name);
        }
        Ok(tally.finding)
    }

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
            let expected = crate::FitRidge::fit_ridge(
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
            crate::Divergence::row_divergence(
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

    fn moments(&self) -> Result<Finding> {
        let mut tally = Tally::new("column_moments", 1e-12);
        for (case, normalise) in (0..self.cases).flat_map(|case| [(case, false), (case, true)]) {
            let shape @ [rows, cols] = self.sizes(case);
            let mut host = self.normal(1, rows * cols, 1.0);
            for x in &mut host {
                *x = x.abs();
            }
            let (x, reference_x) = self.upload(&host)?;
            let (mut mean, mut variance) = (self.backend.zeros(cols)?, self.backend.zeros(cols)?);
            let (mut expected_mean, mut expected_variance) =
                (Reference.zeros(cols)?, Reference.zeros(cols)?);
            self.backend.column_moments(shape, normalise, &x, &mut mean, &mut variance)?;
            crate::ColumnMoments::column_moments(
                &Reference,
                shape,
                normalise,
                &reference_x,
                &mut expected_mean,
                &mut expected_variance,
            )?;
            let name = || format!("{shape:?}, rows normalised: {normalise}");
            tally.add(&self.backend.download(&mean)?, expected_mean.as_slice(), 1.0, name);
            tally.add(&self.backend.download(&variance)?, expected_variance.as_slice(), 1.0, name);
        }
        Ok(tally.finding)
    }

    /// Every operation refuses a buffer that is too short.
    fn short_buffers(&self) -> Result<Finding> {
        let mut tally = Tally::new("short buffers are refused", 0.0);
        let b = self.backend;
        let (short, long) = (b.zeros::<f32>(5)?, b.zeros::<f32>(6)?);
        let (mut out, mut sums) = (b.zeros::<f32>(6)?, b.zeros::<f64>(6)?);
        let (activation, precision) = (Activation::Tanh, Precision::F32);
        let dense = DenseConfig { rows: 2, inputs: 3, outputs: 3, activation, precision };
        let decoder = DecoderConfig {
            samples: 2,
            inputs: 3,
            outputs: 3,
            batch: 2,
            activation: Activation::Tanh,
            optimizer: Optimizer::sgd(0.1),
            precision: Precision::F32,
        };
        let mut state = DecoderState::zeros(b, 3, 3)?;
        let ridge = RidgeConfig { samples: 2, inputs: 3, outputs: 3, noise: 0.1 };
        let refusals = [
            ("write", b.write(&mut out, 3, &[0.0; 4])),
            ("read", b.read(&short, 4..6).map(drop)),
            ("copy", b.copy(&long, 0..6, &mut b.zeros(5)?, 0)),
            ("gemm", b.gemm(GemmConfig::new(2, 3, 2), &short, &short, &mut out)),
            ("dense", b.dense(dense, &long, &long, &long, &mut out)),
            (
                "bias_activation",
                b.bias_activation([2, 3], Activation::Tanh, &long, &mut b.zeros(5)?),
            ),
            (
                "squared_error_gradient",
                b.squared_error_gradient([2, 3], Activation::Tanh, &long, &short, &mut out)
                    .map(drop),
            ),
            ("column_sums", b.column_sums([2, 3], &short, &mut out)),
            (
                "optimizer_step",
                b.optimizer_step(
                    &b.new_step(&Optimizer::sgd(0.1), 1)?,
                    &mut out,
                    &short,
                    &mut b.zeros(6)?,
                    &mut b.zeros(6)?,
                ),
            ),
            ("train_decoder", b.train_decoder(&decoder, 0..1, &short, &long, &mut state).map(drop)),
            ("fit_ridge", b.fit_ridge(&ridge, &short, &long, &mut b.zeros(9)?, &mut out).map(drop)),
            (
                "row_divergence",
                b.row_divergence(DivergenceKind::SquaredError, [2, 3], &long, &short, &mut sums),
            ),
            (
                "column_moments",
                b.column_moments([2, 3], false, &short, &mut sums, &mut b.zeros(3)?),
            ),
            (
                "random_fill",
                b.random_fill(RandomStream::Normal { seed: 0, stream: 0, std: 1.0 }, 7, &mut out),
            ),
        ];
        for (name, outcome) in refusals.into_iter().chain(self.short_training_buffers()?) {
            let refused = matches!(outcome, Err(Error::Shape { .. }));
            tally.add(&[f64::from(u8::from(refused))], &[1.0], 1.0, || {
                format!("{name} accepted a short buffer")
            });
        }
        Ok(tally.finding)
    }
}

impl Reference {
    /// [`Gemm::gemm`](crate::Gemm::gemm), named apart so that the suite reads as backend against reference.
    fn gemm_of(
        self,
        config: GemmConfig,
        a: &crate::HostBuffer<f32>,
        b: &crate::HostBuffer<f32>,
        c: &mut crate::HostBuffer<f32>,
    ) -> Result<()> {
        crate::Gemm::gemm(&self, config, a, b, c)
    }
}
