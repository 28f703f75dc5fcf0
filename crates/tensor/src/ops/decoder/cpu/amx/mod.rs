//! The decoder epoch on tiles.
//!
//! As in [the kernel for vectors](super::train_block) a block of units stays in a core's cache while minibatches stream
//! past. Units are the rows of the tiles everywhere: weights `[unit, input]` are a left factor as they lie, and so are
//! the residuals `[unit, sample]` that come out of the forward product. Only the samples need packing, minibatch by
//! minibatch, into the cache of the core that is about to use them.
#![expect(unsafe_code, reason = "a SIMD kernel; each block says why it is sound")]
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]

mod block;
mod minibatch;
mod shape;
mod train_step;

use rayon::prelude::*;

use super::{
    samples::{Samples, split_units},
    step::{Step, moment_scales},
};
use crate::{
    Cpu, DecoderState,
    cpu::{
        amx::{DEPTH, TILE, tiles::Tiles},
        panel::Aligned,
        simd::{Kernel, Lanes, SimdLevel},
    },
};

use block::{BLOCK_UNITS, Block};
use minibatch::{Minibatch, PackMinibatch};
use shape::Shape;
use train_step::TrainStep;

/// [`Cpu::train`] with factors rounded to bfloat16; a block's squares are one part.
pub(super) fn train(samples: &Samples<'_>, state: &mut DecoderState<Cpu>) -> Vec<Vec<f64>> {
    let shape = Shape::new(&samples.config);
    let first_step = state.steps;
    let optimizer = samples.config.optimizer;
    let scales = moment_scales(&optimizer);
    let outputs = samples.config.outputs;
    let blocks = (0..outputs).step_by(BLOCK_UNITS);
    let blocks: Vec<_> = blocks.map(|first| first..outputs.min(first + BLOCK_UNITS)).collect();
    let mut units = split_units(state, &samples.config, &blocks);
    units
        .par_iter_mut()
        .enumerate()
        .map(|(index, units)| {
            let mut block = Block::load(shape, index, units, scales);
            let squares = SimdLevel::Amx.run(Train { block: &mut block, samples, first_step });
            block.store(units, scales);
            squares
        })
        .collect()
}

/// Trains a block; squared residuals of each minibatch come back.
struct Train<'a> {
    block: &'a mut Block,
    samples: &'a Samples<'a>,
    first_step: u64,
}

impl Kernel for Train<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) -> Vec<f64> {
        let Self { block, samples, first_step } = self;
        let shape = block.shape;
        // SAFETY: this level has tiles.
        let _tiles = unsafe { Tiles::new() };
        let unit_tiles = block.unit_tiles().next_multiple_of(2);
        let mut minibatch = Minibatch {
            forward: Aligned::zeros(shape.samples_len()),
            gradient: Aligned::zeros(shape.samples_len()),
            targets: Aligned::zeros(BLOCK_UNITS * shape.sample_blocks * DEPTH),
        };
        let mut delta = Aligned::zeros(unit_tiles * shape.sample_blocks * TILE);
        let mut sums = Aligned::zeros(4 * TILE);
        let mut weights = Aligned::zeros(shape.input_blocks * 2 * TILE);
        let mut squares = Vec::with_capacity(samples.batches.len());
        for (batch, step) in samples.batches.clone().zip(first_step + 1..) {
            let pack = PackMinibatch { samples, block, batch, minibatch: &mut minibatch };
            // SAFETY: inside a kernel of V.
            unsafe { pack.run::<V>() };
            let rows = samples.config.batch_range(batch);
            let next = samples.config.batch_range(batch + 1);
            let mut train_step = TrainStep {
                block,
                config: &samples.config,
                rows: rows.len(),
                step: Step::new(&samples.config.optimizer, step),
                delta: &mut delta,
                sums: &mut sums,
                weights: &mut weights,
                next: &samples.h[next.start * shape.inputs..next.end * shape.inputs],
                next_targets: &samples.target[next.start * shape.outputs..next.end * shape.outputs],
            };
            // SAFETY: there are tiles; the parts are what `PackMinibatch` wrote.
            unsafe {
                let (forward, targets) =
                    (minibatch.forward.as_slice(), minibatch.targets.as_slice());
                squares.push(train_step.forward(forward.as_ptr(), targets.as_ptr()));
                train_step.update(minibatch.gradient.as_slice().as_ptr());
            }
        }
        squares
    }
}
