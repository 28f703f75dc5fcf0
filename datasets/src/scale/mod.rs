//! Scale of pixels.

mod channels;
mod setting;

pub use channels::ChannelScale;

use ndarray::{Array2, Axis, Zip};
use serde::Serialize;

use crate::dataset::{Dataset, Samples, Shape};
use crate::error::Result;

/// Scale of the pixels of a dataset. In TOML: a name, or `{ mean = ..., std = ... }`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// From 0 to 1, as loaded.
    #[default]
    Unit,
    /// From -1 to 1.
    Symmetric,
    /// Mean 0 and standard deviation 1 of each pixel over the training samples. Constant pixels become 0.
    Standardize,
    /// Mean and standard deviation of each channel as given, such as those that a network was trained with.
    #[serde(untagged)]
    Channels(ChannelScale),
}

impl Scale {
    /// True for the default.
    pub fn is_unit(&self) -> bool {
        *self == Self::Unit
    }

    /// Checks that the scale fits samples of `shape`.
    ///
    /// # Errors
    /// [`Error::Scale`](crate::Error::Scale) if given means and standard deviations are not those of its channels, or not
    /// usable.
    pub fn check(&self, shape: Shape) -> Result<()> {
        match self {
            Self::Unit | Self::Symmetric | Self::Standardize => Ok(()),
            Self::Channels(channels) => channels.check(shape.channels),
        }
    }

    /// The scale as a function of each pixel, with the statistics of the training samples `data.train`; `None` for the
    /// default, which changes nothing.
    ///
    /// # Panics
    /// If the scale does not fit the samples; see [`check`](Self::check).
    pub fn fit(&self, data: &Dataset) -> Option<PixelScale> {
        let pixels = data.shape.len();
        match self {
            Self::Unit => None,
            Self::Symmetric => Some(PixelScale {
                shift: vec![0.5; pixels],
                factor: vec![2.0; pixels],
                name: "symmetric".to_owned(),
            }),
            Self::Standardize => {
                let (shift, factor) = statistics(&data.train);
                let name = format!("standardized by {}", data.fingerprint);
                Some(PixelScale { shift, factor, name })
            }
            Self::Channels(channels) => Some(channels.of_pixels(data.shape)),
        }
    }
}

/// Mean of each pixel and the inverse of its standard deviation, 0 for constant pixels.
fn statistics(samples: &Samples) -> (Vec<f32>, Vec<f32>) {
    let count = samples.len().max(1) as f64;
    let column = |pixel: ndarray::ArrayView1<'_, f32>| {
        let numbers = || pixel.iter().map(|&x| f64::from(x));
        let mean = numbers().sum::<f64>() / count;
        let variance = numbers().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        // Rounding leaves constant pixels with a variance of this size.
        let is_constant = variance <= 1e-12;
        (mean as f32, if is_constant { 0.0 } else { variance.sqrt().recip() as f32 })
    };
    samples.images.axis_iter(Axis(1)).map(column).unzip()
}

/// `factor * (x - shift)` for each pixel.
#[derive(Clone, Debug, PartialEq)]
pub struct PixelScale {
    shift: Vec<f32>,
    factor: Vec<f32>,
    /// Everything that determines the numbers, for fingerprints.
    name: String,
}

impl PixelScale {
    /// Scales all samples of `data`, and changes its fingerprint.
    pub fn apply(&self, data: &mut Dataset) {
        for samples in [&mut data.train, &mut data.test] {
            self.scale(&mut samples.images);
        }
        data.fingerprint = format!("{} {}", data.fingerprint, self.name);
    }

    fn scale(&self, images: &mut Array2<f32>) {
        for row in images.axis_iter_mut(Axis(0)) {
            Zip::from(row).and(&self.shift[..]).and(&self.factor[..]).for_each(
                |x, shift, factor| {
                    *x = factor * (*x - shift);
                },
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DatasetName, LoadRequest, load};

    fn digits() -> Dataset {
        let request = LoadRequest::new(DatasetName::Digits, "");
        load(&LoadRequest { train: Some(200), test: Some(20), ..request }).unwrap()
    }

    #[test]
    fn symmetric_pixels_lie_between_minus_one_and_one() {
        let (plain, mut scaled) = (digits(), digits());
        Scale::Symmetric.fit(&plain).unwrap().apply(&mut scaled);
        Zip::from(&plain.test.images).and(&scaled.test.images).for_each(|&x, &y| {
            assert!((y - (2.0 * x - 1.0)).abs() < 1e-6 && (-1.0..=1.0).contains(&y));
        });
        assert_ne!(plain.fingerprint, scaled.fingerprint);
        assert!(Scale::Unit.fit(&plain).is_none());
    }

    #[test]
    fn channels_have_the_given_means_and_deviations() {
        let shape = Shape { channels: 2, height: 1, width: 2 };
        let images = ndarray::array![[0.5, 1.0, 3.0, 5.0]];
        let train = Samples { images, labels: vec![0] };
        let mut data = Dataset { train, shape, ..digits() };
        let scale = Scale::Channels(ChannelScale { mean: vec![0.5, 1.0], std: vec![0.25] });
        data.test = Samples::default();
        scale.fit(&data).unwrap().apply(&mut data);
        assert_eq!(data.train.images, ndarray::array![[0.0, 2.0, 8.0, 16.0]]);
    }

    #[test]
    fn standardized_pixels_have_mean_0_and_variance_1_or_are_0() {
        let mut data = digits();
        let scale = Scale::Standardize.fit(&data).unwrap();
        scale.apply(&mut data);
        let mut constant = 0;
        for pixel in data.train.images.axis_iter(Axis(1)) {
            let mean = pixel.sum() / 200.0;
            let square = pixel.iter().map(|x| x * x).sum::<f32>() / 200.0;
            if square <= 0.0 {
                constant += 1;
            } else {
                assert!(mean.abs() < 1e-4 && (square - 1.0).abs() < 1e-3, "{mean} {square}");
            }
        }
        assert!(constant < 784);
        // Held-out samples use the statistics of the training samples.
        assert!(data.test.images.iter().all(|x| x.is_finite()));
    }
}
