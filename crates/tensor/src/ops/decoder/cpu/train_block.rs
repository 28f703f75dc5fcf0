//! The kernel on vectors: all minibatches on one block of units.
#![expect(unsafe_code, reason = "a SIMD kernel; each block says why it is sound")]
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]

use std::ops::Range;

use super::{
    block::{Block, MOST_LANES, MOST_UNITS},
    prefetch::{Ahead, CACHE},
    samples::Samples,
    step::Step,
};
use crate::cpu::{
    activation::value_and_derivative,
    panel::Aligned,
    simd::{Kernel, Lanes},
    tile::{Left, for_row_tiles, tile, tile_of_columns},
};

/// The kernel: all minibatches on one block. Gives sums of squared residuals as
/// `[minibatch, vector]`.
pub(super) struct TrainBlock<'a> {
    pub(super) block: &'a mut Block,
    pub(super) samples: &'a Samples<'a>,
    pub(super) first_step: u64,
}

impl Kernel for TrainBlock<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    unsafe fn run<V: Lanes>(mut self) -> Vec<f64> {
        // SAFETY: inside a kernel of V; a block is 1 to 3 vectors wide.
        unsafe {
            match self.block.vectors() {
                3 => self.train::<V, 3>(),
                2 => self.train::<V, 2>(),
                _ => self.train::<V, 1>(),
            }
        }
    }
}

