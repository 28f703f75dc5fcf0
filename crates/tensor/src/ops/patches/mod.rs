//! Patches of images, and their adjoint: convolutions as matrix products.

#[cfg(feature = "conformance")]
pub(super) mod conformance;
pub(crate) mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod reference;

use crate::{
    Axes, Backend, Boundary, Result,
    backend::expect_len,
    ops::axes::{Images, check_sizes},
};

/// Patches of a batch of images, each number `[vertical, horizontal]` where there are two.
///
/// Element `(c, u, v)` of patch `(i, j)` is the pixel at row `stride i + u - origin` (columns alike) of channel `c`, where
/// `spread - 1` zeros lie between neighbouring pixels and the image continues beyond its border as `boundary` says. A
/// periodic image has `spread - 1` zeros behind its last pixel, too.
///
/// A convolution is a product of its weights with patches of spread 1. A transposed convolution is a product of flipped
/// kernels with patches of stride 1 whose spread is the stride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatchesConfig {
    /// Channels of an image.
    pub channels: usize,
    /// Rows and columns of an image.
    pub image: [usize; 2],
    /// Rows and columns of patches.
    pub grid: [usize; 2],
    /// Rows and columns of a patch.
    pub kernel: [usize; 2],
    /// Distance of neighbouring patches.
    pub stride: [usize; 2],
    /// Distance of neighbouring pixels, 1 without zeros between them.
    pub spread: [usize; 2],
    /// Pixels by which the first patch begins before the image.
    pub origin: [isize; 2],
    /// Continuation of the image.
    pub boundary: Boundary,
    /// Number of images.
    pub samples: usize,
    /// Order of the axes of the images, whose units are channels, and of the patches, whose units are elements
    /// `(c, u, v)` and whose pixels are patches.
    pub axes: [Axes; 2],
}

impl PatchesConfig {
    /// Patches of one pixel: copies of the images in another order of axes.
    pub const fn pixels(
        channels: usize,
        image: [usize; 2],
        samples: usize,
        axes: [Axes; 2],
    ) -> Self {
        Self {
            channels,
            image,
            grid: image,
            kernel: [1, 1],
            stride: [1, 1],
            spread: [1, 1],
            origin: [0, 0],
            boundary: Boundary::Zero,
            samples,
            axes,
        }
    }

    /// Elements of a patch, `[channels, kernel rows, kernel columns]`.
    pub const fn elements(&self) -> usize {
        self.channels * self.window()
    }

    /// Patches of an image.
    pub const fn count(&self) -> usize {
        self.grid[0] * self.grid[1]
    }

    /// Elements of a patch in one channel.
    pub(crate) const fn window(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    pub(crate) const fn images(&self) -> Images {
        let pixels = self.image[0] * self.image[1];
        Images { axes: self.axes[0], units: self.channels, pixels, samples: self.samples }
    }

    pub(crate) const fn patches(&self) -> Images {
        let (units, pixels) = (self.elements(), self.count());
        Images { axes: self.axes[1], units, pixels, samples: self.samples }
    }
}

/// Patches of images, and their adjoint.
pub trait Patches: Backend {
    /// Writes the patches of `images` to `patches`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short, [`Error::Empty`](crate::Error::Empty) when a
    /// size is zero.
    fn patches(
        &self,
        config: &PatchesConfig,
        images: &Self::Buffer<f32>,
        patches: &mut Self::Buffer<f32>,
    ) -> Result<()>;

    /// Writes to each pixel of `images` the sum of the elements of `patches` that [`patches`](Self::patches) copies it to.
    ///
    /// # Errors
    /// As [`patches`](Self::patches).
    fn patches_adjoint(
        &self,
        config: &PatchesConfig,
        patches: &Self::Buffer<f32>,
        images: &mut Self::Buffer<f32>,
    ) -> Result<()>;
}

pub(crate) fn check_patches<B: Backend>(
    backend: &B,
    op: &'static str,
    config: &PatchesConfig,
    images: &B::Buffer<f32>,
    patches: &B::Buffer<f32>,
) -> Result<()> {
    let &PatchesConfig { channels, image, grid, kernel, stride, spread, samples, .. } = config;
    let sizes = [("image", image), ("grid", grid), ("kernel", kernel)];
    check_sizes(op, &sizes, &[("channels", channels), ("samples", samples)])?;
    check_sizes(op, &[("stride", stride), ("spread", spread)], &[])?;
    expect_len(op, "images", config.images().len(), backend.len(images))?;
    expect_len(op, "patches", config.patches().len(), backend.len(patches))
}
