//! Means and second moments of a layer's channels at all pixels of all inputs.

use ndarray::{Array2, Array3, Axis};
use rayon::prelude::*;

use super::taps::Taps;
use crate::{Phi, kernel::Kernel, layer_kernels::write_covariances};

/// Pairs of pixels whose moments are tracked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pairs {
    /// Equal pixels, of the same input or of two: enough for dense layers and convolutions.
    SamePixel,
    /// All: pooling adds numbers of different pixels.
    AllPixels,
}

/// Means over the channels of a layer, `E[x]` and `E[x x']`, in units of `1e30^level` for the second moments.
///
/// A position is a pixel of one input. Positions whose pairs are tracked are a *group*: the inputs at one pixel, or all
/// positions.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    pub(super) inputs: usize,
    /// Rows and columns.
    pub(super) size: [usize; 2],
    pub(super) pairs: Pairs,
    pub(super) level: i32,
    /// `E[x]`, `[group, member]`
    pub(super) mean: Array2<f64>,
    /// `E[x x']`, `[group, member, member]`
    pub(super) product: Array3<f64>,
}

/// Decimal logarithm of the unit of one level. Beyond it every activation is linear on either side of zero to rounding,
/// so that maps commute with a change of the level.
const LEVEL_DIGITS: f64 = 30.0;
/// Groups with more members use Hermite series where a pair's closed form is a long sum.
const MOST_DIRECT: usize = 16;

impl Moments {
    /// Moments of zero.
    pub(super) fn zeros(inputs: usize, size: [usize; 2], pairs: Pairs, level: i32) -> Self {
        let (mean, product) = (Array2::zeros((0, 0)), Array3::zeros((0, 0, 0)));
        let shape = Self { inputs, size, pairs, level, mean, product };
        let groups = match pairs {
            Pairs::SamePixel => shape.pixels(),
            Pairs::AllPixels => 1,
        };
        let members = shape.group_size();
        let (mean, product) =
            (Array2::zeros((groups, members)), Array3::zeros((groups, members, members)));
        Self { mean, product, ..shape }
    }

