//! Convolutional layers, as products of weights with patches of their input.

use isobath_architecture::{Boundary, Conv2dLayer, Layer};
use isobath_tensor::{Axes, Backend, DenseConfig, GemmConfig, PatchesConfig, Precision};
use ndarray::{Array1, Array4};

use crate::{
    BackwardBackend, BackwardPass, Batch, ForwardBackend, Gradient, GradientVisitor,
    LayerParameters, ParameterArray, ParameterGradient, ParameterName, Result, Trace, Workspace,
    draw::Draw, layer_parameters::check_shape, source::LayerSource,
};

/// Parameters of a convolution in host memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv2dParameters {
    /// `W_l`, `[out_channels, channels, kernel rows, kernel columns]`.
    pub weights: Array4<f32>,
    /// `b_l`, `[out_channels]`, if the layer has biases.
    pub bias: Option<Array1<f32>>,
}

/// `[out_channels, channels, kernel rows, kernel columns]`
const fn weight_shape(layer: &Conv2dLayer) -> [usize; 4] {
    let [rows, columns] = layer.window.kernel;
    [layer.out_channels, layer.input.channels, rows, columns]
}

/// Random weights, `[out_channels, channels, kernel rows, kernel columns]`. A delta-orthogonal kernel is zero but for its
/// centre, an orthogonal matrix with the variance of the whole kernel (Xiao et al., arXiv:1806.05393).
fn drawn_weights(layer: &Conv2dLayer, draw: Draw) -> Vec<f32> {
    let (channels, window) = (layer.input.channels, layer.window.elements());
    if !draw.is_delta() {
        return draw.numbers([layer.out_channels, layer.fan_in()]);
    }
    let [rows, columns] = layer.window.kernel;
    let centre = rows / 2 * columns + columns / 2;
    let mut weights = vec![0.0; layer.out_channels * layer.fan_in()];
    let matrix = draw.scaled((window as f64).sqrt()).numbers([layer.out_channels, channels]);
    for (kernel, weight) in weights.chunks_exact_mut(window).zip(matrix) {
        kernel[centre] = weight;
    }
    weights
}

impl Conv2dParameters {
    /// Random parameters.
    pub(crate) fn draw(layer: &Conv2dLayer, [weights, bias]: [Draw; 2]) -> Self {
        let drawn = Array4::from_shape_vec(weight_shape(layer), drawn_weights(layer, weights));
        Self {
            weights: drawn.expect("as long as its shape"),
            bias: layer.bias.then(|| bias.numbers([layer.out_channels, 1]).into()),
        }
    }

    /// Checks the shapes against layer `index`, counted from 0.
    ///
    /// # Errors
    /// [`Error::ParameterShape`](crate::Error::ParameterShape) when they differ.
    pub(crate) fn check(&self, layer: &Conv2dLayer, index: usize) -> Result<()> {
        check_shape(index, "weights", self.weights.shape(), &weight_shape(layer))?;
        let actual = self.bias.as_ref().map_or(0, Array1::len);
        let expected = if layer.bias { layer.out_channels } else { 0 };
        check_shape(index, "bias", &[actual], &[expected])
    }
}

/// One convolution of one network on a device.
///
/// Patches take the memory of a minibatch times the size of the kernel, so several small networks gain nothing from
/// running together; dense layers do.
#[derive(Debug)]
pub struct DeviceConv2d<B: Backend> {
    shape: Conv2dLayer,
    /// `[out_channels, channels, kernel rows, kernel columns]`
    weights: ParameterArray<B>,
    /// `[out_channels]`, zeros if the layer has no biases.
    bias: ParameterArray<B>,
}

/// Numbers of patches that a forward pass without a trace makes at a time.
const CHUNK: usize = 1 << 22;

impl<B: Backend> DeviceConv2d<B> {
    /// Shape of the layer.
    pub const fn shape(&self) -> &Conv2dLayer {
        &self.shape
    }

    /// Arrays of parameters.
    pub(crate) fn arrays(&self) -> Vec<(ParameterName, &ParameterArray<B>)> {
        let bias = self.shape.bias.then_some((ParameterName::BIAS, &self.bias));
        [(ParameterName::WEIGHT, &self.weights)].into_iter().chain(bias).collect()
    }

    /// Arrays of parameters, mutable.
    pub(crate) fn arrays_mut(&mut self) -> Vec<(ParameterName, &mut ParameterArray<B>)> {
        let bias = self.shape.bias.then_some((ParameterName::BIAS, &mut self.bias));
        [(ParameterName::WEIGHT, &mut self.weights)].into_iter().chain(bias).collect()
    }

    /// The parameters in host memory.
    pub(crate) fn download(&self, backend: &B) -> isobath_tensor::Result<Conv2dParameters> {
        let weights = self.weights.read(backend, 0)?;
        let weights = Array4::from_shape_vec(weight_shape(&self.shape), weights);
        let bias = self.shape.bias.then(|| self.bias.read(backend, 0)).transpose()?;
        Ok(Conv2dParameters {
            weights: weights.expect("as long as its shape"),
            bias: bias.map(Array1::from_vec),
        })
    }

