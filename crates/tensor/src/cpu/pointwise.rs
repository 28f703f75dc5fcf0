//! Element-wise work.

use rayon::prelude::*;

use super::{
    Cpu,
    math::{derivative, value, vector_derivative, vector_value},
    simd::{Kernel, Lanes},
};
use crate::{
    Activation, HostBuffer, HostStep, Optimizer, Pointwise, Result, backend::expect_len,
    ops::optimize::optimize_on_host,
};

/// `phi(z)` and `phi'(z)`.
///
/// # Safety
/// Inside a kernel of `V`.
#[inline(always)]
pub(super) unsafe fn value_and_derivative<V: Lanes>(activation: Activation, z: V) -> (V, V) {
    // SAFETY: as the caller's.
    unsafe {
        if let Some(y) = vector_value(activation, z)
            && let Some(slope) = vector_derivative(activation, z, y)
        {
            (y, slope)
        } else {
            (
                lane_by_lane(z, |z| value(activation, z)),
                lane_by_lane(z, |z| derivative(activation, z)),
            )
        }
    }
}

/// `phi(z)`.
///
/// # Safety
/// Inside a kernel of `V`.
#[inline(always)]
pub(super) unsafe fn value_of<V: Lanes>(activation: Activation, z: V) -> V {
    // SAFETY: as the caller's.
    unsafe {
        vector_value(activation, z).unwrap_or_else(|| lane_by_lane(z, |z| value(activation, z)))
    }
}

/// # Safety
/// Inside a kernel of `V`.
#[inline(always)]
unsafe fn lane_by_lane<V: Lanes>(x: V, f: impl Fn(f32) -> f32) -> V {
    let mut lanes = [0.0; 16];
    // SAFETY: no type has more than 16 lanes.
    unsafe {
        x.store(lanes.as_mut_ptr());
        for lane in &mut lanes[..V::LEN] {
            *lane = f(*lane);
        }
        V::load(lanes.as_ptr())
    }
}

/// `y = phi(y + bias)` for `rows` segments of `y`, `stride` apart and as long as `bias`.
///
/// # Safety
/// Inside a kernel of `V`.
#[inline(always)]
pub(super) unsafe fn activate_rows<V: Lanes>(
    activation: Activation,
    bias: &[f32],
    y: &mut [f32],
    stride: usize,
    rows: usize,
) {
    for row in 0..rows {
        let y = &mut y[row * stride..][..bias.len()];
        let whole = bias.len() - bias.len() % V::LEN;
        // SAFETY: `bias` and `y` are of one length, read and written up to it.
        unsafe {
            for i in (0..whole).step_by(V::LEN) {
                let z = V::load(y[i..].as_ptr()).add(V::load(bias[i..].as_ptr()));
                value_of(activation, z).store(y[i..].as_mut_ptr());
            }
            let rest = bias.len() - whole;
            if rest > 0 {
                let bias = V::load_first(bias[whole..].as_ptr(), rest);
                let z = V::load_first(y[whole..].as_ptr(), rest).add(bias);
                value_of(activation, z).store_first(y[whole..].as_mut_ptr(), rest);
            }
        }
    }
}

/// Rows a task works on.
const ROW_CHUNK: usize = 64;

/// `y = phi(y + bias)` on whole rows.
struct Activate<'a> {
    activation: Activation,
    bias: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Activate<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let cols = self.bias.len();
        // SAFETY: inside a kernel of V.
        unsafe { activate_rows::<V>(self.activation, self.bias, self.y, cols, self.y.len() / cols) }
    }
}

/// The squared error's gradient on whole rows; the sum of squares comes back.
struct SquaredError<'a> {
    activation: Activation,
    scale: f32,
    bias: &'a [f32],
    target: &'a [f32],
    z: &'a mut [f32],
}

impl Kernel for SquaredError<'_> {
    type Output = f64;

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) -> f64 {
        let mut squares = 0.0;
        let cols = self.bias.len();
        for (z, target) in self.z.chunks_exact_mut(cols).zip(self.target.chunks_exact(cols)) {
            for start in (0..cols).step_by(V::LEN) {
                let n = (cols - start).min(V::LEN);
                // SAFETY: inside a kernel of V; `n` numbers are left in each of the three.
                unsafe {
                    let load = |from: &[f32]| {
                        let from = from[start..].as_ptr();
                        if n == V::LEN { V::load(from) } else { V::load_first(from, n) }
                    };
                    let (y, slope) =
                        value_and_derivative(self.activation, load(z).add(load(self.bias)));
                    let residual = y.sub(load(target));
                    let gradient = residual.mul(slope).mul(V::splat(self.scale));
                    if n == V::LEN {
                        squares += residual.mul(residual).sum();
                        gradient.store(z[start..].as_mut_ptr());
                    } else {
                        let mut lanes = [0.0; 16];
                        residual.store(lanes.as_mut_ptr());
                        squares += lanes[..n].iter().map(|&r| f64::from(r * r)).sum::<f64>();
                        gradient.store_first(z[start..].as_mut_ptr(), n);
                    }
                }
            }
        }
        squares
    }
}

