//! Squared gradients, from the last stage back to the input.
//!
//! The mean square of a gradient with respect to one channel is multiplied by the number of channels, so that it does not
//! depend on widths. As usual, weights of the backward pass are taken as independent of those of the forward pass
//! (Schoenholz et al. arXiv:1611.01232; Xiao et al. arXiv:1806.05393).

use ndarray::{Array2, Axis};

use super::taps::Taps;

/// Squared slopes `phi'^2` of the pre-activations of the first input.
#[derive(Clone, Debug)]
pub(super) enum Slopes {
    /// Means over channels, `[pixel]`.
    Mean(Vec<f64>),
    /// `[channel, pixel]`, where later layers see the same channels.
    PerChannel(Array2<f32>),
}

/// Squared gradients of the first input.
#[derive(Clone, Debug)]
pub(super) enum Gradient {
    /// Sum over channels, `[pixel]`.
    Isotropic(Vec<f64>),
    /// `[channel, pixel]`, scaled so that the mean over channels is the sum of the other form.
    PerChannel(Array2<f64>),
}

/// Linear part of a stage, from its input to its pre-activations.
#[derive(Clone, Debug)]
pub(super) enum Pull {
    /// Windows with independent weights; the factor belongs to each place of each output's window.
    Windows { taps: Taps, factors: Vec<f64> },
    /// Largest of each window: the winning pixel, `[channel, output pixel]`.
    Largest { winners: Array2<u32>, pixels: usize },
    /// Sum of the input and a branch, which starts with an activation of these slopes.
    Residual { before: Slopes, branch: Vec<StagePull> },
}

/// One stage as the backward pass sees it.
#[derive(Clone, Debug)]
pub(super) struct StagePull {
    pub(super) pull: Pull,
    /// Pixels of the output before, which differ where a vector becomes an image.
    pub(super) reshaped_from: usize,
    /// Slopes of the stage's activation.
    pub(super) slopes: Slopes,
}

impl Slopes {
    /// Number of pixels.
    pub(super) fn pixels(&self) -> usize {
        match self {
            Self::Mean(slopes) => slopes.len(),
            Self::PerChannel(slopes) => slopes.ncols(),
        }
    }
}

impl Gradient {
    /// Gradient that is equal in all directions, with a sum of one.
    pub(super) fn uniform(pixels: usize) -> Self {
        Self::Isotropic(vec![1.0 / pixels as f64; pixels])
    }

    /// Sum over pixels and channels.
    pub(super) fn total(&self) -> f64 {
        self.means().iter().sum()
    }

    /// Divides by a factor.
    pub(super) fn divide(&mut self, factor: f64) {
        match self {
            Self::Isotropic(squares) => squares.iter_mut().for_each(|square| *square /= factor),
            Self::PerChannel(squares) => *squares /= factor,
        }
    }

    /// Gradient of the pre-activations, from that of the activations.
    pub(super) fn times(self, slopes: &Slopes) -> Self {
        match (self, slopes) {
            (Self::Isotropic(mut squares), Slopes::Mean(slopes)) => {
                squares.iter_mut().zip(slopes).for_each(|(square, slope)| *square *= slope);
                Self::Isotropic(squares)
            }
            (Self::Isotropic(squares), Slopes::PerChannel(slopes)) => {
                Self::PerChannel(Array2::from_shape_fn(slopes.dim(), |(channel, pixel)| {
                    squares[pixel] * f64::from(slopes[[channel, pixel]])
                }))
            }
            (Self::PerChannel(mut squares), Slopes::Mean(slopes)) => {
                for mut channel in squares.rows_mut() {
                    channel.iter_mut().zip(slopes).for_each(|(square, slope)| *square *= slope);
                }
                Self::PerChannel(squares)
            }
            (Self::PerChannel(mut squares), Slopes::PerChannel(slopes)) => {
                squares.zip_mut_with(slopes, |square, slope| *square *= f64::from(*slope));
                Self::PerChannel(squares)
            }
        }
    }

    /// Gradient with respect to the stage's input, from that of its pre-activations.
    pub(super) fn through(self, stage: &StagePull) -> Self {
        let gradient = match &stage.pull {
            Pull::Windows { taps, factors } => {
                let means = self.means();
                let mut squares = vec![0.0; taps.pixels];
                for ((window, factor), mean) in taps.windows().zip(factors).zip(means) {
                    for &pixel in window.iter().flatten() {
                        squares[pixel] += factor * mean;
                    }
                }
                Self::Isotropic(squares)
            }
            Pull::Largest { winners, pixels } => {
                let each = self.per_channel(winners.nrows());
                let mut squares = Array2::zeros((winners.nrows(), *pixels));
                for ((channel, output), &winner) in winners.indexed_iter() {
                    squares[[channel, winner as usize]] += each[[channel, output]];
                }
                Self::PerChannel(squares)
            }
            Pull::Residual { before, branch } => {
                // The branch's last weights make its gradients equal in all channels.
                let start = Self::Isotropic(self.means());
                let inner = branch
                    .iter()
                    .rev()
                    .fold(start, |gradient, stage| gradient.times(&stage.slopes).through(stage));
                self.plus(inner.times(before))
            }
        };
        gradient.reshaped(stage.reshaped_from)
    }

    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Isotropic(mut a), Self::Isotropic(b)) => {
                a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
                Self::Isotropic(a)
            }
            (Self::PerChannel(a), b) | (b, Self::PerChannel(a)) => {
                let b = b.per_channel(a.nrows());
                Self::PerChannel(a + b)
            }
        }
    }

    fn per_channel(self, channels: usize) -> Array2<f64> {
        match self {
            Self::PerChannel(squares) => squares,
            Self::Isotropic(squares) => {
                Array2::from_shape_fn((channels, squares.len()), |(_, pixel)| squares[pixel])
            }
        }
    }

    /// Sums over channels, `[pixel]`.
    fn means(&self) -> Vec<f64> {
        match self {
            Self::Isotropic(squares) => squares.clone(),
            Self::PerChannel(squares) => {
                let means = squares.mean_axis(Axis(0));
                means.map_or_else(Vec::new, |means| means.to_vec())
            }
        }
    }

    /// Gradient of the same numbers as an image of another number of pixels, where one of the two is a vector.
    fn reshaped(self, pixels: usize) -> Self {
        let means = match &self {
            Self::Isotropic(squares) if squares.len() != pixels => squares.clone(),
            Self::PerChannel(squares) if squares.ncols() != pixels => self.means(),
            Self::Isotropic(_) | Self::PerChannel(_) => return self,
        };
        Self::Isotropic(vec![means.iter().sum::<f64>() / pixels as f64; pixels])
    }
}