    /// Patches of the input, in the order of axes `from` to `to`.
    fn patches(&self, samples: usize, from: Axes, to: Axes) -> PatchesConfig {
        let Conv2dLayer { input, window, boundary, .. } = self.shape;
        PatchesConfig {
            channels: input.channels,
            image: input.size(),
            grid: self.shape.product().size(),
            kernel: window.kernel,
            stride: window.stride,
            spread: [1, 1],
            origin: window.padding.map(usize::cast_signed),
            boundary,
            samples,
            axes: [from, to],
        }
    }

    /// Wrap of the product: patches of one pixel that begin before the image and end behind it.
    fn wrap(&self, samples: usize, from: Axes, to: Axes) -> PatchesConfig {
        PatchesConfig {
            channels: self.shape.out_channels,
            image: self.shape.product().size(),
            grid: self.shape.output().size(),
            kernel: [1, 1],
            stride: [1, 1],
            spread: [1, 1],
            origin: [self.shape.wrap_after.cast_signed(); 2],
            boundary: Boundary::Circular,
            samples,
            axes: [from, to],
        }
    }
}

impl<B: ForwardBackend> DeviceConv2d<B> {
    /// A layer of this shape.
    pub(crate) fn upload(
        backend: &B,
        &shape: &Conv2dLayer,
        source: LayerSource<'_>,
    ) -> isobath_tensor::Result<Self> {
        let weights = shape.fan_in() * shape.out_channels;
        let mut layer = Self {
            shape,
            weights: ParameterArray::zeros(backend, weights, 1)?,
            bias: ParameterArray::zeros(backend, shape.out_channels, 1)?,
        };
        match source {
            LayerSource::Given(LayerParameters::Conv2d(Conv2dParameters { weights, bias })) => {
                let weights: Vec<f32> = weights.iter().copied().collect();
                layer.weights.write(backend, 0, &weights)?;
                if let Some(bias) = bias {
                    layer.bias.write(backend, 0, &bias.to_vec())?;
                }
            }
            LayerSource::Given(_) => unreachable!("parameters were checked"),
            LayerSource::Drawn(source) => {
                let [weights, bias] = source.draws(&Layer::Conv2d(shape));
                if weights.is_delta() {
                    layer.weights.write(backend, 0, &drawn_weights(&shape, weights))?;
                } else {
                    let matrix = [shape.out_channels, shape.fan_in()];
                    weights.write(backend, matrix, 0, &mut layer.weights)?;
                }
                if shape.bias {
                    bias.write(backend, [shape.out_channels, 1], 0, &mut layer.bias)?;
                }
            }
        }
        Ok(layer)
    }

    /// `y = phi(W * x + b)`: `x` `[samples, inputs]`, `y` `[samples, outputs]`.
    pub(crate) fn forward(
        &self,
        backend: &B,
        precision: Precision,
        samples: usize,
        x: &B::Buffer<f32>,
        y: &mut B::Buffer<f32>,
    ) -> isobath_tensor::Result<()> {
        let (fan_in, product) = (self.shape.fan_in(), self.shape.product());
        let [inputs, outputs] =
            [self.shape.input, self.shape.output()].map(|shape| shape.numbers());
        let chunk = (CHUNK / (fan_in * product.pixels())).clamp(1, samples);
        let mut part_x = backend.zeros(chunk * inputs)?;
        let mut patches = backend.zeros(chunk * fan_in * product.pixels())?;
        let mut rows = backend.zeros(chunk * product.numbers())?;
        let mut part_y = backend.zeros(chunk * outputs)?;
        for start in (0..samples).step_by(chunk) {
            let count = chunk.min(samples - start);
            let [from, to] = [Axes::SampleUnitPixel, Axes::SamplePixelUnit];
            backend.copy(x, start * inputs..(start + count) * inputs, &mut part_x, 0)?;
            backend.patches(&self.patches(count, from, to), &part_x, &mut patches)?;
            let config = DenseConfig {
                rows: count * product.pixels(),
                inputs: fan_in,
                outputs: self.shape.out_channels,
                activation: self.shape.activation,
                precision,
            };
            backend.dense(config, &patches, &self.weights.values, &self.bias.values, &mut rows)?;
            backend.patches(&self.wrap(count, to, from), &rows, &mut part_y)?;
            backend.copy(&part_y, 0..count * outputs, y, start * outputs)?;
        }
        Ok(())
    }
}

impl<B: BackwardBackend> DeviceConv2d<B> {
    /// `z = W * x + b`, `h = phi(z)`, wrapped.
    pub(crate) fn forward_traced(
        &self,
        backend: &B,
        batch: Batch,
        input: &B::Buffer<f32>,
        Trace { pre_activation, output, product, .. }: &mut Trace<B>,
        workspace: &mut Workspace<B>,
    ) -> isobath_tensor::Result<()> {
        self.product(backend, batch, input, pre_activation, &mut workspace.patches)?;
        match product {
            None => self.activate(backend, batch.samples, pre_activation, output),
            Some(product) => {
                self.activate(backend, batch.samples, pre_activation, product)?;
                backend.patches(&self.traced_wrap(batch.samples), product, output)
            }
        }
    }

