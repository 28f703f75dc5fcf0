//! Sums of products over the links of each pixel.
#![expect(unsafe_code, reason = "a SIMD kernel; each block says why it is sound")]
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]

use rayon::prelude::*;

use super::links::{Block, Links};
use crate::{
    Activation,
    cpu::{
        activation::value_of,
        scratch::Scratch,
        simd::{Kernel, Lanes, SimdLevel},
        tile::{for_row_tiles, multiply_add},
    },
};

/// Vectors of samples that a task works on.
const VECTORS: usize = 2;

/// Numbers of the source that a task copies, at most, unless one row of pixels needs more: half of a second-level cache.
const SOURCE: usize = 256 * 1024;

/// Fewest blocks of pixels, so that there is work for all threads.
const BLOCKS: usize = 4;

/// Rows of packed weights that a task packs: a multiple of every tile's rows.
const ROWS: usize = 24;

/// Weights between units of the source and rows of the result.
pub(super) struct Weights<'a> {
    pub(super) numbers: &'a [f32],
    /// Units of the result.
    pub(super) rows: usize,
    /// Units of the source.
    pub(super) units: usize,
    /// Elements of the kernel.
    pub(super) elements: usize,
    /// Distances of neighbouring rows and units; neighbouring elements are neighbours.
    pub(super) strides: [usize; 2],
}

/// Last step from sums to the result.
pub(super) enum Epilogue<'a> {
    /// Multiplies by a factor.
    Scale(f32),
    /// Adds biases, and writes `phi` of that to `y`, as long as the result.
    Activate { bias: &'a [f32], activation: Activation, y: &'a mut [f32] },
}

/// `z[row, target, sample] = sum weights[row, unit, element] source[unit, pixel, sample]` over units and links.
pub(super) struct Gather<'a> {
    pub(super) links: Links,
    pub(super) weights: Weights<'a>,
    pub(super) samples: usize,
}

impl Gather<'_> {
    /// `source` is `[units, pixels, samples]`, `z` `[rows, targets, samples]`.
    pub(super) fn run(
        &self,
        level: SimdLevel,
        source: &[f32],
        z: &mut [f32],
        epilogue: Epilogue<'_>,
    ) {
        let weights = self.weights.packed(level);
        let width = VECTORS * level.lanes();
        let blocks = self.blocks(width);
        let finish = Finish::new(z, epilogue);
        let groups = self.samples.div_ceil(width);
        (0..blocks.len() * groups).into_par_iter().for_each(|task| {
            let (block, group) = (&blocks[task / groups], task % groups);
            let first = group * width;
            let samples = [first, width.min(self.samples - first)];
            let weights = weights.as_slice();
            level.run(Task { gather: self, weights, source, block, samples, finish });
        });
    }

    /// Pixels of the result in blocks whose sources fit the cache.
    fn blocks(&self, width: usize) -> Vec<Block> {
        let targets = self.links.targets();
        // On average; edges have fewer.
        let of_target = self.weights.units * width * self.links.sources.div_ceil(targets).max(1);
        let most = (SOURCE / of_target / 2).clamp(1, targets.div_ceil(BLOCKS));
        let starts = (0..targets).step_by(most);
        starts.map(|start| self.links.of_block(start..(start + most).min(targets))).collect()
    }
}

impl Weights<'_> {
    /// The weights in the order in which tiles of rows read them: `[elements, units, rows]` for each tile.
    fn packed(&self, level: SimdLevel) -> Scratch {
        let row = self.elements * self.units;
        let mut packed = Scratch::of(self.rows * row);
        let tasks = packed.as_mut_slice().par_chunks_mut(ROWS * row).enumerate();
        tasks.for_each(|(task, packed)| {
            level.run(Pack { weights: self, first_row: task * ROWS, packed });
        });
        packed
    }
}

/// Packs some rows.
struct Pack<'a> {
    weights: &'a Weights<'a>,
    first_row: usize,
    packed: &'a mut [f32],
}

impl Kernel for Pack<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let &Weights { numbers, units, elements, strides, .. } = self.weights;
        for_row_tiles!(V, VECTORS, self.packed.len() / (units * elements), |row, COUNT| {
            let tile = &mut self.packed[row * units * elements..][..COUNT * units * elements];
            for i in 0..COUNT {
                let from = (self.first_row + row + i) * strides[0];
                for unit in 0..units {
                    let kernel = &numbers[from + unit * strides[1]..][..elements];
                    for (element, &weight) in kernel.iter().enumerate() {
                        tile[(element * units + unit) * COUNT + i] = weight;
                    }
                }
            }
        });
    }
}

/// Memory of the results and what is done with sums.
#[derive(Clone, Copy)]
struct Finish<'a> {
    z: *mut f32,
    scale: f32,
    /// Biases, and memory of their function.
    activate: Option<(&'a [f32], Activation, *mut f32)>,
}

// SAFETY: tasks write to different pixels and samples, and read none.
unsafe impl Send for Finish<'_> {}
// SAFETY: as above.
unsafe impl Sync for Finish<'_> {}

impl<'a> Finish<'a> {
    fn new(z: &'a mut [f32], epilogue: Epilogue<'a>) -> Self {
        let z_memory = z.as_mut_ptr();
        match epilogue {
            Epilogue::Scale(scale) => Self { z: z_memory, scale, activate: None },
            Epilogue::Activate { bias, activation, y } => {
                assert!(y.len() >= z.len(), "checked by the caller");
                let activate = Some((bias, activation, y.as_mut_ptr()));
                Self { z: z_memory, scale: 1.0, activate }
            }
        }
    }