impl Pointwise for Cpu {
    fn bias_activation(
        &self,
        [rows, cols]: [usize; 2],
        activation: Activation,
        bias: &HostBuffer<f32>,
        y: &mut HostBuffer<f32>,
    ) -> Result<()> {
        expect_len("bias_activation", "bias", cols, bias.as_slice().len())?;
        expect_len("bias_activation", "y", rows * cols, y.as_slice().len())?;
        if rows * cols > 0 {
            let bias = &bias.as_slice()[..cols];
            let chunks = y.as_mut_slice()[..rows * cols].par_chunks_mut(ROW_CHUNK * cols);
            chunks.for_each(|y| self.level.run(Activate { activation, bias, y }));
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
        let (bias, chunk) = (&bias.as_slice()[..cols], (ROW_CHUNK * cols).max(1));
        let z = z.as_mut_slice()[..rows * cols].par_chunks_mut(chunk);
        let target = target.as_slice()[..rows * cols].par_chunks(chunk);
        let scale = (2.0 / count) as f32;
        let squares: Vec<f64> = z
            .zip(target)
            .map(|(z, target)| self.level.run(SquaredError { activation, scale, bias, target, z }))
            .collect();
        Ok(squares.iter().sum::<f64>() / count)
    }

    fn column_sums(
        &self,
        [rows, cols]: [usize; 2],
        x: &HostBuffer<f32>,
        out: &mut HostBuffer<f32>,
    ) -> Result<()> {
        expect_len("column_sums", "x", rows * cols, x.as_slice().len())?;
        expect_len("column_sums", "out", cols, out.as_slice().len())?;
        let mut sums = vec![0.0_f64; cols];
        for row in x.as_slice()[..rows * cols].chunks_exact(cols.max(1)) {
            for (sum, &x) in sums.iter_mut().zip(row) {
                *sum += f64::from(x);
            }
        }
        for (out, sum) in out.as_mut_slice().iter_mut().zip(sums) {
            *out = sum as f32;
        }
        Ok(())
    }
}

optimize_on_host!(Cpu, take_step);

/// Takes a step with slices of the same length.
fn take_step(
    step: &HostStep,
    parameters: &mut [f32],
    gradient: &[f32],
    [first, second]: [&mut [f32]; 2],
) {
    /// Parameters a task changes.
    const CHUNK: usize = 16 * 1024;
    let moments = first.par_chunks_mut(CHUNK).zip(second.par_chunks_mut(CHUNK));
    let parameters = parameters.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK));
    parameters.zip(moments).for_each(|((parameters, gradient), (first, second))| {
        step_slice(step, parameters, gradient, first, second);
    });
}

/// One step on as many parameters as the slices hold.
fn step_slice(
    &HostStep { optimizer, number }: &HostStep,
    parameters: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
) {
    let moments = first.iter_mut().zip(second);
    let elements = parameters.iter_mut().zip(gradient).zip(moments);
    match optimizer {
        Optimizer::Sgd { lr, momentum: 0.0 } => elements.for_each(|((w, g), _)| *w -= lr * g),
        Optimizer::Sgd { lr, momentum } => elements.for_each(|((w, g), (u, _))| {
            *u = momentum * *u + g;
            *w -= lr * *u;
        }),
        Optimizer::RmsProp { lr, alpha, eps } => elements.for_each(|((w, g), (_, v))| {
            *v = alpha * *v + (1.0 - alpha) * (g * g);
            *w -= lr * g / (v.sqrt() + eps);
        }),
        Optimizer::Adam { lr, beta1, beta2, eps } => {
            let power = |beta: f32| 1.0 - f64::from(beta).powf(number as f64);
            let step_size = (f64::from(lr) / power(beta1)) as f32;
            let scale = power(beta2).sqrt().recip() as f32;
            elements.for_each(|((w, g), (m, v))| {
                *m = beta1 * *m + (1.0 - beta1) * g;
                *v = beta2 * *v + (1.0 - beta2) * (g * g);
                *w -= step_size * *m / (v.sqrt() * scale + eps);
            });
        }
    }
}
