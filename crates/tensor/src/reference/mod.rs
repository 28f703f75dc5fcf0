//! The reference backend: plain loops over f32 memory with every sum and function in f64. Slow, obvious, and what the
//! other backends are tested against.

mod activation;
mod ridge;

pub(crate) use activation::{derivative as activation_derivative, value as activation_value};

use activation::{derivative, value};

use crate::{
    Activation, Backward, BatchEntropy, BatchedGemm, BatchedGemmConfig, ColumnMoments, Dense,
    Divergence, DivergenceKind, GatherRows, Gemm, GemmConfig, HostBuffer, HostStep, LossGradient,
    Optimizer, PeakFlops, Pointwise, RandomFill, Result, TrainDecoder,
    backend::{expect_len, host_backend},
    ops::{
        batched_gemm::each_product, divergence::SHIFT, optimize::optimize_on_host,
        replay::replay_by_doing,
    },
};

/// The backend of plain loops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reference;

host_backend!(Reference, "reference", |_: &Reference| "reference".to_owned());

impl Gemm for Reference {
    fn gemm(
        &self,
        config: GemmConfig,
        a: &HostBuffer<f32>,
        b: &HostBuffer<f32>,
        c: &mut HostBuffer<f32>,
    ) -> Result<()> {
        self.check_gemm(&config, a, b, c)?;
        product(config, [a.as_slice(), b.as_slice()], c.as_mut_slice());
        Ok(())
    }
}

impl BatchedGemm for Reference {
    fn batched_gemm(
        &self,
        config: BatchedGemmConfig,
        a: &HostBuffer<f32>,
        b: &HostBuffer<f32>,
        c: &mut HostBuffer<f32>,
    ) -> Result<()> {
        self.check_batched_gemm(&config, a, b, c)?;
        each_product(&config, [a, b], c, |config, factors, c| {
            product(config, factors, c);
            Ok(())
        })
    }
}

fn product(config: GemmConfig, [a, b]: [&[f32]; 2], c: &mut [f32]) {
    let GemmConfig { m, n, k, transpose_a, transpose_b, alpha, beta, precision } = config;
    let a = |i: usize, l: usize| {
        let index = if transpose_a { l * m + i } else { i * k + l };
        f64::from(precision.round(a[index]))
    };
    let b = |l: usize, j: usize| {
        let index = if transpose_b { j * k + l } else { l * n + j };
        f64::from(precision.round(b[index]))
    };
    for (index, c) in c[..m * n].iter_mut().enumerate() {
        let (i, j) = (index / n, index % n);
        let product: f64 = (0..k).map(|l| a(i, l) * b(l, j)).sum();
        let old = if beta == 0.0 { 0.0 } else { f64::from(beta) * f64::from(*c) };
        *c = (f64::from(alpha) * product + old) as f32;
    }
}

impl Pointwise for Reference {
    fn bias_activation(
        &self,
        [rows, cols]: [usize; 2],
        activation: Activation,
        bias: &HostBuffer<f32>,
        y: &mut HostBuffer<f32>,
    ) -> Result<()> {
        expect_len("bias_activation", "bias", cols, bias.as_slice().len())?;
        expect_len("bias_activation", "y", rows * cols, y.as_slice().len())?;
        for (index, y) in y.as_mut_slice()[..rows * cols].iter_mut().enumerate() {
            *y = value(activation, f64::from(*y) + f64::from(bias.as_slice()[index % cols])) as f32;
        }
        Ok(())
    }

    fn squared_error_gradient(
        &self,
        [rows, cols]: [usize; 2],
        activation: Activation,
        bias: &HostBuffer<f32>,
        target: &HostBuffer<f32>,
        z: &mut HostBuffer<f32>,
    ) -> Result<f64> {
        expect_len("squared_error_gradient", "bias", cols, bias.as_slice().len())?;
        expect_len("squared_error_gradient", "target", rows * cols, target.as_slice().len())?;
        expect_len("squared_error_gradient", "z", rows * cols, z.as_slice().len())?;
        let count = (rows * cols) as f64;
        let mut sum = 0.0;
        for (index, (z, &target)) in
            z.as_mut_slice()[..rows * cols].iter_mut().zip(target.as_slice()).enumerate()
        {
            let input = f64::from(*z) + f64::from(bias.as_slice()[index % cols]);
            let residual = value(activation, input) - f64::from(target);
            sum += residual * residual;
            *z = (2.0 / count * residual * derivative(activation, input)) as f32;
        }
        Ok(sum / count)
    }

    fn column_sums(
        &self,
        [rows, cols]: [usize; 2],
        x: &HostBuffer<f32>,
        out: &mut HostBuffer<f32>,
    ) -> Result<()> {
        expect_len("column_sums", "x", rows * cols, x.as_slice().len())?;
        expect_len("column_sums", "out", cols, out.as_slice().len())?;
        for (j, out) in out.as_mut_slice()[..cols].iter_mut().enumerate() {
            *out = (0..rows).map(|i| f64::from(x.as_slice()[i * cols + j])).sum::<f64>() as f32;
        }
        Ok(())
    }
}

optimize_on_host!(Reference, take_step);