    /// Writes the first `lanes` lanes of a vector of sums of row `row` to `place`.
    ///
    /// # Safety
    /// Inside a kernel of `V`; the memory holds `lanes` numbers from `place` on, which no other task writes.
    #[inline(always)]
    unsafe fn store<V: Lanes>(self, sum: V, row: usize, place: usize, lanes: usize) {
        // SAFETY: as the caller's.
        unsafe {
            match self.activate {
                None => sum.mul(V::splat(self.scale)).store_up_to(self.z.add(place), lanes),
                Some((bias, activation, y)) => {
                    let z = sum.add(V::splat(bias[row]));
                    z.store_up_to(self.z.add(place), lanes);
                    value_of(activation, z).store_up_to(y.add(place), lanes);
                }
            }
        }
    }
}

/// A block of pixels for some samples: the kernel.
struct Task<'a> {
    gather: &'a Gather<'a>,
    /// Packed.
    weights: &'a [f32],
    source: &'a [f32],
    block: &'a Block,
    /// First sample, and number of samples.
    samples: [usize; 2],
    finish: Finish<'a>,
}

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        // SAFETY: inside a kernel of V; the samples fit the vectors.
        unsafe {
            if self.samples[1] > V::LEN {
                self.tiles::<V, VECTORS>();
            } else {
                self.tiles::<V, 1>();
            }
        }
    }
}

impl Task<'_> {
    /// # Safety
    /// Inside a kernel of `V`; the samples fit `WIDE` vectors.
    #[inline(always)]
    unsafe fn tiles<V: Lanes, const WIDE: usize>(&self) {
        let Gather { links, weights: Weights { rows, units, elements, .. }, samples } = self.gather;
        // SAFETY: inside a kernel of V.
        let source = unsafe { self.copied_source::<V>(WIDE * V::LEN) };
        let source = source.as_slice().as_ptr();
        for_row_tiles!(V, WIDE, *rows, |row, COUNT| {
            let weights = self.weights[row * units * elements..].as_ptr();
            for (pixel, of_pixel) in self.block.pixels() {
                // SAFETY: inside a kernel of V; the copy holds all places of the block's links, and packed weights all
                // elements of the tile's rows. The result holds `rows` rows of all targets and samples.
                unsafe {
                    let sums = sums::<V, COUNT, WIDE>(of_pixel, *units, weights, source);
                    for (i, sums) in sums.iter().enumerate() {
                        let place = ((row + i) * links.targets() + pixel) * samples;
                        for (j, &sum) in sums.iter().enumerate() {
                            let done = j * V::LEN;
                            if done < self.samples[1] {
                                let (place, lanes) =
                                    (place + self.samples[0] + done, self.samples[1] - done);
                                self.finish.store(sum, row + i, place, lanes);
                            }
                        }
                    }
                }
            }
        });
    }

    /// The numbers of the block's sources, `[sources, units, width]`, with zeros beyond the samples.
    ///
    /// # Safety
    /// Inside a kernel of `V`; `width` is of whole vectors.
    #[inline(always)]
    unsafe fn copied_source<V: Lanes>(&self, width: usize) -> Scratch {
        let Gather { links, weights: Weights { units, .. }, samples } = self.gather;
        let [first, count] = self.samples;
        let mut copy = Scratch::of(self.block.sources.len() * units * width);
        let memory = copy.as_mut_slice();
        for unit in 0..*units {
            for (place, &pixel) in self.block.sources.iter().enumerate() {
                let from = (unit * links.sources + pixel as usize) * samples + first;
                let to = &mut memory[(place * units + unit) * width..][..width];
                let from = &self.source[from..from + count];
                for (from, to) in from.chunks(V::LEN).zip(to.chunks_exact_mut(V::LEN)) {
                    // SAFETY: inside a kernel of V; there are `from.len()` numbers, and room for a vector.
                    unsafe { V::load_up_to(from.as_ptr(), from.len()).store(to.as_mut_ptr()) };
                }
                to[count.next_multiple_of(V::LEN)..].fill(0.0);
            }
        }
        copy
    }
}

/// Sums of a pixel for `ROWS` rows and `WIDE` vectors of samples.
///
/// # Safety
/// Inside a kernel of `V`; `weights` hold all elements `[elements, units, ROWS]`, `source` all places of the links, each
/// `[units, WIDE vectors]`.
#[inline(always)]
unsafe fn sums<V: Lanes, const ROWS: usize, const WIDE: usize>(
    links: &[[u32; 2]],
    units: usize,
    weights: *const f32,
    source: *const f32,
) -> [[V; WIDE]; ROWS] {
    // SAFETY: as the caller's.
    unsafe {
        let mut sums = [[V::zero(); WIDE]; ROWS];
        for &[place, element] in links {
            let mut weights = weights.add(element as usize * units * ROWS);
            let mut source = source.add(place as usize * units * WIDE * V::LEN);
            for _ in 0..units {
                multiply_add(&mut sums, source, |i| *weights.add(i));
                weights = weights.add(ROWS);
                source = source.add(WIDE * V::LEN);
            }
        }
        sums
    }
}
