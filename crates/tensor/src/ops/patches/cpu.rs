use rayon::prelude::*;

use super::check_patches;
use crate::{Axes, Boundary, Cpu, HostBuffer, Patches, PatchesConfig, Result};

/// Numbers that a task writes.
const TASK: usize = 16 * 1024;

/// An element without a pixel.
pub(crate) const ZERO: u32 = u32::MAX;

impl Patches for Cpu {
    fn patches(
        &self,
        config: &PatchesConfig,
        images: &HostBuffer<f32>,
        patches: &mut HostBuffer<f32>,
    ) -> Result<()> {
        check_patches(self, "patches", config, images, patches)?;
        if let Some(matrix) = matrix_of_samples(config) {
            let len = config.images().len();
            transpose(matrix, &images.as_slice()[..len], &mut patches.as_mut_slice()[..len]);
            return Ok(());
        }
        let taps = Taps::new(config);
        let shape = config.patches();
        let out = &mut patches.as_mut_slice()[..shape.len()];
        each_row(out, shape.inner(), |row, out| {
            taps.row(config, images.as_slice(), shape.row(row), out);
        });
        Ok(())
    }

    fn patches_adjoint(
        &self,
        config: &PatchesConfig,
        patches: &HostBuffer<f32>,
        images: &mut HostBuffer<f32>,
    ) -> Result<()> {
        check_patches(self, "patches_adjoint", config, images, patches)?;
        let uses = Uses::new(config);
        let shape = config.images();
        let out = &mut images.as_mut_slice()[..shape.len()];
        each_row(out, shape.inner(), |row, out| {
            uses.row(config, patches.as_slice(), shape.row(row), out);
        });
        Ok(())
    }
}

/// Rows and columns of a matrix whose transpose the patches are: samples against numbers of a sample.
fn matrix_of_samples(config: &PatchesConfig) -> Option<[usize; 2]> {
    let PatchesConfig { channels, image, samples, axes, boundary, .. } = *config;
    // Without pixels beyond the border, it does not matter how the image continues.
    let copies =
        PatchesConfig { boundary, ..PatchesConfig::pixels(channels, image, samples, axes) };
    if *config != copies {
        return None;
    }
    let numbers = channels * config.count();
    match axes {
        [Axes::SampleUnitPixel, Axes::UnitPixelSample] => Some([samples, numbers]),
        [Axes::UnitPixelSample, Axes::SampleUnitPixel] => Some([numbers, samples]),
        _ => None,
    }
}

/// Rows and columns of the parts that are transposed in turn: they fit the nearest cache.
const TILE: usize = 16;

/// Writes the transpose of `from`, `[rows, columns]`, to `out`.
pub(crate) fn transpose([rows, columns]: [usize; 2], from: &[f32], out: &mut [f32]) {
    let width = (TASK / (TILE * rows)).max(1) * TILE;
    out.par_chunks_mut(width * rows).enumerate().for_each(|(task, out)| {
        let (first, count) = (task * width, out.len() / rows);
        for column in (0..count).step_by(TILE) {
            for row in (0..rows).step_by(TILE) {
                let [height, width] = [TILE.min(rows - row), TILE.min(count - column)];
                let mut tile = [[0.0; TILE]; TILE];
                for i in 0..height {
                    let from = &from[(row + i) * columns + first + column..][..width];
                    from.iter().zip(&mut tile).for_each(|(&number, line)| line[i] = number);
                }
                for (j, line) in tile[..width].iter().enumerate() {
                    out[(column + j) * rows + row..][..height].copy_from_slice(&line[..height]);
                }
            }
        }
    });
}

/// Calls `fill` with each row of `out`, in parallel.
pub(crate) fn each_row(out: &mut [f32], inner: usize, fill: impl Fn(usize, &mut [f32]) + Sync) {
    let rows = TASK.div_ceil(inner);
    out.par_chunks_mut(rows * inner).enumerate().for_each(|(task, out)| {
        for (row, out) in out.chunks_exact_mut(inner).enumerate() {
            fill(task * rows + row, out);
        }
    });
}

/// Pixel of each element of each patch in a channel, `[patches, elements]`; [`ZERO`] for those without one.
pub(crate) fn taps(config: &PatchesConfig) -> Vec<u32> {
    Taps::new(config).pixels
}

/// Pixel of each element of each patch in a channel, `[patches, elements]`.
struct Taps {
    pixels: Vec<u32>,
}

impl Taps {
    fn new(config: &PatchesConfig) -> Self {
        let [rows, columns] = [0, 1].map(|axis| {
            let patches = 0..config.grid[axis];
            let places = |i| (0..config.kernel[axis]).map(move |u| (i, u));
            patches.flat_map(places).map(|(i, u)| tap(config, axis, i, u)).collect::<Vec<_>>()
        });
        let mut pixels = Vec::with_capacity(config.count() * config.window());
        for row in rows.chunks_exact(config.kernel[0]) {
            for column in columns.chunks_exact(config.kernel[1]) {
                for &y in row {
                    let pixel = |x: usize| y.map(|y| (y * config.image[1] + x) as u32);
                    let pixels_of = column.iter().map(|x| x.and_then(pixel).unwrap_or(ZERO));
                    pixels.extend(pixels_of);
                }
            }
        }
        Self { pixels }
    }

