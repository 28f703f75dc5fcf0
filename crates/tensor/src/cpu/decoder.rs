//! The decoder epoch.
//!
//! Unit `i` of a single-layer decoder under a squared error sees only its own residual. So the decoder is cut into
//! blocks of [`PANEL_VECTORS`] vectors of units; each block, with its weights and both moments (450 kB at width 784),
//! stays in one core's cache while all minibatches stream past, and no thread ever waits for another. The gradient goes
//! from registers into the optimiser's step without being stored.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    Cpu,
    panel::{Aligned, PanelLayout, Strides},
    pointwise::value_and_derivative,
    simd::{Kernel, Lanes, PANEL_VECTORS, SimdLevel},
    step::{Step, moment_scales},
    tile::{Between, Left, TURNS, for_row_tiles, prefetch, tile, tile_of_columns},
};
use crate::{
    DecoderConfig, DecoderState, HostBuffer, Optimizer, Result, TrainDecoder,
    ops::decoder::{check_decoder, train_by_parts},
};

/// A third of a memory page of 64 cache lines.
const THIRD_OF_A_PAGE: usize = 21;
/// Most lanes a vector has.
const MOST_LANES: usize = 16;
/// Most units of a block.
const MOST_UNITS: usize = PANEL_VECTORS * MOST_LANES;

impl TrainDecoder for Cpu {
    fn train_decoder(
        &self,
        config: &DecoderConfig,
        batches: Range<usize>,
        h: &HostBuffer<f32>,
        target: &HostBuffer<f32>,
        state: &mut DecoderState<Self>,
    ) -> Result<Vec<f64>> {
        check_decoder(self, config, h, target, state)?;
        if self.emulates(config.precision) {
            return train_by_parts(self, config, batches, h, target, state);
        }
        let samples = Samples {
            config: *config,
            batches: batches.clone(),
            h: h.as_slice(),
            target: target.as_slice(),
        };
        let squares = self.train(&samples, state)?;
        state.steps += batches.len() as u64;
        let loss = |(i, batch)| {
            let count = config.batch_range(batch).len() * config.outputs;
            squares.iter().map(|squares: &Vec<f64>| squares[i]).sum::<f64>() / count as f64
        };
        Ok(batches.enumerate().map(loss).collect())
    }
}

impl Cpu {
    /// Trains all units on the minibatches of `samples`; squared residuals come back as `[block][minibatch]`.
    fn train(self, samples: &Samples<'_>, state: &mut DecoderState<Self>) -> Result<Vec<Vec<f64>>> {
        let DecoderConfig { inputs, outputs, batch, precision, .. } = samples.config;
        #[cfg(target_arch = "x86_64")]
        if let Some(pieces) = self.pieces(precision, &[inputs, outputs, batch]) {
            return Ok(super::amx::train(pieces, samples, state));
        }
        self.check_precision(precision)?;
        Ok(train_on_vectors(self.level, samples, state))
    }
}

/// [`Cpu::train`] on vectors.
fn train_on_vectors(
    level: SimdLevel,
    samples: &Samples<'_>,
    state: &mut DecoderState<Cpu>,
) -> Vec<Vec<f64>> {
    let config = &samples.config;
    let layout = PanelLayout { lanes: level.lanes(), columns: config.outputs, k: config.inputs };
    let first_step = state.steps;
    split_units(state, config, layout.width())
        .into_par_iter()
        .enumerate()
        .map(|(index, units)| {
            let mut block = Block::pack(layout, index, &units, &config.optimizer);
            let squares = level.run(TrainBlock { block: &mut block, samples, first_step });
            block.unpack(layout, units, &config.optimizer);
            squares
        })
        .collect()
}

/// What all blocks read.
pub(super) struct Samples<'a> {
    pub(super) config: DecoderConfig,
    pub(super) batches: Range<usize>,
    pub(super) h: &'a [f32],
    pub(super) target: &'a [f32],
}

/// Rows of the decoder's state that make up a block: `[units, inputs]` and `[units]`, each as parameters, first and
/// second moment.
pub(super) struct Units<'a> {
    pub(super) weights: [&'a mut [f32]; 3],
    pub(super) bias: [&'a mut [f32]; 3],
}

pub(super) fn split_units<'a>(
    state: &'a mut DecoderState<Cpu>,
    config: &DecoderConfig,
    width: usize,
) -> Vec<Units<'a>> {
    let DecoderConfig { inputs, outputs, .. } = *config;
    let [w1, w2] = &mut state.weight_moments;
    let [b1, b2] = &mut state.bias_moments;
    let split = |buffer: &'a mut HostBuffer<f32>, row: usize| {
        buffer.as_mut_slice()[..outputs * row].chunks_mut(width * row)
    };
    let weights = split(&mut state.weights, inputs).zip(split(w1, inputs)).zip(split(w2, inputs));
    let bias = split(&mut state.bias, 1).zip(split(b1, 1)).zip(split(b2, 1));
    let units = weights
        .zip(bias)
        .map(|(((w, w1), w2), ((b, b1), b2))| Units { weights: [w, w1, w2], bias: [b, b1, b2] });
    units.collect()
}

