//! Linear layers of decoders in closed form.

use isobath_network::ForwardBackend;
use isobath_tensor::{Axes, Backend, FitRidge, GatherConfig, GatherRows, RidgeConfig, RidgeFit};

use crate::{
    ConvTranspose2d, DecoderKind, Result,
    conv_transpose::reordered,
    device_decoder::{CHUNK, Patches},
};

/// Most rows that a transposed convolution is fitted to.
const ROWS: usize = 1 << 16;

/// Fit of one linear layer of a decoder to samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinearFit {
    /// The layer.
    pub(crate) kind: DecoderKind,
    /// Number of samples, the first of all.
    pub(crate) samples: usize,
    /// Standard deviation of the noise that each activation is taken to carry.
    pub(crate) noise: f64,
}

/// Weights `[units, inputs]` and bias `[units]` of a fitted layer, and the quality of the fit; or the reason why there is
/// none.
type Outcome<T> = Result<([T; 2], RidgeFit), isobath_tensor::Error>;

impl LinearFit {
    /// Fits the layer to `h` `[samples, inputs]` and `target` `[samples, outputs]`.
    ///
    /// # Errors
    /// When the device fails. The inner error is that of [`FitRidge::fit_ridge`].
    pub(crate) fn run<B: ForwardBackend + FitRidge + GatherRows>(
        &self,
        backend: &B,
        h: &B::Buffer<f32>,
        target: &B::Buffer<f32>,
    ) -> Result<Outcome<B::Buffer<f32>>> {
        match &self.kind {
            DecoderKind::Dense { .. } => self.solve(backend, self.samples, self.noise, [h, target]),
            DecoderKind::ConvTranspose2d(conv) => {
                let rows = Rows { conv, samples: self.samples };
                let [patches, targets] = rows.collect(backend, h, target)?;
                // A weight reads an activation, and not a zero between two of them, in this share of the rows.
                let share = 1.0 / (conv.stride[0] * conv.stride[1]) as f64;
                let noise = self.noise * share.sqrt();
                self.solve(backend, rows.count(), noise, [&patches, &targets])
            }
        }
    }

    fn solve<B: FitRidge>(
        &self,
        backend: &B,
        samples: usize,
        noise: f64,
        [h, target]: [&B::Buffer<f32>; 2],
    ) -> Result<Outcome<B::Buffer<f32>>> {
        let [outputs, inputs] = self.kind.matrix();
        let config = RidgeConfig { samples, inputs, outputs, noise };
        let mut weights = backend.zeros(outputs * inputs)?;
        let mut bias = backend.zeros(outputs)?;
        let fit = backend.fit_ridge(&config, h, target, &mut weights, &mut bias);
        Ok(fit.map(|fit| ([weights, bias], fit)))
    }
}

/// Rows that a transposed convolution is fitted to.
struct Rows<'a> {
    conv: &'a ConvTranspose2d,
    samples: usize,
}

impl Rows<'_> {
    /// Pixels of all samples.
    const fn all(&self) -> usize {
        self.samples * self.conv.output.pixels()
    }

    /// Number of rows.
    fn count(&self) -> usize {
        self.all().min(ROWS)
    }

    /// Sample and pixel of row `row`: all of them in order, or an even spread over the samples whose pixels follow
    /// multiples of the golden ratio, so that every pixel has its share.
    fn place(&self, row: usize) -> [usize; 2] {
        /// The golden ratio's fraction, `(sqrt(5) - 1) / 2`, in 64 bits.
        const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
        let pixels = self.conv.output.pixels();
        if self.all() <= ROWS {
            return [row / pixels, row % pixels];
        }
        let fraction = (row as u64).wrapping_mul(GOLDEN);
        let pixel = (u128::from(fraction) * pixels as u128) >> 64;
        [(row as u128 * self.samples as u128 / ROWS as u128) as usize, pixel as usize]
    }

    /// Patches of `h` and pixels of `target` of each row, a chunk of samples at a time.
    fn collect<B: ForwardBackend + GatherRows>(
        &self,
        backend: &B,
        h: &B::Buffer<f32>,
        target: &B::Buffer<f32>,
    ) -> Result<[B::Buffer<f32>; 2]> {
        let Self { conv, samples } = *self;
        let [read, written] = [conv.input, conv.output].map(|shape| shape.numbers());
        let (pixels, widths) = (conv.output.pixels(), [conv.patch(), conv.output.channels]);
        let chunk = (CHUNK / (conv.patch() * pixels)).clamp(1, samples);
        let mut patches = Patches::new(backend, std::iter::once(conv), chunk)?;
        let [mut part_h, mut part_target] =
            [backend.zeros(chunk * read)?, backend.zeros(chunk * written)?];
        let mut targets = backend.zeros(chunk * written)?;
        let mut rows = Collected::new(backend, widths, self.count())?;
        for start in (0..samples).step_by(chunk) {
            let count = chunk.min(samples - start);
            backend.copy(h, start * read..(start + count) * read, &mut part_h, 0)?;
            backend.copy(
                target,
                start * written..(start + count) * written,
                &mut part_target,
                0,
            )?;
            patches.fill(backend, conv, count, &part_h)?;
            let axes = [Axes::SampleUnitPixel, Axes::SamplePixelUnit];
            backend.patches(&reordered(conv.output, count, axes), &part_target, &mut targets)?;
            let places = (rows.count..self.count()).map(|row| self.place(row));
            let places: Vec<u32> = places
                .take_while(|[sample, _]| *sample < start + count)
                .map(|[sample, pixel]| ((sample - start) * pixels + pixel) as u32)
                .collect();
            rows.extend(backend, &places, [&patches.rows, &targets])?;
        }
        Ok(rows.numbers)
    }
}

