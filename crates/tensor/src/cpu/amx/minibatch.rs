//! The samples of a minibatch, packed for the tile units.

use super::{
    DEPTH, SIDE, TILE,
    block::Block,
    pack::{Factor, Side},
};
use crate::{
    DecoderConfig,
    cpu::{
        decoder::Samples,
        panel::Aligned,
        simd::{Kernel, Lanes},
    },
};

/// Sizes in tiles.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) pieces: usize,
    /// Blocks of 32 inputs.
    pub(super) input_blocks: usize,
    /// Blocks of 32 samples in a minibatch.
    pub(super) sample_blocks: usize,
}

impl Shape {
    pub(super) fn new(config: &DecoderConfig, pieces: usize) -> Self {
        Self {
            inputs: config.inputs,
            outputs: config.outputs,
            pieces,
            input_blocks: config.inputs.div_ceil(DEPTH),
            sample_blocks: config.batch.min(config.samples).div_ceil(DEPTH),
        }
    }

    /// Numbers of a minibatch's samples as right factor of the forward product,
    /// `[sample block][input block][half][piece]` of tiles; and as right factor of the gradient,
    /// `[input block][half][sample block][piece]`.
    pub(super) const fn samples_len(&self) -> usize {
        self.input_blocks * 2 * self.sample_blocks * self.pieces * TILE
    }
}

/// Packs one minibatch for a block.
pub(super) struct PackMinibatch<'a, const PIECES: usize> {
    pub(super) samples: &'a Samples<'a>,
    pub(super) block: &'a Block,
    pub(super) batch: usize,
    pub(super) minibatch: &'a mut Minibatch,
}

/// What a block reads of a minibatch.
pub(super) struct Minibatch {
    /// Samples as right factor of the forward product, `[sample block][input block][half][piece]` of tiles.
    pub(super) forward: Aligned,
    /// Samples as right factor of the gradient, `[input block][half][sample block][piece]` of tiles.
    pub(super) gradient: Aligned,
    /// Targets, `[unit][sample]`.
    pub(super) targets: Aligned,
}

impl<const PIECES: usize> Kernel for PackMinibatch<'_, PIECES> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Shape { inputs, outputs, input_blocks, sample_blocks, .. } = self.block.shape;
        let rows = self.samples.config.batch_range(self.batch);
        let Minibatch { forward, gradient, targets } = self.minibatch;
        let (forward, gradient) = (forward.as_mut_slice(), gradient.as_mut_slice());
        let targets = targets.as_mut_slice();
        let count = rows.len();
        let matrix = |numbers, width: usize| {
            let numbers: &[f32] = numbers;
            let numbers = &numbers[rows.start * width..rows.end * width];
            Factor { numbers, stride: width, k_is_contiguous: true, x: count, k: width }
        };
        let by_sample = matrix(self.samples.h, inputs);
        // The same memory, summed over samples.
        let by_input = Factor { k_is_contiguous: false, x: inputs, k: count, ..by_sample };
        let one = PIECES * TILE;
        let tiles_of_samples = 2 * sample_blocks;
        // SAFETY: this level has AVX-512; the three parts hold the tiles numbered here, in aligned memory.
        unsafe {
            for (place, out) in forward.chunks_exact_mut(one).enumerate() {
                let (pair, half) = (place / 2, place % 2);
                let tile = pair / input_blocks * 2 + half;
                by_sample.pack::<PIECES>(
                    Side::Right,
                    tile,
                    pair % input_blocks,
                    None,
                    out.as_mut_ptr(),
                );
            }
            for (place, out) in gradient.chunks_exact_mut(one).enumerate() {
                let (tile, block) = (place / sample_blocks, place % sample_blocks);
                by_input.pack::<PIECES>(Side::Right, tile, block, None, out.as_mut_ptr());
            }
            let targets_by_sample = matrix(self.samples.target, outputs);
            let stride = sample_blocks * DEPTH;
            let first_tile = self.block.first_unit / SIDE;
            for unit_tile in 0..self.block.unit_tiles() {
                for tile in 0..tiles_of_samples {
                    let out = &mut targets[unit_tile * SIDE * stride + tile * SIDE..];
                    targets_by_sample.transpose(
                        tile,
                        first_tile + unit_tile,
                        out.as_mut_ptr(),
                        stride,
                    );
                }
            }
        }
        debug_assert!(forward.len() == input_blocks * tiles_of_samples * one, "all are packed");
    }
}