    /// Fills a row of patches that begins at this unit, patch and sample.
    fn row(
        &self,
        config: &PatchesConfig,
        images: &[f32],
        [unit, patch, sample]: [usize; 3],
        out: &mut [f32],
    ) {
        let [of_channel, of_pixel, of_sample] = config.images().strides();
        let window = config.window();
        let value = |channel: usize, tap: u32| {
            let place = channel * of_channel + tap as usize * of_pixel + sample * of_sample;
            if tap == ZERO { 0.0 } else { images[place] }
        };
        match config.axes[1] {
            Axes::SamplePixelUnit => {
                let taps = &self.pixels[patch * window..][..window];
                for (channel, out) in out.chunks_exact_mut(window).enumerate() {
                    out.iter_mut().zip(taps).for_each(|(out, &tap)| *out = value(channel, tap));
                }
            }
            Axes::SampleUnitPixel => {
                let taps = self.pixels[unit % window..].iter().step_by(window);
                let channel = unit / window;
                out.iter_mut().zip(taps).for_each(|(out, &tap)| *out = value(channel, tap));
            }
            Axes::UnitPixelSample => {
                let tap = self.pixels[patch * window + unit % window];
                if tap == ZERO {
                    out.fill(0.0);
                    return;
                }
                let first = unit / window * of_channel + tap as usize * of_pixel;
                copy_strided(&images[first..], of_sample, out);
            }
        }
    }
}

/// Pixel of element `u` of patch `i` along an axis, if it has one.
fn tap(config: &PatchesConfig, axis: usize, i: usize, u: usize) -> Option<usize> {
    let (size, spread) = (config.image[axis], config.spread[axis]);
    let place = (i * config.stride[axis] + u) as isize - config.origin[axis];
    let place = match config.boundary {
        Boundary::Zero => usize::try_from(place).ok()?,
        Boundary::Circular => place.rem_euclid((size * spread) as isize) as usize,
    };
    (place.is_multiple_of(spread) && place / spread < size).then_some(place / spread)
}

fn copy_strided(source: &[f32], stride: usize, out: &mut [f32]) {
    if stride == 1 {
        out.copy_from_slice(&source[..out.len()]);
    } else {
        out.iter_mut().zip(source.iter().step_by(stride)).for_each(|(out, &x)| *out = x);
    }
}

/// Elements of patches that are copies of each pixel of a channel.
struct Uses {
    /// First of each pixel's places in `places`, and their number.
    starts: Vec<usize>,
    /// `[patch, element]`
    places: Vec<[u32; 2]>,
}

impl Uses {
    fn new(config: &PatchesConfig) -> Self {
        let taps = Taps::new(config).pixels;
        let mut starts = vec![0; config.images().pixels + 1];
        for &pixel in taps.iter().filter(|&&pixel| pixel != ZERO) {
            starts[pixel as usize + 1] += 1;
        }
        for pixel in 1..starts.len() {
            starts[pixel] += starts[pixel - 1];
        }
        let mut next = starts.clone();
        let mut places = vec![[0; 2]; starts[starts.len() - 1]];
        let window = config.window();
        for (index, &pixel) in taps.iter().enumerate().filter(|&(_, &pixel)| pixel != ZERO) {
            places[next[pixel as usize]] = [(index / window) as u32, (index % window) as u32];
            next[pixel as usize] += 1;
        }
        Self { starts, places }
    }

    fn of(&self, pixel: usize) -> &[[u32; 2]] {
        &self.places[self.starts[pixel]..self.starts[pixel + 1]]
    }

    /// Fills a row of images that begins at this channel, pixel and sample.
    fn row(
        &self,
        config: &PatchesConfig,
        patches: &[f32],
        [channel, pixel, sample]: [usize; 3],
        out: &mut [f32],
    ) {
        let [of_unit, of_patch, of_sample] = config.patches().strides();
        let window = config.window();
        let place = |channel: usize, [patch, element]: [u32; 2]| {
            (channel * window + element as usize) * of_unit + patch as usize * of_patch
        };
        let sum = |channel: usize, pixel: usize| {
            let places = self.of(pixel).iter().map(|&at| place(channel, at) + sample * of_sample);
            places.map(|place| patches[place]).sum()
        };
        match config.axes[0] {
            Axes::SampleUnitPixel => {
                out.iter_mut().enumerate().for_each(|(pixel, out)| *out = sum(channel, pixel));
            }
            Axes::SamplePixelUnit => {
                out.iter_mut().enumerate().for_each(|(channel, out)| *out = sum(channel, pixel));
            }
            Axes::UnitPixelSample => {
                out.fill(0.0);
                for &at in self.of(pixel) {
                    let terms = patches[place(channel, at)..].iter().step_by(of_sample);
                    out.iter_mut().zip(terms).for_each(|(out, &x)| *out += x);
                }
            }
        }
    }
}
