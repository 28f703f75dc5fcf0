//! Samples of channels, for laws that no recursion of moments covers.
//!
//! The outputs of dense layers and convolutions are normal over channels, so their covariances determine everything. The
//! output of max pooling and the stream of blocks with an activation after the addition are not. They are represented by
//! channels drawn at random.

use isobath_architecture::Activation;
use ndarray::{Array2, Array3, Axis, s};

use super::{moments::Moments, taps::Taps};
use crate::{Phi, normal_rng::NormalRng};

/// Random channels with their values at all positions.
#[derive(Clone, Debug)]
pub(super) struct Population {
    /// Values in groups as those of [`Moments`], `[group, channel, member]`, in units of the moments' level.
    values: Array3<f64>,
}

/// Size and seed of a sample of channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) channels: usize,
    pub(super) seed: u64,
}

/// Numbers in a population, except for small or large images.
const NUMBERS: usize = 1 << 20;
const FEWEST_CHANNELS: usize = 512;
const MOST_CHANNELS: usize = 1 << 15;

/// Channels drawn for a network with this many positions in its largest stage.
pub(super) fn channels(positions: usize) -> usize {
    (NUMBERS / positions.max(1)).clamp(FEWEST_CHANNELS, MOST_CHANNELS)
}

impl Population {
    /// Draws channels that are normal with the given covariances.
    pub(super) fn draw(covariances: &Moments, Sample { channels: count, seed }: Sample) -> Self {
        let (groups, members) = covariances.mean.dim();
        let mut normal = NormalRng::new(seed.wrapping_mul(0x2545_F491_4F6C_DD1D));
        let mut values = Array3::zeros((groups, count, members));
        for (group, mut channels) in values.axis_iter_mut(Axis(0)).enumerate() {
            let covariance = covariances.product.index_axis(Axis(0), group);
            let factor = semidefinite_factor(covariance.to_owned());
            let noise = Array2::from_shape_simple_fn((count, members), || normal.draw());
            channels.assign(&noise.dot(&factor.t()));
        }
        Self { values }
    }

    /// Given channels, `[group, channel, member]`.
    pub(super) const fn of_values(values: Array3<f64>) -> Self {
        Self { values }
    }

    /// Number of channels.
    pub(super) fn len(&self) -> usize {
        self.values.len_of(Axis(1))
    }

    /// Adds independent channels.
    pub(super) fn add(&mut self, other: &Self) {
        self.values += &other.values;
    }

    /// Multiplies all values by a factor, when the level changes.
    pub(super) fn scale(&mut self, factor: f64) {
        self.values *= factor;
    }

    /// Applies an activation. Returns the squared slopes for the first input, `[channel, pixel]`.
    pub(super) fn activate(&mut self, activation: Activation, shape: &Moments) -> Array2<f32> {
        let phi = Phi::new(activation);
        let slopes = Array2::from_shape_fn((self.len(), shape.pixels()), |(channel, pixel)| {
            let (group, member) = shape.place(0, pixel);
            phi.derivative(self.values[[group, channel, member]]).powi(2) as f32
        });
        self.values.mapv_inplace(|value| phi.value(value));
        slopes
    }

    /// Means over the channels, with the inputs, pixels and level of `shape`.
    pub(super) fn moments(&self, shape: &Moments) -> Moments {
        let Moments { inputs, size, pairs, level, .. } = *shape;
        let mut moments = Moments::zeros(inputs, size, pairs, level);
        let count = self.len() as f64;
        for (group, channels) in self.values.axis_iter(Axis(0)).enumerate() {
            moments.mean.row_mut(group).assign(&(channels.sum_axis(Axis(0)) / count));
            moments
                .product
                .slice_mut(s![group, .., ..])
                .assign(&(channels.t().dot(&channels) / count));
        }
        moments
    }

    /// Standard error of the mean square over all positions, relative to it.
    pub(super) fn relative_error(&self) -> f64 {
        let squares = self.values.mapv(|value| value * value).sum_axis(Axis(2)).sum_axis(Axis(0));
        let (mean, count) = (squares.mean().unwrap_or(0.0), self.len() as f64);
        if mean > 0.0 { squares.std(1.0) / (mean * count.sqrt()) } else { 0.0 }
    }

