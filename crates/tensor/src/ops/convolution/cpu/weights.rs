//! Gradients of the weights.
#![expect(unsafe_code, reason = "a SIMD kernel; each block says why it is sound")]
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]

use rayon::prelude::*;

use super::links::Links;
use crate::{
    ConvolutionConfig,
    cpu::{
        scratch::Scratch,
        simd::{Kernel, Lanes, SimdLevel},
    },
};

/// Outputs and channels whose weights a task computes.
const OUTPUTS: usize = 8;
const CHANNELS: usize = 16;

/// Numbers of a channel that are multiplied in turn, for all weights of a task: those of a tile fit the nearest cache.
const SEGMENT: usize = 1024;

/// `gradient[o, c, e] = sum delta[o, patch, sample] images[c, pixel, sample]` over the pixels that are element `e` of a patch;
/// `delta` is `[outputs, patches, samples]`, `images` `[channels, pixels, samples]`.
pub(super) fn gradient(
    level: SimdLevel,
    config: &ConvolutionConfig,
    [delta, images]: [&[f32]; 2],
    gradient: &mut [f32],
) {
    let (channels, window) = (config.patches.channels, config.patches.window());
    let segments = segments(config);
    let groups = channels.div_ceil(CHANNELS);
    let tasks = 0..config.outputs.div_ceil(OUTPUTS) * groups;
    let task = |task: usize| {
        let (first_output, first_channel) = (task / groups * OUTPUTS, task % groups * CHANNELS);
        Task {
            config,
            segments: &segments,
            delta,
            images,
            first: [first_output, first_channel],
            counts: [
                OUTPUTS.min(config.outputs - first_output),
                CHANNELS.min(channels - first_channel),
            ],
        }
    };
    let parts: Vec<_> = tasks.clone().into_par_iter().map(|index| level.run(task(index))).collect();
    for (index, part) in tasks.zip(parts) {
        let Task { first, counts, .. } = task(index);
        for (output, part) in part.chunks_exact(counts[1] * window).enumerate() {
            let place = ((first[0] + output) * channels + first[1]) * window;
            gradient[place..place + part.len()].copy_from_slice(part);
        }
    }
}

/// Neighbouring patches whose element is a copy of neighbouring pixels.
#[derive(Clone, Copy)]
struct Run {
    patch: usize,
    pixel: usize,
    count: usize,
}

/// Patches that are summed in turn: the runs of each element of the kernel.
type Segment = Vec<Vec<Run>>;

fn segments(config: &ConvolutionConfig) -> Vec<Segment> {
    let links = Links::of_patches(&config.patches);
    let most = (SEGMENT / config.patches.samples).max(1);
    let segment = |start: usize| {
        let mut runs: Segment = vec![Vec::new(); config.patches.window()];
        for patch in start..(start + most).min(links.targets()) {
            for &[pixel, element] in links.of(patch) {
                let (runs, pixel) = (&mut runs[element as usize], pixel as usize);
                match runs.last_mut() {
                    Some(run)
                        if [run.patch, run.pixel]
                            == [patch, pixel].map(|x| x.wrapping_sub(run.count)) =>
                    {
                        run.count += 1;
                    }
                    _ => runs.push(Run { patch, pixel, count: 1 }),
                }
            }
        }
        runs
    };
    (0..links.targets()).step_by(most).map(segment).collect()
}

/// Weights between some outputs and some channels: the kernel. Returns `[outputs, channels, elements]`.
struct Task<'a> {
    config: &'a ConvolutionConfig,
    segments: &'a [Segment],
    delta: &'a [f32],
    images: &'a [f32],
    /// First output and channel.
    first: [usize; 2],
    counts: [usize; 2],
}

impl Kernel for Task<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) -> Self::Output {
        let [outputs, channels] = self.counts;
        let weights = outputs * channels * self.config.patches.window();
        let mut sums = Scratch::of(weights * V::LEN);
        sums.as_mut_slice().fill(0.0);
        for segment in self.segments {
            for channel in Tiles::new(channels) {
                for output in Tiles::new(outputs) {
                    for (element, runs) in segment.iter().enumerate() {
                        // SAFETY: inside a kernel of V.
                        unsafe {
                            self.tile::<V>([output, channel], element, runs, sums.as_mut_slice())
                        };
                    }
                }
            }
        }
        let mut gradient = Vec::with_capacity(weights);
        for lanes in sums.as_slice().chunks_exact(V::LEN) {
            // SAFETY: inside a kernel of V; the vector is whole.
            gradient.push(unsafe { V::load(lanes.as_ptr()).sum() } as f32);
        }
        gradient
    }
}

