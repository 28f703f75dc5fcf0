//! Training step of a block: forward product, residuals, gradient, optimiser.
#![expect(unsafe_code, reason = "a SIMD kernel; each block says why it is sound")]
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]

use super::{
    super::step::Step,
    block::{Block, CELL},
    shape::Shape,
};
use crate::{
    DecoderConfig,
    cpu::{
        activation::value_and_derivative,
        amx::{
            DEPTH, SIDE, TILE,
            pairs::store_pairs,
            tiles::{Fetch, OtherWork, multiply_tiles, store_sums, zero_sums},
        },
        panel::Aligned,
        simd::{Avx512, Lanes},
        tile::{prefetch, prefetch_nearest},
    },
};

/// Training step of a block.
pub(super) struct TrainStep<'a> {
    pub(super) block: &'a mut Block,
    pub(super) config: &'a DecoderConfig,
    /// Samples of the minibatch.
    pub(super) rows: usize,
    pub(super) step: Step,
    /// The loss's derivatives as left factor, `[unit tile][sample block]` of tiles.
    pub(super) delta: &'a mut Aligned,
    /// Four tiles.
    pub(super) sums: &'a mut Aligned,
    /// The weights of a pair of unit tiles as left factor, `[input block][unit tile]` of tiles.
    pub(super) weights: &'a mut Aligned,
    /// Samples of the next minibatch.
    pub(super) next: &'a [f32],
    /// Targets of the next minibatch, all units.
    pub(super) next_targets: &'a [f32],
}