/// A block of units in training: weights and moments as panels, biases and moments as vectors.
///
/// The moments are kept divided by `1 - beta`, which saves a product each per step.
struct Block {
    first_unit: usize,
    valid: usize,
    stored: usize,
    weights: [Aligned; 3],
    bias: [[f32; MOST_UNITS]; 3],
}

impl Block {
    fn pack(layout: PanelLayout, index: usize, units: &Units<'_>, optimizer: &Optimizer) -> Self {
        let first_unit = index * layout.width();
        let mut block = Self {
            first_unit,
            valid: layout.valid(index),
            stored: layout.stored(index),
            weights: std::array::from_fn(|moment| {
                Aligned::staggered(layout.stored(index) * layout.k, THIRD_OF_A_PAGE * moment)
            }),
            bias: [[0.0; MOST_UNITS]; 3],
        };
        // The units are the only columns of their own small matrix.
        let own = PanelLayout { columns: block.valid, ..layout };
        for (panel, rows) in block.weights.iter_mut().zip(&units.weights) {
            own.pack(0, rows, Strides { k: 1, column: layout.k }, panel.as_mut_slice());
        }
        for (vector, bias) in block.bias.iter_mut().zip(&units.bias) {
            vector[..bias.len()].copy_from_slice(bias);
        }
        block.scale_moments(moment_scales(optimizer).map(|scale| 1.0 / scale));
        block
    }

    fn unpack(mut self, layout: PanelLayout, units: Units<'_>, optimizer: &Optimizer) {
        self.scale_moments(moment_scales(optimizer));
        let own = PanelLayout { columns: self.valid, ..layout };
        for (panel, rows) in self.weights.iter().zip(units.weights) {
            own.unpack_rows(0, panel.as_slice(), rows);
        }
        for (vector, bias) in self.bias.iter().zip(units.bias) {
            bias.copy_from_slice(&vector[..bias.len()]);
        }
    }

    fn scale_moments(&mut self, scales: [f32; 2]) {
        for (moment, scale) in [(1, scales[0]), (2, scales[1])] {
            if scale != 1.0 {
                self.weights[moment].as_mut_slice().iter_mut().for_each(|x| *x *= scale);
                self.bias[moment].iter_mut().for_each(|x| *x *= scale);
            }
        }
    }
}

/// The kernel: all minibatches on one block. Gives the sum of squared residuals of each minibatch.
struct TrainBlock<'a> {
    block: &'a mut Block,
    samples: &'a Samples<'a>,
    first_step: u64,
}

