//! Convolutions as products with all patches in memory.

use crate::{ConvolutionConfig, Gemm, GemmConfig, Patches, Result};

/// As [`Convolution::convolve`](crate::Convolution::convolve).
pub(super) fn convolve<B: Patches + Gemm>(
    backend: &B,
    config: &ConvolutionConfig,
    [weights, images]: [&B::Buffer<f32>; 2],
    z: &mut B::Buffer<f32>,
    patches: &mut B::Buffer<f32>,
) -> Result<()> {
    backend.patches(&config.columns(), images, patches)?;
    let product = GemmConfig::new(config.outputs, config.width(), config.patches.elements());
    backend.gemm(product.precision(config.precision), weights, patches, z)
}

/// As [`Convolution::convolution_input_gradient`](crate::Convolution::convolution_input_gradient).
pub(super) fn input_gradient<B: Patches + Gemm>(
    backend: &B,
    config: &ConvolutionConfig,
    scale: f32,
    [weights, delta]: [&B::Buffer<f32>; 2],
    images: &mut B::Buffer<f32>,
    patches: &mut B::Buffer<f32>,
) -> Result<()> {
    let product = GemmConfig::new(config.patches.elements(), config.width(), config.outputs);
    let product = GemmConfig { alpha: scale, ..product.transpose_a() };
    backend.gemm(product.precision(config.precision), weights, delta, patches)?;
    backend.patches_adjoint(&config.columns(), patches, images)
}

/// As [`Convolution::convolution_weight_gradient`](crate::Convolution::convolution_weight_gradient).
pub(super) fn weight_gradient<B: Patches + Gemm>(
    backend: &B,
    config: &ConvolutionConfig,
    [delta, images]: [&B::Buffer<f32>; 2],
    gradient: &mut B::Buffer<f32>,
    patches: &mut B::Buffer<f32>,
) -> Result<()> {
    backend.patches(&config.columns(), images, patches)?;
    let product = GemmConfig::new(config.outputs, config.patches.elements(), config.width());
    backend.gemm(product.transpose_b().precision(config.precision), delta, patches, gradient)
}