    /// Largest value of each window, and for the first input the pixel that has it, `[channel, output pixel]`. All pairs
    /// must be tracked by `from`, the moments before, and `to`, those after.
    pub(super) fn pooled(&self, taps: &Taps, from: &Moments, to: &Moments) -> (Self, Array2<u32>) {
        let mut values = Array3::zeros((1, self.len(), to.group_size()));
        let mut winners = Array2::zeros((self.len(), taps.outputs()));
        for channel in 0..self.len() {
            for input in 0..from.inputs {
                for (pixel, window) in taps.windows().enumerate() {
                    let value =
                        |pixel: usize| self.values[[0, channel, from.place(input, pixel).1]];
                    let pixels = window.iter().flatten().copied();
                    let best = pixels.max_by(|&a, &b| value(a).total_cmp(&value(b)));
                    // Every window contains a pixel, because padding is at most half of the kernel.
                    let best = best.unwrap_or(0);
                    values[[0, channel, to.place(input, pixel).1]] = value(best);
                    if input == 0 {
                        winners[[channel, pixel]] = best as u32;
                    }
                }
            }
        }
        (Self { values }, winners)
    }

    /// Averages over windows, as [`Moments::averaged`].
    pub(super) fn averaged(
        &self,
        taps: &Taps,
        divisors: &[f64],
        from: &Moments,
        to: &Moments,
    ) -> Self {
        let windows: Vec<_> = taps.windows().collect();
        let values =
            Array3::from_shape_fn((1, self.len(), to.group_size()), |(_, channel, member)| {
                let (input, pixel) = to.position(0, member);
                let pixels = windows[pixel].iter().flatten();
                let value = |&pixel: &usize| self.values[[0, channel, from.place(input, pixel).1]];
                pixels.map(value).sum::<f64>() / divisors[pixel]
            });
        Self { values }
    }
}

/// Lower triangular factor `L` with `L L^T = A` of a positive semidefinite matrix. Columns of pivots that vanish to
/// rounding are zero.
fn semidefinite_factor(mut a: Array2<f64>) -> Array2<f64> {
    let n = a.nrows();
    let smallest = a.diag().iter().copied().fold(0.0, f64::max) * f64::EPSILON * 8.0 * n as f64;
    for j in 0..n {
        let pivot = a[[j, j]] - a.slice(s![j, ..j]).mapv(|x| x * x).sum();
        let root = if pivot > smallest { pivot.sqrt() } else { 0.0 };
        for i in j + 1..n {
            let product = a.slice(s![i, ..j]).dot(&a.slice(s![j, ..j]));
            a[[i, j]] = if root > 0.0 { (a[[i, j]] - product) / root } else { 0.0 };
            a[[j, i]] = 0.0;
        }
        a[[j, j]] = root;
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network_profile::moments::Pairs;
    use ndarray::array;

    #[test]
    fn semidefinite_matrices_are_factorised() {
        // Two equal inputs and one that is independent of them.
        let a = array![[4.0, 4.0, 0.0], [4.0, 4.0, 0.0], [0.0, 0.0, 1.0]];
        let lower = semidefinite_factor(a.clone());
        assert!((lower.dot(&lower.t()) - a).iter().all(|error| error.abs() < 1e-12), "{lower}");
    }

    #[test]
    fn channels_have_the_covariances_they_are_drawn_from() {
        let mut covariances = Moments::zeros(2, [1, 1], Pairs::SamePixel, 0);
        covariances.product.index_axis_mut(Axis(0), 0).assign(&array![[2.0, 0.6], [0.6, 1.0]]);
        let population = Population::draw(&covariances, Sample { channels: 32_768, seed: 3 });
        let found = population.moments(&covariances);
        // Relative standard error of a square: sqrt(2 / n) < 0.008.
        for (a, b) in found.product.iter().zip(&covariances.product) {
            assert!((a - b).abs() < 4.0 * 0.008 * 2.0, "{found:?}");
        }
        let expected =
            f64::sqrt(2.0 * (4.0 + 2.0 * 0.36 + 1.0)) / 3.0 / (population.len() as f64).sqrt();
        assert!((population.relative_error() / expected - 1.0).abs() < 0.05);
    }
}
