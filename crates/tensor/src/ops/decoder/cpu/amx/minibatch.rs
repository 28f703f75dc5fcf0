//! The samples of a minibatch, packed for the tile units.
#![expect(unsafe_code, reason = "a SIMD kernel; each block says why it is sound")]
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]

use super::{super::samples::Samples, block::Block, shape::Shape};
use crate::cpu::{
    amx::{
        DEPTH, SIDE, TILE,
        pack::{Factor, Side},
    },
    panel::Aligned,
    simd::{Kernel, Lanes},
};

/// Packs one minibatch for a block.
pub(super) struct PackMinibatch<'a> {
    pub(super) samples: &'a Samples<'a>,
    pub(super) block: &'a Block,
    pub(super) batch: usize,
    pub(super) minibatch: &'a mut Minibatch,
}

/// Packed minibatch of a block.
pub(super) struct Minibatch {
    /// Samples as right factor of the forward product, `[sample block][input block][half]` of tiles.
    pub(super) forward: Aligned,
    /// Samples as right factor of the gradient, `[input block][half][sample block]` of tiles.
    pub(super) gradient: Aligned,
    /// Targets, `[unit][sample]`.
    pub(super) targets: Aligned,
}

impl Kernel for PackMinibatch<'_> {
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
        let tiles_of_samples = 2 * sample_blocks;
        // SAFETY: this level has AVX-512; the three parts hold the tiles numbered here, in aligned memory.
        unsafe {
            for (place, out) in forward.chunks_exact_mut(TILE).enumerate() {
                let (pair, half) = (place / 2, place % 2);
                let tile = pair / input_blocks * 2 + half;
                by_sample.pack(Side::Right, tile, pair % input_blocks, None, out.as_mut_ptr());
            }
            for (place, out) in gradient.chunks_exact_mut(TILE).enumerate() {
                let (tile, block) = (place / sample_blocks, place % sample_blocks);
                by_input.pack(Side::Right, tile, block, None, out.as_mut_ptr());
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
        debug_assert!(forward.len() == input_blocks * tiles_of_samples * TILE, "all are packed");
    }
}
