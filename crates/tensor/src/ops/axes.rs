use crate::{Error, Result, backend::expect_positive};

/// Order of the axes of a batch of images in memory: units (channels, or channels and kernel elements), pixels (row by
/// row) and samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axes {
    /// `[samples, units, pixels]`: data sets, minibatches, the cascade's activations.
    SampleUnitPixel,
    /// `[units, pixels, samples]`: activations of a traced pass.
    UnitPixelSample,
    /// `[samples, pixels, units]`: one row for each pixel.
    SamplePixelUnit,
}

impl Axes {
    #[cfg(feature = "conformance")]
    pub(crate) const ALL: [Self; 3] =
        [Self::SampleUnitPixel, Self::UnitPixelSample, Self::SamplePixelUnit];

    /// Number of the order in CUDA kernels.
    #[cfg(feature = "cuda")]
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::SampleUnitPixel => 0,
            Self::UnitPixelSample => 1,
            Self::SamplePixelUnit => 2,
        }
    }
}

/// A batch of images in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Images {
    pub(crate) axes: Axes,
    pub(crate) units: usize,
    pub(crate) pixels: usize,
    pub(crate) samples: usize,
}

impl Images {
    /// Numbers of the batch.
    pub(crate) const fn len(&self) -> usize {
        self.units * self.pixels * self.samples
    }

    /// Distance in memory of neighbouring units, pixels and samples.
    pub(crate) const fn strides(&self) -> [usize; 3] {
        let &Self { axes, units, pixels, samples } = self;
        match axes {
            Axes::SampleUnitPixel => [pixels, 1, units * pixels],
            Axes::UnitPixelSample => [pixels * samples, samples, 1],
            Axes::SamplePixelUnit => [1, units, units * pixels],
        }
    }

    /// Length of the innermost axis.
    pub(crate) const fn inner(&self) -> usize {
        [self.units, self.pixels, self.samples][self.inner_axis()]
    }

    /// The innermost axis: 0 for units, 1 for pixels, 2 for samples.
    pub(crate) const fn inner_axis(&self) -> usize {
        match self.axes {
            Axes::SampleUnitPixel => 1,
            Axes::UnitPixelSample => 2,
            Axes::SamplePixelUnit => 0,
        }
    }

    /// Unit, pixel and sample of the first number of row `row` along the innermost axis.
    pub(crate) const fn row(&self, row: usize) -> [usize; 3] {
        match self.axes {
            Axes::SampleUnitPixel => [row % self.units, 0, row / self.units],
            Axes::UnitPixelSample => [row / self.pixels, row % self.pixels, 0],
            Axes::SamplePixelUnit => [0, row % self.pixels, row / self.pixels],
        }
    }
}

/// Sizes of windows over images that operations share.
pub(crate) fn check_sizes(
    op: &'static str,
    sizes: &[(&'static str, [usize; 2])],
    counts: &[(&'static str, usize)],
) -> Result<(), Error> {
    for &(argument, size) in sizes {
        size.into_iter().try_for_each(|size| expect_positive(op, argument, size))?;
    }
    counts.iter().try_for_each(|&(argument, count)| expect_positive(op, argument, count))
}