impl TrainStep<'_> {
    /// Fills `delta`, steps the biases, gives the sum of squared residuals.
    ///
    /// # Safety
    /// There are [`Tiles`]; `samples` and `targets` are a packed minibatch's.
    #[inline(always)]
    pub(super) unsafe fn forward(&mut self, samples: *const f32, targets: *const f32) -> f64 {
        let tiles = self.block.unit_tiles();
        let mut squares = 0.0;
        for unit_tile in (0..tiles).step_by(2) {
            // SAFETY: as the caller's.
            squares += unsafe {
                if unit_tile + 2 <= tiles {
                    self.forward_tiles::<2>(unit_tile, samples, targets)
                } else {
                    self.forward_tiles::<1>(unit_tile, samples, targets)
                }
            };
        }
        squares
    }

    /// [`forward`](Self::forward) for `TILES` tiles of units.
    ///
    /// # Safety
    /// As [`forward`](Self::forward).
    #[inline(always)]
    unsafe fn forward_tiles<const TILES: usize>(
        &mut self,
        unit_tile: usize,
        samples: *const f32,
        targets: *const f32,
    ) -> f64 {
        let Shape { input_blocks, sample_blocks, .. } = self.block.shape;
        // SAFETY: this level has AVX-512.
        let zero = unsafe { Avx512::zero() };
        let mut gradients = [[zero; SIDE]; TILES];
        let mut squares = zero;
        let sums = self.sums.as_mut_slice().as_mut_ptr();
        let weights = self.weights.as_mut_slice().as_mut_ptr();
        let mut round = RoundWeights::<TILES> {
            from: std::array::from_fn(|i| {
                let place = (unit_tile + i) * input_blocks * CELL;
                self.block.cells.as_slice()[place..].as_ptr()
            }),
            to: weights,
            row: 0,
            end: input_blocks * TILES * SIDE,
        };
        // SAFETY: as the caller's; `weights` holds the unit tiles, `sums` four tiles.
        unsafe {
            // The rest is rounded while the first sample block is multiplied, two input blocks ahead.
            round.rows(2 * TILES * SIDE);
            for sample_block in 0..sample_blocks {
                zero_sums();
                for block in 0..input_blocks {
                    let a = weights.add(block * TILES * TILE).cast_const();
                    let b = samples.add((sample_block * input_blocks + block) * 2 * TILE);
                    let a = std::array::from_fn::<_, TILES, _>(|i| a.add(i * TILE));
                    multiply_tiles::<TILES>(a, [b, b.add(TILE)], &mut round);
                }
                store_sums(sums);
                for (i, gradients) in gradients.iter_mut().enumerate() {
                    let (tile, sums) = (unit_tile + i, sums.add(2 * i * TILE));
                    self.residual(tile, sample_block, sums, targets, gradients, &mut squares);
                }
            }
        }
        for (i, gradients) in gradients.iter().enumerate() {
            let first = (unit_tile + i) * SIDE;
            let mut sums = [0.0_f32; SIDE];
            // SAFETY: this level has AVX-512; the bias vectors hold the tile's units.
            unsafe {
                for (out, gradient) in sums.iter_mut().zip(gradients) {
                    *out = gradient.sum() as f32;
                }
                let parts = self.block.bias.each_mut().map(|part| part[first..].as_mut_ptr());
                self.step.apply(&[Avx512::load(sums.as_ptr())], parts);
            }
        }
        // SAFETY: this level has AVX-512.
        unsafe { squares.sum() }
    }

    /// The residuals of 16 units and 32 samples go to `delta`, their sums over samples to `gradients`.
    ///
    /// # Safety
    /// As [`forward`](Self::forward); `sums` is valid for two tiles.
    #[inline(always)]
    unsafe fn residual(
        &mut self,
        unit_tile: usize,
        sample_block: usize,
        sums: *const f32,
        targets: *const f32,
        gradients: &mut [Avx512; SIDE],
        squares: &mut Avx512,
    ) {
        let Shape { sample_blocks, .. } = self.block.shape;
        let stride = sample_blocks * DEPTH;
        let scale = (2.0 / (self.rows * self.config.outputs) as f64) as f32;
        let units = (self.block.valid - unit_tile * SIDE).min(SIDE);
        // SAFETY: as the caller's.
        unsafe {
            let left = self.rows.saturating_sub(sample_block * DEPTH);
            let masks = [ones(left.min(SIDE)), ones(left.saturating_sub(SIDE).min(SIDE))];
            let delta = self
                .delta
                .as_mut_slice()
                .as_mut_ptr()
                .add((unit_tile * sample_blocks + sample_block) * TILE);
            for (unit, own) in gradients.iter_mut().enumerate().take(units) {
                let bias = Avx512::splat(self.block.bias[0][unit_tile * SIDE + unit]);
                let targets =
                    targets.add((unit_tile * SIDE + unit) * stride + sample_block * DEPTH);
                let mut halves = masks;
                for (half, gradient) in halves.iter_mut().enumerate() {
                    let z = Avx512::load(sums.add(half * TILE + unit * SIDE)).add(bias);
                    let (y, slope) = value_and_derivative(self.config.activation, z);
                    let residual = y.sub(Avx512::load(targets.add(half * SIDE))).mul(masks[half]);
                    *squares = residual.mul_add(residual, *squares);
                    *gradient = residual.mul(slope).mul(Avx512::splat(scale));
                    *own = own.add(*gradient);
                }
                store_pairs(halves[0].0, halves[1].0, delta.add(unit * SIDE));
            }
        }
    }

    /// Steps the weights.
    ///
    /// # Safety
    /// There are [`Tiles`]; `samples` is a packed minibatch's, for the gradient.
    #[inline(always)]
    pub(super) unsafe fn update(&mut self, samples: *const f32) {
        let tiles = self.block.unit_tiles();
        for unit_tile in (0..tiles).step_by(2) {
            // SAFETY: as the caller's.
            unsafe {
                if unit_tile + 2 <= tiles {
                    self.update_tiles::<2>(unit_tile, samples);
                } else {
                    self.update_tiles::<1>(unit_tile, samples);
                }
            }
        }
    }

    /// Prefetches the block's targets of sample `row` of the next minibatch.
    fn prefetch_targets(&self, row: usize) {
        let outputs = self.config.outputs;
        if let Some(targets) = self.next_targets.get(row * outputs..(row + 1) * outputs) {
            let own = &targets[self.block.first_unit..][..self.block.valid];
            own.chunks(SIDE).for_each(|line| prefetch(line.as_ptr()));
        }
    }

    /// [`update`](Self::update) for `TILES` tiles of units.
    ///
    /// # Safety
    /// As [`update`](Self::update).
    #[inline(always)]
    unsafe fn update_tiles<const TILES: usize>(&mut self, unit_tile: usize, samples: *const f32) {
        let Shape { input_blocks, sample_blocks, .. } = self.block.shape;
        let parts = sample_blocks;
        let idle = parts / 6;
        // Each pair of unit tiles prefetches its share of the next minibatch.
        let share = self.next.len().div_ceil(self.block.unit_tiles().div_ceil(2));
        let first = (unit_tile / 2 * share).min(self.next.len());
        let lines = share.div_ceil(SIDE * input_blocks);
        let delta = self.delta.as_slice().as_ptr();
        let sums = self.sums.as_mut_slice().as_mut_ptr();
        let mut waiting = Waiting::<TILES> {
            step: self.step,
            cells: [std::ptr::null_mut(); TILES],
            sums,
            row: TILES * SIDE,
            idle,
            quota: (TILES * SIDE).div_ceil(parts - idle),
            ahead: Fetch { next: self.next[first..].as_ptr(), lines: lines.div_ceil(parts) },
        };
        for block in 0..input_blocks {
            self.prefetch_targets(unit_tile / 2 * input_blocks + block);
            // SAFETY: as the caller's.
            unsafe {
                zero_sums();
                for sample_block in 0..sample_blocks {
                    let a = std::array::from_fn::<_, TILES, _>(|i| {
                        delta.add(((unit_tile + i) * sample_blocks + sample_block) * TILE)
                    });
                    let b = [0, 1].map(|half| {
                        samples.add(((2 * block + half) * sample_blocks + sample_block) * TILE)
                    });
                    multiply_tiles::<TILES>(a, b, &mut waiting);
                }
                waiting.step_rows(TILES * SIDE);
                store_sums(sums);
                for i in 0..TILES {
                    let place = (unit_tile + i) * input_blocks + block;
                    waiting.cells[i] =
                        self.block.cells.as_mut_slice().as_mut_ptr().add(place * CELL);
                }
                (waiting.row, waiting.idle) = (0, idle);
            }
        }
        // SAFETY: as the caller's.
        unsafe { waiting.step_rows(TILES * SIDE) };
    }
}