impl Kernel for TrainBlock<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    unsafe fn run<V: Lanes>(mut self) -> Vec<f64> {
        // SAFETY: inside a kernel of V; a block is 1 to 3 vectors wide.
        unsafe {
            match self.block.stored / V::LEN {
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
        let mut squares = Vec::with_capacity(batches.len());
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
                squares.push(self.residual::<V, VECTORS>(rows.clone(), step, delta.as_mut_slice()));
                let calls = config.inputs.div_ceil(V::TILE_ROWS) * TURNS;
                let target = &target[next_rows.start * config.outputs + self.block.first_unit..];
                let target =
                    &target[..target.len().min((next_rows.len() - 1) * config.outputs + 1)];
                let mut ahead = Ahead::new(next, target, [config.outputs, self.block.valid], calls);
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

    /// Turns `delta` into the loss's derivative, steps the biases, gives the sum of squared residuals.
    ///
    /// # Safety
    /// As [`train`](Self::train); `delta` holds a row for each sample of `rows`.
    #[inline(always)]
    unsafe fn residual<V: Lanes, const VECTORS: usize>(
        &mut self,
        rows: Range<usize>,
        step: Step,
        delta: &mut [f32],
    ) -> f64 {
        let Samples { config, target, .. } = self.samples;
        let scale = (2.0 / (rows.len() * config.outputs) as f64) as f32;
        let [bias, first, second] = &mut self.block.bias;
        let mut total = 0.0;
        for j in 0..VECTORS {
            let lanes = (self.block.valid - j * V::LEN).min(V::LEN);
            let column = self.block.first_unit + j * V::LEN;
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
                total += squares.sum();
                let at = |vector: &mut [f32; MOST_UNITS]| vector.as_mut_ptr().add(j * V::LEN);
                step.apply(bias_gradient, [at(bias), at(first), at(second)]);
            }
        }
        total
    }

    /// Steps the weights by the gradient `delta^T h`, tile by tile.
    ///
    /// The optimiser's step takes roots and quotients, which have a unit of their own in the processor. So a tile's
    /// gradient waits in the nearest cache and is stepped in between the products of the next tile.
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
        // SAFETY: inside a kernel of V.
        let zero = unsafe { V::zero() };
        let mut waiting =
            Waiting::<V, VECTORS> { gradient: [[zero; VECTORS]; TURNS], k: 0, rows: 0 };
        for_row_tiles!(V, VECTORS, inputs, |k, COUNT| {
            // SAFETY: `h` holds `rows` rows of `inputs`, `delta` as many of VECTORS, the panels `inputs` of them.
            unsafe {
                let mut between = Stepping { waiting: &waiting, step, panels, ahead: &mut *ahead };
                let sums = tile_of_columns::<V, COUNT, VECTORS>(
                    rows,
                    h.as_ptr().add(k),
                    inputs,
                    delta.as_ptr(),
                    &mut between,
                );
                waiting.gradient[..COUNT].copy_from_slice(&sums);
                (waiting.k, waiting.rows) = (k, COUNT);
            }
        });
        for row in 0..TURNS {
            // SAFETY: the panels hold the rows that wait.
            unsafe { waiting.step_row(row, step, panels) };
        }
    }
}

/// The gradient of up to [`TURNS`] rows of a panel, from row `k` on, that is still to be stepped by.
struct Waiting<V, const VECTORS: usize> {
    gradient: [[V; VECTORS]; TURNS],
    k: usize,
    rows: usize,
}

impl<V: Lanes, const VECTORS: usize> Waiting<V, VECTORS> {
    /// Steps row `row`, if there is one.
    ///
    /// # Safety
    /// Inside a kernel of `V`; the panels hold the rows that wait.
    #[inline(always)]
    unsafe fn step_row(&self, row: usize, step: Step, panels: [*mut f32; 3]) {
        if row < self.rows {
            for (j, &gradient) in self.gradient[row].iter().enumerate() {
                let offset = ((self.k + row) * VECTORS + j) * V::LEN;
                // SAFETY: as the caller's.
                unsafe { step.apply(gradient, panels.map(|panel| panel.add(offset))) };
            }
        }
    }
}

/// What is done between the products of a tile: the steps of the one before it.
struct Stepping<'a, 'b, V, const VECTORS: usize> {
    waiting: &'a Waiting<V, VECTORS>,
    step: Step,
    panels: [*mut f32; 3],
    ahead: &'a mut Ahead<'b>,
}

impl<V: Lanes, const VECTORS: usize> Between for Stepping<'_, '_, V, VECTORS> {
    #[inline(always)]
    unsafe fn turn(&mut self, turn: usize) {
        // SAFETY: as the caller's; the panels hold the rows that wait.
        unsafe { self.waiting.step_row(turn, self.step, self.panels) };
        self.ahead.fetch();
    }
}

/// Asks for the next minibatch while this one is worked on, a few cache lines at a time: `h` from end to end, and of the
/// targets the block's columns.
struct Ahead<'a> {
    h: &'a [f32],
    target: &'a [f32],
    target_stride: usize,
    target_width: usize,
    lines: usize,
}

impl<'a> Ahead<'a> {
    /// Over `h`, and over the first `width` columns of `target`, whose rows are `stride` apart, in about `calls` calls of
    /// [`fetch`](Self::fetch).
    fn new(h: &'a [f32], target: &'a [f32], [stride, width]: [usize; 2], calls: usize) -> Self {
        let lines = h.len().div_ceil(LINE).div_ceil(calls.max(1));
        Self { h, target, target_stride: stride, target_width: width, lines }
    }

    #[inline(always)]
    fn fetch(&mut self) {
        for _ in 0..self.lines {
            prefetch(self.h.as_ptr());
            self.h = self.h.get(LINE..).unwrap_or_default();
        }
        if !self.target.is_empty() {
            for column in (0..self.target_width + LINE).step_by(LINE) {
                prefetch(self.target.as_ptr().wrapping_add(column));
            }
            self.target = self.target.get(self.target_stride..).unwrap_or_default();
        }
    }
}

/// Numbers in a cache line.
const LINE: usize = 16;

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
