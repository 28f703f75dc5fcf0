//! The decoder epoch.
//!
//! Unit `i` of a single-layer decoder under a squared error sees only its own residual. So the decoder is cut into
//! blocks of a few vectors of units; each block, with its weights and both moments (450 kB at width 784),
//! stays in one core's cache while all minibatches stream past, and no thread ever waits for another. The gradient goes
//! from registers into the optimiser's step without being stored. Decoders whose weights decay are trained minibatch by
//! minibatch instead.

#[cfg(target_arch = "x86_64")]
mod amx;
mod block;
mod prefetch;
mod samples;
mod step;
mod train_block;

use std::ops::Range;

use rayon::prelude::*;

use super::{check_decoder, train_by_parts};
use crate::{
    Cpu, DecoderConfig, DecoderState, HostBuffer, Result, TrainDecoder, cpu::simd::SimdLevel,
};

use block::Block;
use samples::{Samples, split_units};
use train_block::TrainBlock;

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
        if self.emulates(config.precision) || config.optimizer.decays_weights() {
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
            let parts = |squares: &'_ Vec<f64>| squares.len() / batches.len();
            let of_batch =
                squares.iter().flat_map(|block| &block[i * parts(block)..][..parts(block)]);
            of_batch.sum::<f64>() / count as f64
        };
        Ok(batches.clone().enumerate().map(loss).collect())
    }
}

impl Cpu {
    /// Trains all units on the minibatches of `samples`; squared residuals come back per block, as `[minibatch, part]`,
    /// whose sum over all blocks' parts does not depend on where blocks end.
    fn train(self, samples: &Samples<'_>, state: &mut DecoderState<Self>) -> Result<Vec<Vec<f64>>> {
        let precision = samples.config.precision;
        #[cfg(target_arch = "x86_64")]
        if self.uses_tiles(precision) {
            return Ok(amx::train(samples, state));
        }
        self.check_precision(precision)?;
        Ok(train_on_vectors(self.level(), samples, state))
    }
}

/// [`Cpu::train`] on vectors.
fn train_on_vectors(
    level: SimdLevel,
    samples: &Samples<'_>,
    state: &mut DecoderState<Cpu>,
) -> Vec<Vec<f64>> {
    let config = &samples.config;
    let first_step = state.steps;
    let blocks = blocks_of(level, config.outputs, rayon::current_num_threads());
    split_units(state, config, &blocks)
        .into_par_iter()
        .zip(blocks)
        .map(|(units, range)| {
            let mut block = Block::pack(level, range, &units, config);
            let squares = level.run(TrainBlock { block: &mut block, samples, first_step });
            block.unpack(units, &config.optimizer);
            squares
        })
        .collect()
}

/// Units of each block: whole vectors, as many as a register tile takes or one less, and the same number of blocks for
/// each thread where there are enough.
fn blocks_of(level: SimdLevel, outputs: usize, threads: usize) -> Vec<Range<usize>> {
    let lanes = level.lanes();
    let vectors = outputs.div_ceil(lanes);
    let blocks = vectors.div_ceil(level.panel_vectors()).next_multiple_of(threads).min(vectors);
    let start = |block: usize| (block * vectors / blocks * lanes).min(outputs);
    (0..blocks).map(|block| start(block)..start(block + 1)).collect()
}