/// The gradient of `TILES` times 16 units and 32 inputs that is still to be stepped by, from `row` on.
struct Waiting<const TILES: usize> {
    step: Step,
    cells: [*mut f32; TILES],
    sums: *const f32,
    row: usize,
    /// Parts to come before the first row: by then the tile unit has stored the gradient.
    idle: usize,
    /// Rows stepped in a part.
    quota: usize,
    /// The next minibatch.
    ahead: Fetch,
}

impl<const TILES: usize> OtherWork for Waiting<TILES> {
    #[inline(always)]
    unsafe fn part(&mut self) {
        // SAFETY: as the caller's.
        unsafe {
            self.ahead.part();
            if self.idle == 0 {
                self.step_rows(self.quota);
            } else {
                self.idle -= 1;
            }
        }
    }
}

impl<const TILES: usize> Waiting<TILES> {
    /// Steps the next `count` rows, as far as there are.
    ///
    /// # Safety
    /// The processor has AVX-512; the pointers are valid for what they name.
    #[inline(always)]
    unsafe fn step_rows(&mut self, count: usize) {
        let end = (self.row + count).min(TILES * SIDE);
        while self.row < end {
            let (tile, unit) = (self.row / SIDE, self.row % SIDE);
            // SAFETY: as the caller's.
            unsafe {
                let cell = self.cells[tile].add(unit * DEPTH);
                let gradient = self.sums.add(2 * tile * TILE + unit * SIDE);
                for half in 0..2 {
                    let at = cell.add(half * SIDE);
                    let parts = [at, at.add(2 * TILE), at.add(4 * TILE)];
                    // The same place of the next cell.
                    for part in &parts[..self.step.parts()] {
                        prefetch_nearest(part.wrapping_add(CELL));
                    }
                    self.step.apply(&[Avx512::load(gradient.add(half * TILE))], parts);
                }
            }
            self.row += 1;
        }
    }
}

/// Rounds the weights of `TILES` unit tiles, input block by input block; rows count over `[input block][unit tile][unit]`.
struct RoundWeights<const TILES: usize> {
    /// The unit tiles' cells.
    from: [*const f32; TILES],
    /// Target, `[input block][unit tile]` of tiles.
    to: *mut f32,
    row: usize,
    end: usize,
}

impl<const TILES: usize> RoundWeights<TILES> {
    /// Rounds the next `count` rows, as far as there are.
    ///
    /// # Safety
    /// The processor has AVX-512; the pointers are valid for what they name.
    #[inline(always)]
    unsafe fn rows(&mut self, count: usize) {
        let stop = self.end.min(self.row + count);
        while self.row < stop {
            let (block, tile, unit) =
                (self.row / (TILES * SIDE), self.row / SIDE % TILES, self.row % SIDE);
            // SAFETY: as the caller's.
            unsafe {
                let weights = self.from[tile].add(block * CELL + unit * DEPTH);
                store_pairs(
                    Avx512::load(weights).0,
                    Avx512::load(weights.add(SIDE)).0,
                    self.to.add((block * TILES + tile) * TILE + unit * SIDE),
                );
            }
            self.row += 1;
        }
    }
}

impl<const TILES: usize> OtherWork for RoundWeights<TILES> {
    #[inline(always)]
    unsafe fn part(&mut self) {
        // SAFETY: as the caller's.
        unsafe { self.rows(TILES * SIDE) };
    }
}

/// 1 in the first `count` lanes, 0 in the others.
///
/// # Safety
/// The processor has AVX-512.
#[inline(always)]
unsafe fn ones(count: usize) -> Avx512 {
    let lanes: [f32; SIDE] = std::array::from_fn(|lane| if lane < count { 1.0 } else { 0.0 });
    // SAFETY: as the caller's.
    unsafe { Avx512::load(lanes.as_ptr()) }
}
