//! Activations on the way there and back.
#![expect(unsafe_code, reason = "a SIMD kernel; each block says why it is sound")]
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]

use super::{check_activate, check_activation_gradient, multiply_then_activate};
use crate::{
    Activation, Backward, BatchedGemm, BatchedGemmConfig, Cpu, HostBuffer, Precision, Result,
    cpu::{
        activation::{value_and_derivative, value_of, vector_derivative},
        simd::{Kernel, Lanes},
        tasks::{RowsLeft, TaskRows, for_each_task},
    },
    ops::gemm::cpu::Packed,
};

impl Backward for Cpu {
    /// Each task activates its rows while they are in the nearest cache.
    fn multiply_and_activate(
        &self,
        config: BatchedGemmConfig,
        activation: Activation,
        factors @ [a, b]: [&HostBuffer<f32>; 2],
        bias: &HostBuffer<f32>,
        [z, y]: [&mut HostBuffer<f32>; 2],
    ) -> Result<()> {
        let (units, samples) = (config.product.m, config.product.n);
        if config.product.precision != Precision::F32 || units * samples == 0 {
            return multiply_then_activate(self, config, activation, factors, bias, [z, y]);
        }
        self.check_batched_gemm(&config, a, b, z)?;
        check_activate(self, [config.count * units, samples], bias, z, y)?;
        let (level, [stride_a, stride_b, size]) = (self.level(), config.strides());
        for index in 0..config.count {
            let (a, b) = (&a.as_slice()[index * stride_a..], &b.as_slice()[index * stride_b..]);
            let packed = Packed::of(level, &config.product, b);
            let product = packed.product(&config.product, a);
            let bias = &bias.as_slice()[index * units..][..units];
            let [mut z_left, mut y_left] = [&mut *z, &mut *y].map(|matrix| {
                RowsLeft::new(&mut matrix.as_mut_slice()[index * size..][..size], samples)
            });
            let tasks = product.task_rows(units).ranges(units).map(|range| {
                let count = range.len();
                (range, z_left.take(count), y_left.take(count))
            });
            for_each_task(tasks, |(range, z, y)| {
                product.task(level, range.start, z);
                level.run(Activate { activation, samples, bias: &bias[range], z, y });
            });
        }
        Ok(())
    }

    fn activate(
        &self,
        activation: Activation,
        shape @ [units, samples]: [usize; 2],
        bias: &HostBuffer<f32>,
        z: &mut HostBuffer<f32>,
        y: &mut HostBuffer<f32>,
    ) -> Result<()> {
        check_activate(self, shape, bias, z, y)?;
        if units * samples == 0 {
            return Ok(());
        }
        let bias = &bias.as_slice()[..units];
        let [mut z, mut y] =
            [z, y].map(|z| RowsLeft::new(&mut z.as_mut_slice()[..units * samples], samples));
        let tasks = task_rows(samples).ranges(units).map(|range| {
            let count = range.len();
            (&bias[range], z.take(count), y.take(count))
        });
        for_each_task(tasks, |(bias, z, y)| {
            self.level().run(Activate { activation, samples, bias, z, y });
        });
        Ok(())
    }

    fn activation_gradient(
        &self,
        activation: Activation,
        shape @ [units, samples]: [usize; 2],
        points: [&HostBuffer<f32>; 2],
        delta: &mut HostBuffer<f32>,
        bias_gradient: &mut HostBuffer<f32>,
    ) -> Result<()> {
        check_activation_gradient(self, shape, points, delta, bias_gradient)?;
        let sums = &mut bias_gradient.as_mut_slice()[..units];
        if units * samples == 0 {
            sums.fill(0.0);
            return Ok(());
        }
        let mut sums = RowsLeft::new(sums, 1);
        let mut delta = RowsLeft::new(&mut delta.as_mut_slice()[..units * samples], samples);
        let tasks = task_rows(samples).ranges(units).map(|range| {
            let numbers = range.start * samples..range.end * samples;
            let points = points.map(|points| &points.as_slice()[numbers.clone()]);
            (points, delta.take(range.len()), sums.take(range.len()))
        });
        for_each_task(tasks, |([z, y], delta, sums)| {
            self.level().run(Gradient { activation, samples, z, y, delta, sums });
        });
        Ok(())
    }
}

/// Units a task works on: some 10 microseconds.
fn task_rows(samples: usize) -> TaskRows {
    TaskRows::all((16 * 1024 / samples).max(1))
}

/// `z <- z + bias`, `y = phi(z)`
struct Activate<'a> {
    activation: Activation,
    samples: usize,
    bias: &'a [f32],
    z: &'a mut [f32],
    y: &'a mut [f32],
}

impl Kernel for Activate<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let rows = self.z.chunks_exact_mut(self.samples).zip(self.y.chunks_exact_mut(self.samples));
        for ((z, y), &bias) in rows.zip(self.bias) {
            for (z, y) in z.chunks_mut(V::LEN).zip(y.chunks_mut(V::LEN)) {
                // SAFETY: inside a kernel of V; the chunks are of one length, at most a vector.
                unsafe {
                    let input = V::load_up_to(z.as_ptr(), z.len()).add(V::splat(bias));
                    input.store_up_to(z.as_mut_ptr(), z.len());
                    value_of(self.activation, input).store_up_to(y.as_mut_ptr(), y.len());
                }
            }
        }
    }
}

/// `delta <- delta phi'(z)`, and the sums of its rows.
struct Gradient<'a> {
    activation: Activation,
    samples: usize,
    z: &'a [f32],
    y: &'a [f32],
    delta: &'a mut [f32],
    sums: &'a mut [f32],
}

impl Kernel for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let points = self.z.chunks_exact(self.samples).zip(self.y.chunks_exact(self.samples));
        let rows = self.delta.chunks_exact_mut(self.samples).zip(points);
        for ((delta, (z, y)), sum) in rows.zip(self.sums) {
            // SAFETY: inside a kernel of V; the chunks are of one length, at most a vector.
            unsafe {
                let mut total = V::zero();
                let points = z.chunks(V::LEN).zip(y.chunks(V::LEN));
                for (delta, (z, y)) in delta.chunks_mut(V::LEN).zip(points) {
                    let count = z.len();
                    let z = V::load_up_to(z.as_ptr(), count);
                    let y = V::load_up_to(y.as_ptr(), count);
                    let slope = vector_derivative(self.activation, z, y)
                        .unwrap_or_else(|| value_and_derivative(self.activation, z).1);
                    // Lanes beyond the row are zero in delta, and so in the sum.
                    let product = V::load_up_to(delta.as_ptr(), count).mul(slope);
                    total = total.add(product);
                    product.store_up_to(delta.as_mut_ptr(), count);
                }
                *sum = total.sum() as f32;
            }
        }
    }
}
