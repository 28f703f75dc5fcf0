//! Convolutions and their gradients.

mod by_patches;
#[cfg(feature = "conformance")]
pub(super) mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod reference;

use crate::{
    Activation, Axes, Backend, Backward, Gemm, Patches, PatchesConfig, Precision, Result,
    backend::expect_len,
    ops::axes::{Images, check_sizes},
};

/// Products of weights with the patches of a batch of images.
///
/// Weights are `[outputs, patch elements]`; the product is `[outputs, patches, samples]`, as [`Backward`] has
/// activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionConfig {
    /// Patches of the images. The order of their own axes does not matter: it is always
    /// [`Axes::UnitPixelSample`].
    pub patches: PatchesConfig,
    /// Numbers of the product for each patch.
    pub outputs: usize,
    /// Precision of the factors.
    pub precision: Precision,
}

impl ConvolutionConfig {
    /// Patches as columns, `[elements, patches, samples]`.
    const fn columns(&self) -> PatchesConfig {
        let axes = [self.patches.axes[0], Axes::UnitPixelSample];
        PatchesConfig { axes, ..self.patches }
    }

    /// Number of columns: patches of all samples.
    const fn width(&self) -> usize {
        self.patches.count() * self.patches.samples
    }

    /// Numbers of the product.
    const fn product(&self) -> usize {
        self.outputs * self.width()
    }

    /// Numbers of the weights.
    const fn weights(&self) -> usize {
        self.outputs * self.patches.elements()
    }

    const fn images(&self) -> Images {
        self.patches.images()
    }
}

/// A convolution and its gradients.
///
/// The defaults make all patches in `patches`, which holds as many numbers as [`scratch`](Self::scratch) says, and multiply
/// them. Kernels that make no patches leave it as it is.
pub trait Convolution: Patches + Gemm + Backward {
    /// Numbers of scratch memory that the other methods need: `[elements, patches, samples]`, or none.
    fn scratch(&self, config: &ConvolutionConfig) -> usize {
        config.columns().patches().len()
    }

    /// `z = W * images`, `[outputs, patches, samples]`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short, [`Error::Empty`](crate::Error::Empty) when a
    /// size is zero.
    fn convolve(
        &self,
        config: &ConvolutionConfig,
        weights: &Self::Buffer<f32>,
        images: &Self::Buffer<f32>,
        z: &mut Self::Buffer<f32>,
        patches: &mut Self::Buffer<f32>,
    ) -> Result<()> {
        by_patches::convolve(self, config, [weights, images], z, patches)
    }

    /// `z = W * images + b`, `y = phi(z)`, both `[outputs, patches, samples]`.
    ///
    /// # Errors
    /// As [`convolve`](Self::convolve).
    fn convolve_and_activate(
        &self,
        config: &ConvolutionConfig,
        activation: Activation,
        [weights, bias]: [&Self::Buffer<f32>; 2],
        images: &Self::Buffer<f32>,
        [z, y]: [&mut Self::Buffer<f32>; 2],
        patches: &mut Self::Buffer<f32>,
    ) -> Result<()> {
        self.convolve(config, weights, images, z, patches)?;
        self.activate(activation, [config.outputs, config.width()], bias, z, y)
    }

    /// Derivative with respect to the images, from weights and `delta` with respect to the product: `scale` times the
    /// adjoint of [`convolve`](Self::convolve).
    ///
    /// # Errors
    /// As [`convolve`](Self::convolve).
    fn convolution_input_gradient(
        &self,
        config: &ConvolutionConfig,
        scale: f32,
        factors: [&Self::Buffer<f32>; 2],
        images: &mut Self::Buffer<f32>,
        patches: &mut Self::Buffer<f32>,
    ) -> Result<()> {
        by_patches::input_gradient(self, config, scale, factors, images, patches)
    }

    /// Derivative with respect to the weights, from `delta` with respect to the product, and the images.
    ///
    /// # Errors
    /// As [`convolve`](Self::convolve).
    fn convolution_weight_gradient(
        &self,
        config: &ConvolutionConfig,
        factors: [&Self::Buffer<f32>; 2],
        gradient: &mut Self::Buffer<f32>,
        patches: &mut Self::Buffer<f32>,
    ) -> Result<()> {
        by_patches::weight_gradient(self, config, factors, gradient, patches)
    }
}

/// Checks sizes, and the lengths of weights or their gradient, images and the product.
fn check_convolution<B: Backend>(
    backend: &B,
    op: &'static str,
    config: &ConvolutionConfig,
    [weights, images, product]: [&B::Buffer<f32>; 3],
) -> Result<()> {
    let ConvolutionConfig { patches, outputs, .. } = config;
    let &PatchesConfig { channels, image, grid, kernel, stride, spread, samples, .. } = patches;
    let sizes = [
        ("image", image),
        ("grid", grid),
        ("kernel", kernel),
        ("stride", stride),
        ("spread", spread),
    ];
    let counts = [("channels", channels), ("samples", samples), ("outputs", *outputs)];
    check_sizes(op, &sizes, &counts)?;
    expect_len(op, "weights", config.weights(), backend.len(weights))?;
    expect_len(op, "images", config.images().len(), backend.len(images))?;
    expect_len(op, "product", config.product(), backend.len(product))
}