impl Task<'_> {
    /// # Safety
    /// Inside a kernel of `V`.
    #[inline(always)]
    unsafe fn tile<V: Lanes>(
        &self,
        [output, channel]: [Tile; 2],
        element: usize,
        runs: &[Run],
        sums: &mut [f32],
    ) {
        let first = [output.first, channel.first];
        // SAFETY: as the caller's; tiles lie within the counts.
        unsafe {
            match [output.is_wide, channel.is_wide] {
                [true, true] => self.add::<V, 4, 4>(first, element, runs, sums),
                [true, false] => self.add::<V, 4, 1>(first, element, runs, sums),
                [false, true] => self.add::<V, 1, 4>(first, element, runs, sums),
                [false, false] => self.add::<V, 1, 1>(first, element, runs, sums),
            }
        }
    }

    /// Adds the products of `O` outputs and `C` channels of some runs to the sums of their element, a vector for each
    /// weight.
    ///
    /// # Safety
    /// Inside a kernel of `V`; the outputs and channels lie within the counts.
    #[inline(always)]
    unsafe fn add<V: Lanes, const O: usize, const C: usize>(
        &self,
        [output, channel]: [usize; 2],
        element: usize,
        runs: &[Run],
        sums: &mut [f32],
    ) {
        let patches = &self.config.patches;
        let (samples, window) = (patches.samples, patches.window());
        let (width, pixels) = (self.config.width(), patches.images().pixels * samples);
        let delta = self.delta[(self.first[0] + output) * width..].as_ptr();
        let images = self.images[(self.first[1] + channel) * pixels..].as_ptr();
        let place = |o: usize, c: usize| {
            (((output + o) * self.counts[1] + channel + c) * window + element) * V::LEN
        };
        // SAFETY: inside a kernel of V; runs lie within the rows of `delta` and `images`, and `sums` holds a vector for each
        // weight.
        unsafe {
            let mut tile: [[V; C]; O] = [[V::zero(); C]; O];
            for run in runs {
                let delta = delta.add(run.patch * samples);
                let images = images.add(run.pixel * samples);
                let numbers = run.count * samples;
                let whole = numbers - numbers % V::LEN;
                let mut done = 0;
                while done < whole {
                    let (left, right) = (delta.add(done), images.add(done));
                    multiply_add_vectors(&mut tile, [left, right], [width, pixels], V::LEN);
                    done += V::LEN;
                }
                if numbers > whole {
                    let (left, right) = (delta.add(done), images.add(done));
                    multiply_add_vectors(
                        &mut tile,
                        [left, right],
                        [width, pixels],
                        numbers - whole,
                    );
                }
            }
            for (o, tile) in tile.iter().enumerate() {
                for (c, sum) in tile.iter().enumerate() {
                    // Summed by segments, which keeps chains of roundings short.
                    let total = sums[place(o, c)..].as_mut_ptr();
                    V::load(total).add(*sum).store(total);
                }
            }
        }
    }
}

/// Adds the products of all pairs of `O` and `C` vectors, lane by lane, of which the first `lanes` count. The vectors begin
/// `strides` apart.
///
/// # Safety
/// Inside a kernel of `V`; the memory of each vector holds `lanes` numbers.
#[inline(always)]
unsafe fn multiply_add_vectors<V: Lanes, const O: usize, const C: usize>(
    sums: &mut [[V; C]; O],
    [left, right]: [*const f32; 2],
    strides: [usize; 2],
    lanes: usize,
) {
    // SAFETY: as the caller's.
    unsafe {
        // Loads in a closure are not always inlined.
        let mut columns = [V::zero(); C];
        for (c, column) in columns.iter_mut().enumerate() {
            *column = V::load_up_to(right.add(c * strides[1]), lanes);
        }
        for (o, sums) in sums.iter_mut().enumerate() {
            let row = V::load_up_to(left.add(o * strides[0]), lanes);
            for (sum, &column) in sums.iter_mut().zip(&columns) {
                *sum = row.mul_add(column, *sum);
            }
        }
    }
}

/// Four neighbours, or one.
#[derive(Clone, Copy)]
struct Tile {
    first: usize,
    is_wide: bool,
}

/// Cuts a number of outputs or channels into tiles.
struct Tiles {
    next: usize,
    count: usize,
}

impl Tiles {
    const fn new(count: usize) -> Self {
        Self { next: 0, count }
    }
}

impl Iterator for Tiles {
    type Item = Tile;

    fn next(&mut self) -> Option<Tile> {
        let (first, left) = (self.next, self.count - self.next);
        let is_wide = left >= 4;
        self.next += if is_wide { 4 } else { 1 };
        (left > 0).then_some(Tile { first, is_wide })
    }
}
