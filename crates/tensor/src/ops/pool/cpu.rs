use std::ops::Range;

use super::{check_pool, check_pool_gradient};
use crate::{
    Cpu, HostBuffer, PoolConfig, PoolKind, Pooling, Result,
    ops::{axes::Images, patches::cpu::each_row},
};

impl Pooling for Cpu {
    fn pool(
        &self,
        config: &PoolConfig,
        x: &HostBuffer<f32>,
        y: &mut HostBuffer<f32>,
    ) -> Result<()> {
        check_pool(self, "pool", config, x, y)?;
        let shape = config.output();
        each_number(&mut y.as_mut_slice()[..shape.len()], &shape, |[channel, window, sample]| {
            let image = Channel::new(config.input(), x.as_slice(), channel, sample);
            let window = Window::new(config, window);
            match config.kind {
                PoolKind::Max => image.at(window.largest(config, &image)),
                PoolKind::Average => {
                    window.pixels(config).map(|pixel| image.at(pixel)).sum::<f32>() / window.divisor
                }
            }
        });
        Ok(())
    }

    fn pool_gradient(
        &self,
        config: &PoolConfig,
        x: &HostBuffer<f32>,
        delta: &HostBuffer<f32>,
        input_delta: &mut HostBuffer<f32>,
    ) -> Result<()> {
        check_pool_gradient(self, config, x, delta, input_delta)?;
        let shape = config.input_gradient();
        let out = &mut input_delta.as_mut_slice()[..shape.len()];
        each_number(out, &shape, |[channel, pixel, sample]| {
            let image = Channel::new(config.input(), x.as_slice(), channel, sample);
            let delta = Channel::new(config.output(), delta.as_slice(), channel, sample);
            let part = |index: usize| {
                let window = Window::new(config, index);
                match config.kind {
                    PoolKind::Max if window.largest(config, &image) == pixel => delta.at(index),
                    PoolKind::Max => 0.0,
                    PoolKind::Average => delta.at(index) / window.divisor,
                }
            };
            windows_with(config, pixel).map(part).sum()
        });
        Ok(())
    }
}

/// Sets each number of `out` to `value` of its unit, pixel and sample, in parallel.
fn each_number(out: &mut [f32], shape: &Images, value: impl Fn([usize; 3]) -> f32 + Sync) {
    let axis = shape.inner_axis();
    each_row(out, shape.inner(), |row, out| {
        let mut place = shape.row(row);
        for (index, out) in out.iter_mut().enumerate() {
            place[axis] = index;
            *out = value(place);
        }
    });
}

/// A channel of one image in memory.
struct Channel<'a> {
    numbers: &'a [f32],
    first: usize,
    stride: usize,
}

impl<'a> Channel<'a> {
    fn new(images: Images, numbers: &'a [f32], channel: usize, sample: usize) -> Self {
        let [of_channel, stride, of_sample] = images.strides();
        Self { numbers, first: channel * of_channel + sample * of_sample, stride }
    }

    fn at(&self, pixel: usize) -> f32 {
        self.numbers[self.first + pixel * self.stride]
    }
}

/// The part of a window that is in the image.
struct Window {
    rows: Range<usize>,
    columns: Range<usize>,
    /// Number of its pixels in the padded image.
    divisor: f32,
}

impl Window {
    /// Window `index`, counted row by row.
    fn new(config: &PoolConfig, index: usize) -> Self {
        let [i, j] = [index / config.grid[1], index % config.grid[1]];
        let [(rows, height), (columns, width)] = [(0, i), (1, j)].map(|(axis, i)| {
            let (padding, image) = (config.padding[axis], config.image[axis]);
            // Counted from the first pixel of the padding.
            let start = i * config.stride[axis];
            let end = (start + config.kernel[axis]).min(image + 2 * padding);
            let inside = start.saturating_sub(padding)..end.saturating_sub(padding).min(image);
            (inside, end - start)
        });
        Self { rows, columns, divisor: (height * width) as f32 }
    }

    fn pixels(&self, config: &PoolConfig) -> impl Iterator<Item = usize> {
        let (columns, width) = (self.columns.clone(), config.image[1]);
        self.rows.clone().flat_map(move |y| columns.clone().map(move |x| y * width + x))
    }

    /// Pixel of the first largest number, the first NaN before any other.
    fn largest(&self, config: &PoolConfig, image: &Channel<'_>) -> usize {
        let mut pixels = self.pixels(config);
        let mut best = pixels.next().unwrap_or(0);
        for pixel in pixels {
            let (old, new) = (image.at(best), image.at(pixel));
            if new > old || (new.is_nan() && !old.is_nan()) {
                best = pixel;
            }
        }
        best
    }
}

/// Numbers of the windows that `pixel` is in.
fn windows_with(config: &PoolConfig, pixel: usize) -> impl Iterator<Item = usize> {
    let place = [pixel / config.image[1], pixel % config.image[1]];
    let [rows, columns] = [0, 1].map(|axis| {
        let (stride, place) = (config.stride[axis], place[axis] + config.padding[axis]);
        let first = (place + 1).saturating_sub(config.kernel[axis]).div_ceil(stride);
        first..(place / stride + 1).min(config.grid[axis])
    });
    let width = config.grid[1];
    rows.flat_map(move |i| columns.clone().map(move |j| i * width + j))
}