    pub(super) const fn pixels(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Members of each group.
    pub(super) const fn group_size(&self) -> usize {
        match self.pairs {
            Pairs::SamePixel => self.inputs,
            Pairs::AllPixels => self.inputs * self.pixels(),
        }
    }

    /// Group and member of a position.
    pub(super) const fn place(&self, input: usize, pixel: usize) -> (usize, usize) {
        match self.pairs {
            Pairs::SamePixel => (pixel, input),
            Pairs::AllPixels => (0, input * self.pixels() + pixel),
        }
    }

    /// Input and pixel of a member.
    pub(super) const fn position(&self, group: usize, member: usize) -> (usize, usize) {
        match self.pairs {
            Pairs::SamePixel => (member, group),
            Pairs::AllPixels => (member / self.pixels(), member % self.pixels()),
        }
    }

    /// `E[x_a x_b]` of two inputs at one pixel.
    pub(super) fn at(&self, [a, b]: [usize; 2], pixel: usize) -> f64 {
        let ((group, a), (_, b)) = (self.place(a, pixel), self.place(b, pixel));
        self.product[[group, a, b]]
    }

    /// Mean of `E[x_a x_b]` over pixels.
    pub(super) fn trace_mean(&self, inputs: [usize; 2]) -> f64 {
        let pixels = self.pixels();
        (0..pixels).map(|pixel| self.at(inputs, pixel)).sum::<f64>() / pixels as f64
    }

    /// Natural logarithm of a second moment in the units of this layer.
    pub(super) fn ln(&self, square: f64) -> f64 {
        square.ln() + f64::from(self.level) * LEVEL_DIGITS * std::f64::consts::LN_10
    }

    /// Factor from true second moments to those of a level.
    pub(super) fn unit(level: i32) -> f64 {
        10_f64.powf(-LEVEL_DIGITS * f64::from(level))
    }

    /// Covariances of a linear layer's outputs: for each output, `weight` times the sum over the places of its window, plus
    /// `bias`.
    pub(super) fn filtered(&self, taps: &Taps, weight: f64, bias: f64) -> Self {
        if bias > 0.0 && self.level < 0 {
            // Beside the bias, moments below the range of a double are zero.
            let mut visible = self.clone();
            visible.change_level(0);
            return visible.filtered(taps, weight, bias);
        }
        let mut out = Self::zeros(self.inputs, taps.size, self.pairs, self.level);
        let bias = if bias > 0.0 { bias * Self::unit(self.level) } else { 0.0 };
        let windows: Vec<_> = taps.windows().collect();
        let shape = out.shape();
        out.each_row(|group, row, entries| {
            let (a, pixel_a) = shape.position(group, row);
            for (column, entry) in entries.iter_mut().enumerate() {
                let (b, pixel_b) = shape.position(group, column);
                let places = windows[pixel_a].iter().zip(windows[pixel_b]);
                let products = places.filter_map(|(alpha, beta)| {
                    let ((group, a), (_, b)) = (self.place(a, (*alpha)?), self.place(b, (*beta)?));
                    Some(self.product[[group, a, b]])
                });
                *entry = weight * products.sum::<f64>() + bias;
            }
        });
        out
    }

    /// Moments of averages over windows, of which each divides the sum of its pixels by its divisor. All pairs must be
    /// tracked.
    pub(super) fn averaged(&self, taps: &Taps, divisors: &[f64]) -> Self {
        let mut out = Self::zeros(self.inputs, taps.size, self.pairs, self.level);
        let windows: Vec<_> = taps.windows().collect();
        let shape = out.shape();
        let sum = |input: usize, pixel: usize, value: &dyn Fn(usize) -> f64| {
            let pixels = windows[pixel].iter().flatten();
            pixels.map(|&pixel| value(self.place(input, pixel).1)).sum::<f64>() / divisors[pixel]
        };
        for (member, mean) in out.mean.iter_mut().enumerate() {
            let (input, pixel) = shape.position(0, member);
            *mean = sum(input, pixel, &|member| self.mean[[0, member]]);
        }
        out.each_row(|group, row, entries| {
            let (a, pixel_a) = shape.position(group, row);
            // Sum over the window of the row first.
            let sums: Vec<f64> = (0..self.group_size())
                .map(|column| sum(a, pixel_a, &|member| self.product[[0, member, column]]))
                .collect();
            for (column, entry) in entries.iter_mut().enumerate() {
                let (b, pixel_b) = shape.position(group, column);
                *entry = sum(b, pixel_b, &|member| sums[member]);
            }
        });
        out
    }

    /// Moments of the same numbers as an image of another size, where one of the two is a vector.
    ///
    /// The units of a vector are independent of each other, so different pixels of the image made of them are, too. A
    /// vector made of an image has units of different pixels; its moments are the means over these.
    pub(super) fn reshaped(&self, size: [usize; 2]) -> Self {
        if self.size == size {
            return self.clone();
        }
        let mut out = Self::zeros(self.inputs, size, self.pairs, self.level);
        let pixels = self.pixels() as f64;
        let mean = |input: usize| {
            let means = (0..self.pixels()).map(|pixel| self.mean[self.place(input, pixel)]);
            means.sum::<f64>() / pixels
        };
        let means: Vec<f64> = (0..self.inputs).map(mean).collect();
        let shape = out.shape();
        for ((group, member), entry) in out.mean.indexed_iter_mut() {
            *entry = means[shape.position(group, member).0];
        }
        for ((group, row, column), entry) in out.product.indexed_iter_mut() {
            let (a, pixel_a) = shape.position(group, row);
            let (b, pixel_b) = shape.position(group, column);
            *entry = if pixel_a == pixel_b { self.trace_mean([a, b]) } else { means[a] * means[b] };
        }
        out
    }

    /// Moments of `phi(u)`, `u` normal with mean zero and these covariances.
    pub(super) fn activated(&self, phi: Phi) -> Self {
        let kernel = Kernel::new(phi);
        let mut out = self.clone();
        let members = out.group_size();
        let means = out.mean.as_slice_mut().expect("made in standard layout");
        let products = out.product.as_slice_mut().expect("made in standard layout");
        let groups = products.par_chunks_exact_mut(members * members);
        groups.zip(means.par_chunks_exact_mut(members)).for_each(|(products, means)| {
            let lengths: Vec<f64> =
                (0..members).map(|i| products[i * (members + 1)].max(0.0)).collect();
            for (mean, &q) in means.iter_mut().zip(&lengths) {
                *mean = kernel.mean(q);
            }
            activate(&kernel, phi, &lengths, products);
        });
        out
    }

    /// Moments of the sum of this and an independent layer of which channels are paired at random.
    pub(super) fn plus(&self, other: &Self) -> Self {
        let level = self.level.max(other.level);
        let (mut sum, mut other) = (self.clone(), other.clone());
        sum.change_level(level);
        other.change_level(level);
        for group in 0..sum.mean.nrows() {
            let (x, y) = (sum.mean.row(group).to_owned(), other.mean.row(group).to_owned());
            for ((a, b), entry) in sum.product.index_axis_mut(Axis(0), group).indexed_iter_mut() {
                *entry += other.product[[group, a, b]] + x[a] * y[b] + y[a] * x[b];
            }
        }
        sum.mean += &other.mean;
        sum
    }

    /// Level at which the largest second moment is between `1e-60` and `1e60`, zero if possible.
    pub(super) fn usable_level(&self) -> i32 {
        let largest = self.product.iter().copied().fold(0.0, f64::max);
        if largest <= 0.0 || !largest.is_finite() {
            return self.level;
        }
        let digits = largest.log10() + f64::from(self.level) * LEVEL_DIGITS;
        let beyond = (digits.abs() - 2.0 * LEVEL_DIGITS).max(0.0);
        (beyond / LEVEL_DIGITS).ceil().copysign(digits) as i32
    }

    /// Changes the unit of the moments.
    pub(super) fn change_level(&mut self, level: i32) {
        let shift = level - self.level;
        if shift != 0 {
            self.product *= Self::unit(shift);
            self.mean *= Self::unit(shift).sqrt();
            self.level = level;
        }
    }

    /// Copy of everything but the numbers, to compute positions with.
    pub(super) fn shape(&self) -> Self {
        let (mean, product) = (Array2::zeros((0, 0)), Array3::zeros((0, 0, 0)));
        let Self { inputs, size, pairs, level, .. } = *self;
        Self { inputs, size, pairs, level, mean, product }
    }

    /// Calls `f(group, row, entries)` for each row of the second moments, in parallel.
    fn each_row(&mut self, f: impl Fn(usize, usize, &mut [f64]) + Sync) {
        let members = self.group_size();
        let entries = self.product.as_slice_mut().expect("made in standard layout");
        entries.par_chunks_exact_mut(members).enumerate().for_each(|(index, row)| {
            f(index / members, index % members, row);
        });
    }
}

/// Replaces covariances `[n, n]` of normal variables by the second moments of `phi` of them.
fn activate(kernel: &Kernel, phi: Phi, lengths: &[f64], entries: &mut [f64]) {
    let n = lengths.len();
    let squares: Vec<f64> = lengths.iter().map(|&q| kernel.moments(q).square).collect();
    for (i, row) in entries.chunks_exact_mut(n).enumerate() {
        for (entry, q) in row.iter_mut().zip(lengths) {
            let scale = lengths[i].sqrt() * q.sqrt();
            *entry = if scale > 0.0 { (*entry / scale).clamp(-1.0, 1.0) } else { 0.0 };
        }
    }
    let correlations = entries.to_vec();
    if n > MOST_DIRECT {
        write_covariances(kernel, phi, lengths, &squares, entries);
    } else {
        for (i, j) in pairs_below(n) {
            entries[i * n + j] = kernel.covariance(lengths[i], lengths[j], correlations[i * n + j]);
        }
    }
    for (i, j) in pairs_below(n) {
        // Identical inputs stay identical; a covariance may differ from the square by rounding.
        let is_same = correlations[i * n + j] >= 1.0 && lengths[i].total_cmp(&lengths[j]).is_eq();
        let product = if is_same { squares[i] } else { entries[i * n + j] };
        (entries[i * n + j], entries[j * n + i]) = (product, product);
    }
    for (i, square) in squares.into_iter().enumerate() {
        entries[i * n + i] = square;
    }
}

/// Entries below the diagonal of a matrix with `n` rows.
fn pairs_below(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(|i| (0..i).map(move |j| (i, j)))
}