/// Rows of two matrices that grow together.
struct Collected<B: Backend> {
    widths: [usize; 2],
    numbers: [B::Buffer<f32>; 2],
    count: usize,
}

impl<B: GatherRows> Collected<B> {
    fn new(backend: &B, widths: [usize; 2], rows: usize) -> Result<Self> {
        let [first, second] = widths.map(|width| backend.zeros(rows * width));
        Ok(Self { widths, numbers: [first?, second?], count: 0 })
    }

    /// Adds rows `places` of `sources`.
    fn extend(&mut self, backend: &B, places: &[u32], sources: [&B::Buffer<f32>; 2]) -> Result<()> {
        if places.is_empty() {
            return Ok(());
        }
        let order = backend.upload(places)?;
        let targets = self.numbers.iter_mut().zip(self.widths);
        for (source, (target, cols)) in sources.into_iter().zip(targets) {
            let mut gathered = backend.zeros(places.len() * cols)?;
            let config = GatherConfig { cols, first: 0, count: places.len() };
            backend.gather_rows(config, source, &order, &mut gathered)?;
            backend.copy(&gathered, 0..places.len() * cols, target, self.count * cols)?;
        }
        self.count += places.len();
        Ok(())
    }
}

/// Floating-point operations of fitting a layer of `kind` to `samples` samples.
pub(crate) fn fit_flops(kind: DecoderKind, samples: u64) -> u64 {
    let rows = match &kind {
        DecoderKind::Dense { .. } => samples,
        DecoderKind::ConvTranspose2d(conv) => {
            (samples * conv.output.pixels() as u64).min(ROWS as u64)
        }
    };
    let [outputs, h] = kind.matrix().map(|size| size as u64);
    // One unknown for each input, or for each row where these are fewer.
    let unknowns = rows.min(h);
    let products = 2 * rows * (h * unknowns + h * outputs);
    // The Cholesky factor, and the two triangular solutions for each output.
    products + unknowns.pow(3) / 3 + 2 * unknowns * unknowns * outputs
}

#[cfg(test)]
mod tests {
    use isobath_architecture::{Boundary, Shape};

    use super::*;

    fn conv(size: [usize; 2]) -> ConvTranspose2d {
        let shape = Shape::new(1, size[0], size[1]);
        let [kernel, start] = [[3, 3], [1, 1]];
        let boundary = Boundary::Zero;
        ConvTranspose2d { input: shape, output: shape, kernel, stride: [1, 1], start, boundary }
    }

    #[test]
    fn few_rows_are_all_rows() {
        let conv = conv([4, 5]);
        let rows = Rows { conv: &conv, samples: 3 };
        assert_eq!(rows.count(), 60);
        assert_eq!([0, 19, 20, 59].map(|row| rows.place(row)), [[0, 0], [0, 19], [1, 0], [2, 19]]);
    }

    /// Each pixel and each sample has its share of the rows, for numbers of pixels that divide the step between rows too.
    #[test]
    fn many_rows_are_spread_evenly() {
        for (size, samples) in [([28, 28], 4000), ([7, 7], 65536), ([8, 8], 9000)] {
            let conv = conv(size);
            let rows = Rows { conv: &conv, samples };
            assert_eq!(rows.count(), ROWS);
            let pixels = size[0] * size[1];
            let mut counts = [vec![0_i64; samples], vec![0_i64; pixels]];
            let mut last = 0;
            for [sample, pixel] in (0..ROWS).map(|row| rows.place(row)) {
                assert!(sample >= last, "samples are in order");
                last = sample;
                counts[0][sample] += 1;
                counts[1][pixel] += 1;
            }
            for (counts, share) in counts.iter().zip([samples, pixels].map(|n| (ROWS / n) as i64)) {
                let range = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
                assert!(*range.0 >= share - 2 && *range.1 <= share + 3, "{range:?} {share}");
            }
        }
    }
}
