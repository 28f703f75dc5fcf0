//! Convolutions in training, forward and backward.

#[cfg(feature = "conformance")]
pub(super) mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod reference;

use crate::{
    Activation, Axes, Backend, Backward, Gemm, GemmConfig, Patches, PatchesConfig, Result,
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
/// The defaults make all patches in `patches`, which holds `[elements, patches, samples]`, and multiply them. Kernels that
/// make no patches leave it as it is.
pub trait Convolution: Patches + Gemm + Backward {
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
        self.patches(&config.columns(), images, patches)?;
        let product = GemmConfig::new(config.outputs, config.width(), config.patches.elements());
        self.gemm(product, weights, patches, z)
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

    /// Derivative with respect to the images, from `delta` with respect to the product: `scale` times the adjoint of
    /// [`convolve`](Self::convolve).
    ///
    /// # Errors
    /// As [`convolve`](Self::convolve).
    fn convolution_input_gradient(
        &self,
        config: &ConvolutionConfig,
        scale: f32,
        [weights, delta]: [&Self::Buffer<f32>; 2],
        images: &mut Self::Buffer<f32>,
        patches: &mut Self::Buffer<f32>,
    ) -> Result<()> {
        let product = GemmConfig::new(config.patches.elements(), config.width(), config.outputs);
        let product = GemmConfig { alpha: scale, ..product.transpose_a() };
        self.gemm(product, weights, delta, patches)?;
        self.patches_adjoint(&config.columns(), patches, images)
    }

    /// Derivative with respect to the weights, from `delta` with respect to the product.
    ///
    /// # Errors
    /// As [`convolve`](Self::convolve).
    fn convolution_weight_gradient(
        &self,
        config: &ConvolutionConfig,
        [delta, images]: [&Self::Buffer<f32>; 2],
        gradient: &mut Self::Buffer<f32>,
        patches: &mut Self::Buffer<f32>,
    ) -> Result<()> {
        self.patches(&config.columns(), images, patches)?;
        let product = GemmConfig::new(config.outputs, config.patches.elements(), config.width());
        self.gemm(product.transpose_b(), delta, patches, gradient)
    }
}

/// Checks sizes, and the lengths of weights or their gradient, images and the product.
fn check_convolution<B: Backend>(
    backend: &B,
    op: &'static str,
    config: &ConvolutionConfig,
    [weights, images, product]: [&B::Buffer<f32>; 3],
) -> Result<()> {
    let ConvolutionConfig { patches, outputs } = config;
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
