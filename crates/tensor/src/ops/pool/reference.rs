use super::{check_pool, check_pool_gradient};
use crate::{HostBuffer, PoolConfig, PoolKind, Pooling, Reference, Result, ops::axes::Images};

impl Pooling for Reference {
    fn pool(
        &self,
        config: &PoolConfig,
        x: &HostBuffer<f32>,
        y: &mut HostBuffer<f32>,
    ) -> Result<()> {
        check_pool(self, "pool", config, x, y)?;
        each_window(config, |channel, sample, window| {
            let value = |&pixel: &usize| {
                f64::from(x.as_slice()[place(&config.input(), [channel, pixel, sample])])
            };
            let pooled = match config.kind {
                PoolKind::Max => value(&window.pixels[first_largest(&window.pixels, value)]),
                PoolKind::Average => window.pixels.iter().map(value).sum::<f64>() / window.divisor,
            };
            let to = place(&config.output(), [channel, window.index, sample]);
            y.as_mut_slice()[to] = pooled as f32;
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
        let mut sums = vec![0.0_f64; config.input_gradient().len()];
        each_window(config, |channel, sample, window| {
            let value = |&pixel: &usize| {
                f64::from(x.as_slice()[place(&config.input(), [channel, pixel, sample])])
            };
            let from = place(&config.output(), [channel, window.index, sample]);
            let delta = f64::from(delta.as_slice()[from]);
            let mut add = |pixel: usize, part: f64| {
                sums[place(&config.input_gradient(), [channel, pixel, sample])] += part;
            };
            match config.kind {
                PoolKind::Max => add(window.pixels[first_largest(&window.pixels, value)], delta),
                PoolKind::Average => {
                    window.pixels.iter().for_each(|&pixel| add(pixel, delta / window.divisor));
                }
            }
        });
        for (gradient, sum) in input_delta.as_mut_slice().iter_mut().zip(sums) {
            *gradient = sum as f32;
        }
        Ok(())
    }
}

/// A window over an image.
struct Window {
    /// Its number, row by row.
    index: usize,
    /// Its pixels in the image, row by row.
    pixels: Vec<usize>,
    /// Number of its pixels in the padded image.
    divisor: f64,
}

fn each_window(config: &PoolConfig, mut visit: impl FnMut(usize, usize, &Window)) {
    let [rows, columns] = [0, 1].map(|axis| {
        (0..config.grid[axis]).map(move |i| {
            let start = (i * config.stride[axis]) as isize - config.padding[axis] as isize;
            let padded_end = (config.image[axis] + config.padding[axis]) as isize;
            let end = (start + config.kernel[axis] as isize).min(padded_end);
            let inside = start.max(0)..end.min(config.image[axis] as isize);
            (inside, end - start)
        })
    });
    let mut windows = Vec::new();
    for (y, height) in rows {
        for (x, width) in columns.clone() {
            let pixel = |y| x.clone().map(move |x| y as usize * config.image[1] + x as usize);
            let pixels = y.clone().flat_map(pixel).collect();
            windows.push(Window { index: windows.len(), pixels, divisor: (height * width) as f64 });
        }
    }
    for sample in 0..config.samples {
        for channel in 0..config.channels {
            windows.iter().for_each(|window| visit(channel, sample, window));
        }
    }
}

/// Index of the first largest value, the first NaN before any other.
fn first_largest(pixels: &[usize], value: impl Fn(&usize) -> f64) -> usize {
    let larger = |best: usize, index: usize| {
        let [best_value, new] = [best, index].map(|index| value(&pixels[index]));
        if new > best_value || (new.is_nan() && !best_value.is_nan()) { index } else { best }
    };
    (1..pixels.len()).fold(0, larger)
}

fn place(images: &Images, [unit, pixel, sample]: [usize; 3]) -> usize {
    let strides = images.strides();
    unit * strides[0] + pixel * strides[1] + sample * strides[2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Axes, Backend};

    /// One image of 3 x 3 pixels, windows of 2 x 2.
    fn config(kind: PoolKind) -> PoolConfig {
        PoolConfig {
            kind,
            channels: 1,
            image: [3, 3],
            grid: [2, 2],
            kernel: [2, 2],
            stride: [2, 2],
            padding: [0, 0],
            samples: 1,
            axes: [Axes::SampleUnitPixel; 2],
        }
    }

    const IMAGE: [f32; 9] = [1.0, 5.0, 2.0, 5.0, 4.0, 3.0, 7.0, 8.0, 9.0];

    #[track_caller]
    fn check(config: PoolConfig, values: [f32; 4], gradient: [f32; 9]) {
        let x = Reference.upload(&IMAGE).unwrap();
        let (mut y, mut input_delta) = (Reference.zeros(4).unwrap(), Reference.zeros(9).unwrap());
        Reference.pool(&config, &x, &mut y).unwrap();
        assert_eq!(y.as_slice(), values);
        let delta = Reference.upload(&[4.0, 8.0, 12.0, 16.0]).unwrap();
        Reference.pool_gradient(&config, &x, &delta, &mut input_delta).unwrap();
        assert_eq!(input_delta.as_slice(), gradient);
    }

    // As torch.nn.functional.max_pool2d and avg_pool2d with ceil_mode=True.
    #[test]
    fn windows_beyond_the_border() {
        let max = [5.0, 3.0, 8.0, 9.0];
        check(config(PoolKind::Max), max, [0.0, 4.0, 0.0, 0.0, 0.0, 8.0, 0.0, 12.0, 16.0]);
        let mean = [3.75, 2.5, 7.5, 9.0];
        check(config(PoolKind::Average), mean, [1.0, 1.0, 4.0, 1.0, 1.0, 4.0, 6.0, 6.0, 16.0]);
    }

    #[test]
    fn padding_counts_as_zeros_in_means() {
        let padded = |kind| PoolConfig { padding: [1, 1], ..config(kind) };
        let mean = [0.25, 1.75, 3.0, 6.0];
        check(padded(PoolKind::Average), mean, [1.0, 2.0, 2.0, 3.0, 4.0, 4.0, 3.0, 4.0, 4.0]);
        let max = [1.0, 5.0, 7.0, 9.0];
        check(padded(PoolKind::Max), max, [4.0, 8.0, 0.0, 0.0, 0.0, 0.0, 12.0, 0.0, 16.0]);
    }
}
