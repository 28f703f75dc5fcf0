use crate::{
    DecoderConfig,
    cpu::amx::{DEPTH, TILE},
};

/// Sizes in tiles.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Blocks of 32 inputs.
    pub(super) input_blocks: usize,
    /// Blocks of 32 samples in a minibatch.
    pub(super) sample_blocks: usize,
}

impl Shape {
    pub(super) fn new(config: &DecoderConfig) -> Self {
        Self {
            inputs: config.inputs,
            outputs: config.outputs,
            input_blocks: config.inputs.div_ceil(DEPTH),
            sample_blocks: config.batch.min(config.samples).div_ceil(DEPTH),
        }
    }

    /// Numbers of a minibatch's samples as right factor of the forward product,
    /// `[sample block][input block][half]` of tiles; and as right factor of the gradient,
    /// `[input block][half][sample block]`.
    pub(super) const fn samples_len(&self) -> usize {
        self.input_blocks * 2 * self.sample_blocks * TILE
    }
}
