use isobath_architecture::Shape;
use ndarray::{Array2, Array3, ArrayView2, Axis};

use super::{
    moments::{Moments, Pairs},
    population::Population,
    state::{Law, State},
};
use crate::{
    Error, Result,
    theory::{MAX_VARIANCE, check, check_correlation},
};

/// Inputs of a network, as far as theory needs them: samples, or their mean square and cosine.
#[derive(Clone, Debug)]
pub struct NetworkInputs {
    shape: Shape,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// `[input, channel, pixel]`
    Samples(Array3<f64>),
    /// Two inputs of independent normal numbers.
    Noise { mean_square: f64, cosine: f64 },
}

impl NetworkInputs {
    /// These samples, `[n, numbers]` in the order channel, row, column. Use one or a few; the memory grows with the square
    /// of their number.
    ///
    /// # Errors
    /// [`Error::NoInputs`] without samples or if their length is not that of the shape, [`Error::OutOfRange`] if a number
    /// is not finite or exceeds `1e15` in magnitude.
    pub fn samples(shape: Shape, samples: ArrayView2<'_, f32>) -> Result<Self> {
        if samples.nrows() == 0 || samples.ncols() != shape.numbers() || shape.numbers() == 0 {
            return Err(Error::NoInputs);
        }
        if let Some(&bad) = samples.iter().find(|x| !(-1e15..=1e15).contains(*x)) {
            let range = "finite and at most 1e15 in size";
            return Err(Error::OutOfRange { name: "input", value: f64::from(bad), range });
        }
        let (pixels, channels) = (shape.pixels(), shape.channels);
        let samples =
            Array3::from_shape_fn((samples.nrows(), channels, pixels), |(i, c, pixel)| {
                f64::from(samples[[i, c * pixels + pixel]])
            });
        Ok(Self { shape, kind: Kind::Samples(samples) })
    }

    /// Two inputs of this mean square and this cosine at each pixel; pixels are independent.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless `mean_square` is in `[0, 1e30]` and `cosine` in `[-1, 1]`.
    pub fn noise(shape: Shape, mean_square: f64, cosine: f64) -> Result<Self> {
        check("mean_square", mean_square, 0.0, MAX_VARIANCE, "from 0 to 1e30")?;
        check_correlation("cosine", cosine)?;
        Ok(Self { shape, kind: Kind::Noise { mean_square, cosine } })
    }

    /// Shape of one input.
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// Number of inputs.
    pub fn count(&self) -> usize {
        match &self.kind {
            Kind::Samples(samples) => samples.dim().0,
            Kind::Noise { .. } => 2,
        }
    }

    /// Moments of the inputs; with that many channels if their law is needed.
    pub(super) fn state(&self, pairs: Pairs, channels: Option<usize>) -> State {
        let mut moments = Moments::zeros(self.count(), self.shape.size(), pairs, 0);
        match &self.kind {
            &Kind::Noise { mean_square, cosine } => {
                let shape = moments.shape();
                for ((group, row, column), entry) in moments.product.indexed_iter_mut() {
                    let ((a, alpha), (b, beta)) =
                        (shape.position(group, row), shape.position(group, column));
                    let same_pixel = if alpha == beta { mean_square } else { 0.0 };
                    *entry = same_pixel * if a == b { 1.0 } else { cosine };
                }
                State { moments, law: Law::Normal }
            }
            Kind::Samples(samples) => {
                let (count, shape) = (self.shape.channels, moments.shape());
                for group in 0..moments.mean.nrows() {
                    let channels = grouped(samples, &shape, group, count);
                    let n = count as f64;
                    moments.mean.row_mut(group).assign(&(channels.sum_axis(Axis(0)) / n));
                    let product = channels.t().dot(&channels) / n;
                    moments.product.index_axis_mut(Axis(0), group).assign(&product);
                }
                let sampled = |count| Law::Sampled(population(samples, &moments, count));
                let law = channels.map_or(Law::Unknown, sampled);
                State { moments, law }
            }
        }
    }
}

/// Values of the group's positions, `[channel, member]`; channels repeat after the last one.
fn grouped(samples: &Array3<f64>, shape: &Moments, group: usize, count: usize) -> Array2<f64> {
    let n = samples.dim().1;
    Array2::from_shape_fn((count, shape.group_size()), |(channel, member)| {
        let (input, pixel) = shape.position(group, member);
        samples[[input, channel % n, pixel]]
    })
}

/// The channels of the samples, repeated up to `count`.
fn population(samples: &Array3<f64>, moments: &Moments, count: usize) -> Population {
    let (groups, members) = moments.mean.dim();
    let mut values = Array3::zeros((groups, count, members));
    for (group, mut channels) in values.axis_iter_mut(Axis(0)).enumerate() {
        channels.assign(&grouped(samples, moments, group, count));
    }
    Population::of_values(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn moments_of_samples_are_means_over_channels() {
        // Two inputs of two channels and two pixels.
        let samples = array![[1.0_f32, 2.0, 3.0, 4.0], [0.0, 1.0, 2.0, -1.0]];
        let inputs = NetworkInputs::samples(Shape::new(2, 1, 2), samples.view()).unwrap();
        let same = inputs.state(Pairs::SamePixel, None).moments;
        assert!(
            (same.at([0, 1], 0) - 3.0).abs() < 1e-15 && (same.at([0, 0], 1) - 10.0).abs() < 1e-15
        );
        let all = inputs.state(Pairs::AllPixels, Some(4)).moments;
        assert!((all.product[[0, 0, 1]] - 7.0).abs() < 1e-15, "pixels of one input");
        assert!((all.product[[0, 0, 3]] + 1.0).abs() < 1e-15, "pixels of two inputs");
        assert!((all.mean[[0, 0]] - 2.0).abs() < 1e-15);
    }

    #[test]
    fn bad_inputs_are_errors() {
        let shape = Shape::flat(3);
        let wrong = array![[1.0_f32, 2.0]];
        assert!(matches!(NetworkInputs::samples(shape, wrong.view()), Err(Error::NoInputs)));
        let nan = array![[1.0_f32, f32::NAN, 0.0]];
        assert!(NetworkInputs::samples(shape, nan.view()).is_err());
        assert!(NetworkInputs::noise(shape, -1.0, 0.0).is_err());
        assert!(NetworkInputs::noise(shape, 1.0, 1.1).is_err());
    }
}
