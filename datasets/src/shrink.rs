//! Smaller images, by means over boxes of pixels.

use ndarray::Array2;

use crate::dataset::{Dataset, Samples, Shape};
use crate::error::{Error, Result};

impl Shape {
    /// Shape of the images after [`Dataset::shrink`] to `size` rows and columns.
    ///
    /// # Errors
    /// [`Error::Size`] unless `size` divides height and width.
    pub fn shrunk(self, size: usize) -> Result<Self> {
        let Self { channels, height, width } = self;
        let divides = |extent: usize| size > 0 && extent.is_multiple_of(size);
        if divides(height) && divides(width) {
            return Ok(Self { channels, height: size, width: size });
        }
        Err(Error::Size { size, height, width })
    }
}

impl Dataset {
    /// Reduces the images to `size` rows and columns. Each pixel is the mean of the box of pixels in its place.
    ///
    /// # Errors
    /// [`Error::Size`] unless `size` divides height and width.
    pub fn shrink(&mut self, size: usize) -> Result<()> {
        let (from, to) = (self.shape, self.shape.shrunk(size)?);
        if from == to {
            return Ok(());
        }
        for samples in [&mut self.train, &mut self.test] {
            samples.images = shrunk(samples, from, to);
        }
        self.shape = to;
        self.fingerprint = format!("{} shrunk to {size}", self.fingerprint);
        Ok(())
    }
}

fn shrunk(samples: &Samples, from: Shape, to: Shape) -> Array2<f32> {
    let box_size = [from.height / to.height, from.width / to.width];
    let count = (box_size[0] * box_size[1]) as f64;
    let mean = |(sample, index): (usize, usize)| {
        let [column, row] = [index % to.width, index / to.width % to.height];
        let channel = index / (to.width * to.height);
        let mut sum = 0.0;
        for y in 0..box_size[0] {
            let start =
                (channel * from.height + row * box_size[0] + y) * from.width + column * box_size[1];
            sum += (start..start + box_size[1])
                .map(|pixel| f64::from(samples.images[[sample, pixel]]))
                .sum::<f64>();
        }
        (sum / count) as f32
    };
    Array2::from_shape_fn((samples.images.nrows(), to.len()), mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DatasetName, LoadRequest, load};

    #[test]
    fn pixels_are_means_of_boxes() {
        let request = LoadRequest::new(DatasetName::Digits, "");
        let whole = load(&LoadRequest { train: Some(3), test: Some(2), ..request }).unwrap();
        let mut small = whole.clone();
        small.shrink(7).unwrap();
        assert_eq!((small.shape.height, small.train.images.dim()), (7, (3, 49)));
        let (row, column) = (2, 4);
        let of_box = (0..4).flat_map(|y| (0..4).map(move |x| (4 * row + y) * 28 + 4 * column + x));
        let mean = of_box.map(|pixel| whole.test.images[[1, pixel]]).sum::<f32>() / 16.0;
        assert!((small.test.images[[1, row * 7 + column]] - mean).abs() < 1e-6);
        assert_ne!(small.fingerprint, whole.fingerprint);
        assert_eq!(small.train.labels, whole.train.labels);
    }

    #[test]
    fn channels_stay_apart() {
        let from = Shape { channels: 2, height: 2, width: 4 };
        let to = Shape { channels: 2, height: 1, width: 1 };
        let images = Array2::from_shape_fn((1, 16), |(_, pixel)| if pixel < 8 { 1.0 } else { 3.0 });
        let samples = Samples { images, labels: vec![0] };
        assert_eq!(shrunk(&samples, from, to).as_slice(), Some(&[1.0, 3.0][..]));
    }

    #[test]
    fn sizes_must_divide() {
        let shape = Shape { channels: 1, height: 28, width: 28 };
        assert!(shape.shrunk(14).is_ok());
        for size in [0, 8, 56] {
            let error = shape.shrunk(size).expect_err("no divisor").to_string();
            assert!(error.contains("divide"), "{error}");
        }
    }
}