impl TrainBlock<'_> {
    /// # Safety
    /// Inside a kernel of `V`; the block is `VECTORS` vectors wide.
    #[inline(always)]
    unsafe fn train<V: Lanes, const VECTORS: usize>(&mut self) -> Vec<f64> {
        let Samples { config, batches, h: all, target } = self.samples;
        let mut delta = Aligned::zeros(config.batch * VECTORS * V::LEN);
        let mut squares = Vec::with_capacity(batches.len() * VECTORS);
        for (done, index) in batches.clone().enumerate() {
            let rows = config.batch_range(index);
            let step = Step::new(&config.optimizer, self.first_step + 1 + done as u64);
            let minibatch =
                |rows: Range<usize>| &all[rows.start * config.inputs..rows.end * config.inputs];
            let next_rows = config.batch_range(index + 1);
            let (h, next) = (minibatch(rows.clone()), minibatch(next_rows.clone()));
            // SAFETY: inside a kernel of V; `h` holds the minibatch, `delta` a row of the block for each of its samples.
            unsafe {
                self.forward::<V, VECTORS>(rows.len(), h, delta.as_mut_slice());
                let residuals =
                    self.residual::<V, VECTORS>(rows.clone(), step, delta.as_mut_slice());
                squares.extend(residuals);
                let target = &target[next_rows.start * config.outputs + self.block.first_unit..];
                let target =
                    &target[..target.len().min((next_rows.len() - 1) * config.outputs + 1)];
                let numbers = self.block.weights.iter().map(|panel| panel.as_slice().len());
                let fits = numbers.sum::<usize>() + h.len() + next.len() <= CACHE;
                let mut ahead = Ahead::new(
                    if fits { next } else { &[] },
                    target,
                    [config.outputs, self.block.valid()],
                    [config.inputs.div_ceil(V::TILE_ROWS), rows.len()],
                );
                self.update::<V, VECTORS>(rows.len(), step, h, delta.as_slice(), &mut ahead);
            }
        }
        squares
    }

    /// `delta = h V^T`.
    ///
    /// # Safety
    /// As [`train`](Self::train); `h` and `delta` hold `rows` rows.
    #[inline(always)]
    unsafe fn forward<V: Lanes, const VECTORS: usize>(
        &self,
        rows: usize,
        h: &[f32],
        delta: &mut [f32],
    ) {
        let inputs = self.samples.config.inputs;
        let weights = self.block.weights[0].as_slice().as_ptr();
        for_row_tiles!(V, VECTORS, rows, |row, COUNT| {
            // SAFETY: the caller's slices hold the rows addressed; the block's panel is `inputs` rows of VECTORS.
            unsafe {
                let sums = tile::<V, COUNT, VECTORS>(
                    inputs,
                    h.as_ptr().add(row * inputs),
                    Left::Rows { stride: inputs },
                    weights,
                );
                let delta = delta.as_mut_ptr().add(row * VECTORS * V::LEN);
                for (i, sum) in sums.iter().flatten().enumerate() {
                    sum.store(delta.add(i * V::LEN));
                }
            }
        });
    }

    /// Turns `delta` into the loss's derivative, steps the biases, gives the sums of squared residuals per vector of units.
    ///
    /// # Safety
    /// As [`train`](Self::train); `delta` holds a row for each sample of `rows`.
    #[inline(always)]
    unsafe fn residual<V: Lanes, const VECTORS: usize>(
        &mut self,
        rows: Range<usize>,
        step: Step,
        delta: &mut [f32],
    ) -> [f64; VECTORS] {
        let Samples { config, target, .. } = self.samples;
        let scale = (2.0 / (rows.len() * config.outputs) as f64) as f32;
        let (first_unit, valid) = (self.block.first_unit, self.block.valid());
        let [bias, first, second] = &mut self.block.bias;
        let mut total = [0.0; VECTORS];
        for (j, total) in total.iter_mut().enumerate() {
            let lanes = (valid - j * V::LEN).min(V::LEN);
            let column = first_unit + j * V::LEN;
            // SAFETY: `delta` and `target` hold these rows, `target` at least `lanes` numbers from `column` on, and the
            // bias vectors a vector at `j`.
            unsafe {
                let own_bias = V::load(bias.as_ptr().add(j * V::LEN));
                let (mut squares, mut bias_gradient) = (V::zero(), V::zero());
                for (i, row) in rows.clone().enumerate() {
                    let delta = delta.as_mut_ptr().add((i * VECTORS + j) * V::LEN);
                    let target = target.as_ptr().add(row * config.outputs + column);
                    let (y, slope) =
                        value_and_derivative(config.activation, V::load(delta).add(own_bias));
                    let residual = if lanes == V::LEN {
                        y.sub(V::load(target))
                    } else {
                        only_first(y.sub(V::load_first(target, lanes)), lanes)
                    };
                    squares = residual.mul_add(residual, squares);
                    let gradient = residual.mul(slope).mul(V::splat(scale));
                    bias_gradient = bias_gradient.add(gradient);
                    gradient.store(delta);
                }
                *total = squares.sum();
                let at = |vector: &mut [f32; MOST_UNITS]| vector.as_mut_ptr().add(j * V::LEN);
                step.apply(&[bias_gradient], [at(bias), at(first), at(second)]);
            }
        }
        total
    }

    /// Steps the weights by the gradient `delta^T h`, tile by tile, straight from the registers.
    ///
    /// # Safety
    /// As [`train`](Self::train); `h` and `delta` hold `rows` rows.
    #[inline(always)]
    unsafe fn update<V: Lanes, const VECTORS: usize>(
        &mut self,
        rows: usize,
        step: Step,
        h: &[f32],
        delta: &[f32],
        ahead: &mut Ahead<'_>,
    ) {
        let inputs = self.samples.config.inputs;
        let panels = self.block.weights.each_mut().map(|panel| panel.as_mut_slice().as_mut_ptr());
        for_row_tiles!(V, VECTORS, inputs, |k, COUNT| {
            // SAFETY: `h` holds `rows` rows of `inputs`, `delta` as many of VECTORS, the panels `inputs` of them.
            unsafe {
                let gradient = tile_of_columns::<V, COUNT, VECTORS>(
                    rows,
                    h.as_ptr().add(k),
                    inputs,
                    delta.as_ptr(),
                    ahead.next(),
                );
                let parts = panels.map(|panel| panel.add(k * VECTORS * V::LEN));
                step.apply(gradient.as_flattened(), parts);
            }
        });
    }
}

/// `x` with zeros beyond the first `n` lanes.
///
/// # Safety
/// Inside a kernel of `V`.
#[inline(always)]
unsafe fn only_first<V: Lanes>(x: V, n: usize) -> V {
    let mut lanes = [0.0; MOST_LANES];
    // SAFETY: no type has more lanes than the array.
    unsafe {
        x.store(lanes.as_mut_ptr());
        V::load_first(lanes.as_ptr(), n)
    }
}
