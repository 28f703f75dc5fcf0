use isobath_architecture::{Layer, ResidualLayer};
use isobath_tensor::{Backend, Convolution, GemmConfig};

use crate::{BackwardBackend, Batch, Layout, conv2d::convolution};

/// Scratch memory that the passes of all layers use in turn. It is allocated once, so that steps of training can be
/// recorded by a device.
#[derive(Debug)]
pub struct Workspace<B: Backend> {
    /// Gradient of the biases, or of pixels where a layer has none.
    pub(crate) bias_gradient: B::Buffer<f32>,
    /// Biases of a function without a layer.
    pub(crate) zeros: B::Buffer<f32>,
    /// A factor of products that only scale.
    pub(crate) one: B::Buffer<f32>,
    /// Gradient of a convolution's weights.
    pub(crate) kernel_gradient: B::Buffer<f32>,
    /// Patches of a convolution's input, and the derivative with respect to them.
    pub(crate) patches: B::Buffer<f32>,
    /// Numbers of a convolution before its output is wrapped.
    pub(crate) product: B::Buffer<f32>,
    /// Derivatives inside of a residual block, or its input; two unless a block uses them.
    pub(crate) branch: Vec<B::Buffer<f32>>,
}

/// Multiplies the first `numbers` of `buffer` by `scale`, as a product with one factor. Allocates memory unless the scale
/// is 1.
pub(crate) fn rescale<B: BackwardBackend>(
    backend: &B,
    scale: f32,
    numbers: usize,
    workspace: &Workspace<B>,
    buffer: &mut B::Buffer<f32>,
) -> isobath_tensor::Result<()> {
    if scale.to_bits() == 1.0_f32.to_bits() {
        return Ok(());
    }
    let product = GemmConfig { alpha: scale, ..GemmConfig::new(1, numbers, 1) };
    let mut scaled = backend.zeros(numbers)?;
    backend.gemm(product, &workspace.one, buffer, &mut scaled)?;
    backend.copy(&scaled, 0..numbers, buffer, 0)
}

/// Numbers in each buffer of a [`Workspace`], per sample but for parameters.
#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    bias: usize,
    kernel: usize,
    zeros: usize,
    patches: usize,
    product: usize,
    branch: usize,
}

impl<B: Convolution> Workspace<B> {
    /// Memory for `layers` of `networks` networks with up to `samples` samples each, in f32.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub fn new(
        backend: &B,
        layers: &[Layer],
        networks: usize,
        samples: usize,
    ) -> isobath_tensor::Result<Self> {
        Self::of_batch(backend, layers, networks, Batch::new(samples, Layout::UnitsMajor))
    }

    /// Memory for `layers` of `networks` networks with up to as many samples as `batch` each, and with its precision.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub fn of_batch(
        backend: &B,
        layers: &[Layer],
        networks: usize,
        batch: Batch,
    ) -> isobath_tensor::Result<Self> {
        let sizes = layers.iter().map(Sizes::of).fold(Sizes::default(), Sizes::max);
        let each = |size| backend.zeros(networks * batch.samples * size);
        Ok(Self {
            bias_gradient: backend.zeros(networks * sizes.bias)?,
            kernel_gradient: backend.zeros(sizes.kernel)?,
            zeros: backend.zeros(networks * sizes.zeros)?,
            one: backend.upload(&[1.0])?,
            patches: backend.zeros(scratch(backend, layers, batch))?,
            product: each(sizes.product)?,
            branch: vec![each(sizes.branch)?, each(sizes.branch)?],
        })
    }

    /// Numbers of patches per sample of the largest of `layers`; 0 without convolutions.
    pub fn largest_patches(layers: &[Layer]) -> usize {
        layers.iter().map(|layer| Sizes::of(layer).patches).max().unwrap_or(0)
    }
}

/// Numbers of scratch memory that the convolutions of `layers` need.
fn scratch<B: Convolution>(backend: &B, layers: &[Layer], batch: Batch) -> usize {
    let of_layer = |layer: &Layer| match layer {
        Layer::Dense(_) | Layer::Pool(_) => 0,
        Layer::Conv2d(conv) => backend.scratch(&convolution(conv, batch)),
        Layer::Residual(block) => scratch(backend, &block.branch, batch),
    };
    layers.iter().map(of_layer).max().unwrap_or(0)
}

impl Sizes {
    fn of(layer: &Layer) -> Self {
        match layer {
            Layer::Dense(layer) => Self { bias: layer.outputs, ..Self::default() },
            Layer::Conv2d(layer) => {
                let product = layer.product();
                Self {
                    bias: layer.out_channels,
                    kernel: layer.out_channels * layer.fan_in(),
                    patches: layer.fan_in() * product.pixels(),
                    product: if layer.wrap_after > 0 { product.numbers() } else { 0 },
                    ..Self::default()
                }
            }
            Layer::Pool(_) => Self::default(),
            Layer::Residual(layer) => Self::of_block(layer),
        }
    }

    fn of_block(ResidualLayer { branch, .. }: &ResidualLayer) -> Self {
        let widths = branch.iter().flat_map(|layer| [layer.inputs(), layer.outputs()]);
        let widest = widths.max().unwrap_or(0);
        let own = Self { bias: widest, zeros: widest, branch: widest, ..Self::default() };
        branch.iter().map(Self::of).fold(own, Self::max)
    }

    fn max(self, other: Self) -> Self {
        Self {
            bias: self.bias.max(other.bias),
            kernel: self.kernel.max(other.kernel),
            zeros: self.zeros.max(other.zeros),
            patches: self.patches.max(other.patches),
            product: self.product.max(other.product),
            branch: self.branch.max(other.branch),
        }
    }
}