/// Takes a step with slices of the same length.
fn take_step(
    step: &HostStep,
    parameters: &mut [f32],
    gradient: &[f32],
    [first, second]: [&mut [f32]; 2],
) {
    let moments = first.iter_mut().zip(second).map(<[&mut f32; 2]>::from);
    for ((parameter, &gradient), moments) in parameters.iter_mut().zip(gradient).zip(moments) {
        *parameter = (f64::from(*parameter) - change(step, f64::from(gradient), moments)) as f32;
    }
}

/// What one step of the optimiser takes off a parameter.
fn change(step: &HostStep, gradient: f64, [first, second]: [&mut f32; 2]) -> f64 {
    match step.optimizer {
        Optimizer::Sgd { lr, momentum } => {
            let velocity = f64::from(momentum) * f64::from(*first) + gradient;
            if momentum != 0.0 {
                *first = velocity as f32;
            }
            f64::from(lr) * velocity
        }
        Optimizer::RmsProp { lr, alpha, eps } => {
            let alpha = f64::from(alpha);
            let v = alpha * f64::from(*second) + (1.0 - alpha) * gradient * gradient;
            *second = v as f32;
            f64::from(lr) * gradient / (v.sqrt() + f64::from(eps))
        }
        Optimizer::Adam { lr, beta1, beta2, eps } => {
            let (beta1, beta2) = (f64::from(beta1), f64::from(beta2));
            let m = beta1 * f64::from(*first) + (1.0 - beta1) * gradient;
            let v = beta2 * f64::from(*second) + (1.0 - beta2) * gradient * gradient;
            (*first, *second) = (m as f32, v as f32);
            let m_hat = m / (1.0 - beta1.powf(step.number as f64));
            let v_hat = v / (1.0 - beta2.powf(step.number as f64));
            f64::from(lr) * m_hat / (v_hat.sqrt() + f64::from(eps))
        }
    }
}

impl Divergence for Reference {
    fn row_divergence(
        &self,
        kind: DivergenceKind,
        shape @ [rows, cols]: [usize; 2],
        x: &HostBuffer<f32>,
        y: &HostBuffer<f32>,
        out: &mut HostBuffer<f64>,
    ) -> Result<()> {
        self.check_divergence(shape, x, y, out)?;
        for i in 0..rows {
            let [x, y] = [x, y].map(|m| &m.as_slice()[i * cols..(i + 1) * cols]);
            out.as_mut_slice()[i] = divergence(kind, x, y);
        }
        Ok(())
    }
}

fn divergence(kind: DivergenceKind, x: &[f32], y: &[f32]) -> f64 {
    let relative =
        |p: &[f64], r: &[f64]| p.iter().zip(r).map(|(p, r)| p * (p / r).ln()).sum::<f64>();
    match kind {
        DivergenceKind::SquaredError => {
            x.iter().zip(y).map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2)).sum()
        }
        DivergenceKind::Relative { floor } => {
            relative(&distribution(x, floor), &distribution(y, floor))
        }
        DivergenceKind::JensenShannon => {
            let (p, r) = (distribution(x, 0.0), distribution(y, 0.0));
            let middle: Vec<f64> = p.iter().zip(&r).map(|(p, r)| (p + r) / 2.0).collect();
            f64::midpoint(relative(&p, &middle), relative(&r, &middle))
        }
    }
}

fn distribution(x: &[f32], floor: f64) -> Vec<f64> {
    let minimum = x.iter().copied().fold(f32::INFINITY, f32::min);
    let shifted: Vec<f64> = x.iter().map(|&x| f64::from(x) - f64::from(minimum) + SHIFT).collect();
    let sum: f64 = shifted.iter().sum();
    shifted.iter().map(|s| (1.0 - floor) * s / sum + floor / x.len() as f64).collect()
}

impl ColumnMoments for Reference {
    fn column_moments(
        &self,
        shape @ [rows, cols]: [usize; 2],
        normalise_rows: bool,
        x: &HostBuffer<f32>,
        mean: &mut HostBuffer<f64>,
        variance: &mut HostBuffer<f64>,
    ) -> Result<()> {
        self.check_moments(shape, x, mean, variance)?;
        let scale: Vec<f64> = (0..rows)
            .map(|i| x.as_slice()[i * cols..(i + 1) * cols].iter().map(|&x| f64::from(x)).sum())
            .map(|sum: f64| if normalise_rows && sum != 0.0 { 1.0 / sum } else { 1.0 })
            .collect();
        for j in 0..cols {
            let column = || (0..rows).map(|i| f64::from(x.as_slice()[i * cols + j]) * scale[i]);
            let centre = column().sum::<f64>() / rows as f64;
            let squares: f64 = column().map(|x| (x - centre).powi(2)).sum();
            mean.as_mut_slice()[j] = centre;
            variance.as_mut_slice()[j] = squares / (rows as f64 - 1.0).max(1.0);
        }
        Ok(())
    }
}

impl Backward for Reference {}
impl BatchEntropy for Reference {}
impl Dense for Reference {}
impl GatherRows for Reference {}
impl LossGradient for Reference {}
impl PeakFlops for Reference {}
replay_by_doing!(Reference);
impl RandomFill for Reference {}
impl TrainDecoder for Reference {}