    /// As [`forward_traced`](Self::forward_traced), from and to `output`.
    pub(crate) fn forward_in_place(
        &self,
        backend: &B,
        batch: Batch,
        Trace { pre_activation, output, .. }: &mut Trace<B>,
        workspace: &mut Workspace<B>,
    ) -> isobath_tensor::Result<()> {
        self.product(backend, batch, output, pre_activation, &mut workspace.patches)?;
        if self.shape.wrap_after == 0 {
            return self.activate(backend, batch.samples, pre_activation, output);
        }
        self.activate(backend, batch.samples, pre_activation, &mut workspace.product)?;
        backend.patches(&self.traced_wrap(batch.samples), &workspace.product, output)
    }

    /// `W * x`, `[out_channels, pixels, samples]`. Leaves the patches, `[fan-in, pixels, samples]`, behind.
    fn product(
        &self,
        backend: &B,
        batch: Batch,
        input: &B::Buffer<f32>,
        z: &mut B::Buffer<f32>,
        patches: &mut B::Buffer<f32>,
    ) -> isobath_tensor::Result<()> {
        backend.patches(&self.traced_patches(batch), input, patches)?;
        backend.gemm(self.weights_by(self.columns(batch.samples)), &self.weights.values, patches, z)
    }

    /// Columns of patches in a pass with a trace.
    fn columns(&self, samples: usize) -> usize {
        self.shape.product().pixels() * samples
    }

    fn traced_patches(&self, batch: Batch) -> PatchesConfig {
        self.patches(batch.samples, batch.input.axes(), Axes::UnitPixelSample)
    }

    fn traced_wrap(&self, samples: usize) -> PatchesConfig {
        self.wrap(samples, Axes::UnitPixelSample, Axes::UnitPixelSample)
    }

    /// Product of the weights with that many columns of patches.
    const fn weights_by(&self, columns: usize) -> GemmConfig {
        GemmConfig::new(self.shape.out_channels, columns, self.shape.fan_in())
    }

    /// `z + b` in the place of `z`, and `phi` of it.
    fn activate(
        &self,
        backend: &B,
        samples: usize,
        z: &mut B::Buffer<f32>,
        h: &mut B::Buffer<f32>,
    ) -> isobath_tensor::Result<()> {
        let shape = [self.shape.out_channels, self.columns(samples)];
        backend.activate(self.shape.activation, shape, &self.bias.values, z, h)
    }

    /// Backward pass; see [`DeviceLayer::backward`](crate::DeviceLayer::backward).
    pub(crate) fn backward<V: GradientVisitor<B>>(
        &mut self,
        backend: &B,
        pass: BackwardPass<'_, B>,
        visitor: &mut V,
    ) -> Result<(), V::Error> {
        let BackwardPass { batch, input, trace, delta, input_delta, workspace } = pass;
        let Workspace { bias_gradient, patches, product, .. } = workspace;
        let columns = self.columns(batch.samples);
        let shape = [self.shape.out_channels, columns];
        let (delta, h) = match &trace.product {
            None => (delta, &trace.output),
            Some(h) => {
                backend.patches_adjoint(&self.traced_wrap(batch.samples), delta, product)?;
                (product, h)
            }
        };
        let activations = [&trace.pre_activation, h];
        backend.activation_gradient(
            self.shape.activation,
            shape,
            activations,
            delta,
            bias_gradient,
        )?;
        let scale = visitor.input_scale(delta, shape[0] * shape[1])?;
        let config = self.traced_patches(batch);
        if let Some(input_delta) = input_delta {
            let product = GemmConfig::new(self.shape.fan_in(), columns, self.shape.out_channels);
            let product = GemmConfig { alpha: scale, ..product.transpose_a() };
            backend.gemm(product, &self.weights.values, delta, patches)?;
            let config = PatchesConfig { axes: [Axes::UnitPixelSample; 2], ..config };
            backend.patches_adjoint(&config, patches, input_delta)?;
        }
        backend.patches(&config, input, patches)?;
        self.visit(columns, [delta, patches], bias_gradient, visitor)
    }

    /// Hands over the gradients: of the weights as the product of `delta` with `patches`.
    fn visit<V: GradientVisitor<B>>(
        &mut self,
        columns: usize,
        [delta, patches]: [&B::Buffer<f32>; 2],
        bias_gradient: &B::Buffer<f32>,
        visitor: &mut V,
    ) -> Result<(), V::Error> {
        let product = GemmConfig::new(self.shape.out_channels, self.shape.fan_in(), columns);
        let config = isobath_tensor::BatchedGemmConfig::new(product.transpose_b(), 1);
        visitor.visit(ParameterGradient {
            index: 0,
            name: ParameterName::WEIGHT,
            values: &mut self.weights.values,
            gradient: Gradient::Product { config, left: delta, right: patches },
        })?;
        if !self.shape.bias {
            return Ok(());
        }
        visitor.visit(ParameterGradient {
            index: 1,
            name: ParameterName::BIAS,
            values: &mut self.bias.values,
            gradient: Gradient::Array(bias_gradient),
        })
    }
}
