#![expect(unsafe_code, reason = "a SIMD kernel; each block says why it is sound")]
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]

use rayon::prelude::*;

use crate::{
    Activation, Cpu, HostBuffer, Pointwise, Result,
    backend::expect_len,
    cpu::{
        activation::{activate_rows, value_and_derivative},
        simd::{Kernel, Lanes},
    },
    ops::pointwise::check_add,
};

/// Rows a task works on.
const ROW_CHUNK: usize = 64;

/// Numbers a task adds.
const ADD_CHUNK: usize = 16 * 1024;

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
            chunks.for_each(|y| self.level().run(Activate { activation, bias, y }));
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
            .map(|(z, target)| {
                self.level().run(SquaredError { activation, scale, bias, target, z })
            })
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

    fn add(&self, n: usize, x: &HostBuffer<f32>, y: &mut HostBuffer<f32>) -> Result<()> {
        check_add(self, n, x, y)?;
        let terms = x.as_slice()[..n].par_chunks(ADD_CHUNK);
        y.as_mut_slice()[..n].par_chunks_mut(ADD_CHUNK).zip(terms).for_each(|(y, x)| {
            y.iter_mut().zip(x).for_each(|(y, &x)| *y += x);
        });
        Ok(())
    }
}
