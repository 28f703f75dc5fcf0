//! Pooling of images, forward and backward.

#[cfg(feature = "conformance")]
pub(super) mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod reference;

use crate::{
    Axes, Backend, PoolKind, Result,
    backend::expect_len,
    ops::axes::{Images, check_sizes},
};

/// Pooling of a batch of images, each number `[vertical, horizontal]` where there are two.
///
/// Window `(i, j)` has the pixels of rows `stride i - padding` to `stride i - padding + kernel - 1` that are in the image
/// (columns alike). A maximum is the first largest number, row by row, NaN before any other. A mean counts pixels of the
/// padding as zeros and leaves out what lies beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Value of a window.
    pub kind: PoolKind,
    /// Channels of an image.
    pub channels: usize,
    /// Rows and columns of an image.
    pub image: [usize; 2],
    /// Rows and columns of windows.
    pub grid: [usize; 2],
    /// Rows and columns of a window.
    pub kernel: [usize; 2],
    /// Distance of neighbouring windows.
    pub stride: [usize; 2],
    /// Pixels added at each side; at most half of the kernel, so that every window has a pixel of the image.
    pub padding: [usize; 2],
    /// Number of images.
    pub samples: usize,
    /// Order of the axes of the input and of the output.
    pub axes: [Axes; 2],
}

impl PoolConfig {
    pub(crate) const fn input(&self) -> Images {
        let pixels = self.image[0] * self.image[1];
        Images { axes: self.axes[0], units: self.channels, pixels, samples: self.samples }
    }

    pub(crate) const fn output(&self) -> Images {
        let pixels = self.grid[0] * self.grid[1];
        Images { axes: self.axes[1], units: self.channels, pixels, samples: self.samples }
    }

    /// The input's derivative: the input in the order of the output.
    pub(crate) const fn input_gradient(&self) -> Images {
        Images { axes: self.axes[1], ..self.input() }
    }
}

/// Pooling of images, forward and backward.
pub trait Pooling: Backend {
    /// Writes the value of each window of `x` to `y`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short, [`Error::Empty`](crate::Error::Empty) when a
    /// size is zero.
    fn pool(
        &self,
        config: &PoolConfig,
        x: &Self::Buffer<f32>,
        y: &mut Self::Buffer<f32>,
    ) -> Result<()>;

    /// Writes to `input_delta` the derivative with respect to `x`, given `delta`, the one with respect to the windows'
    /// values. Both derivatives have the order of axes of the output.
    ///
    /// # Errors
    /// As [`pool`](Self::pool).
    fn pool_gradient(
        &self,
        config: &PoolConfig,
        x: &Self::Buffer<f32>,
        delta: &Self::Buffer<f32>,
        input_delta: &mut Self::Buffer<f32>,
    ) -> Result<()>;
}

pub(crate) fn check_pool<B: Backend>(
    backend: &B,
    op: &'static str,
    config: &PoolConfig,
    x: &B::Buffer<f32>,
    y: &B::Buffer<f32>,
) -> Result<()> {
    let &PoolConfig { channels, image, grid, kernel, stride, samples, .. } = config;
    let sizes = [("image", image), ("grid", grid), ("kernel", kernel), ("stride", stride)];
    check_sizes(op, &sizes, &[("channels", channels), ("samples", samples)])?;
    expect_len(op, "x", config.input().len(), backend.len(x))?;
    expect_len(op, "y", config.output().len(), backend.len(y))
}

pub(crate) fn check_pool_gradient<B: Backend>(
    backend: &B,
    config: &PoolConfig,
    x: &B::Buffer<f32>,
    delta: &B::Buffer<f32>,
    input_delta: &B::Buffer<f32>,
) -> Result<()> {
    check_pool(backend, "pool_gradient", config, x, delta)?;
    let expected = config.input_gradient().len();
    expect_len("pool_gradient", "input_delta", expected, backend.len(input_delta))
}
