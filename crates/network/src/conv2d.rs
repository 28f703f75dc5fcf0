//! Convolutional layers, as products of weights with patches of their input.

use isobath_architecture::{Boundary, Conv2dLayer, Layer};
use isobath_tensor::{Axes, Backend, ConvolutionConfig, PatchesConfig, Precision};
use ndarray::{Array1, Array4};

use crate::{
    BackwardBackend, BackwardPass, Batch, ConvolutionFactors, ForwardBackend, Gradient,
    GradientVisitor, LayerParameters, Layout, ParameterArray, ParameterGradient, ParameterName,
    Result, Trace, Workspace, draw::Draw, layer_parameters::check_shape, source::LayerSource,
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

/// The product of a layer's weights with the patches of `batch`.
pub(crate) fn convolution(layer: &Conv2dLayer, batch: Batch) -> ConvolutionConfig {
    let &Conv2dLayer { input, window, boundary, .. } = layer;
    let patches = PatchesConfig {
        channels: input.channels,
        image: input.size(),
        grid: layer.product().size(),
        kernel: window.kernel,
        stride: window.stride,
        spread: [1, 1],
        origin: window.padding.map(usize::cast_signed),
        boundary,
        samples: batch.samples,
        axes: [batch.input.axes(), Axes::UnitPixelSample],
    };
    ConvolutionConfig { patches, outputs: layer.out_channels, precision: batch.precision }
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

/// Numbers of patches and activations that a forward pass without a trace makes at a time.
const CHUNK: usize = 1 << 23;

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

    /// Wrap of the product: patches of one pixel that begin before the image and end behind it.
    fn wrap(&self, samples: usize, from: Axes, to: Axes) -> PatchesConfig {
        let product = self.shape.product();
        PatchesConfig {
            grid: self.shape.output().size(),
            origin: [self.shape.wrap_after.cast_signed(); 2],
            boundary: Boundary::Circular,
            ..PatchesConfig::pixels(product.channels, product.size(), samples, [from, to])
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
        let batch = |count| Batch::new(count, Layout::SamplesMajor).precision(precision);
        let [inputs, outputs] = [self.shape.input, self.shape.output()].map(|of| of.numbers());
        let patches = backend.scratch(&self.convolution(batch(1)));
        let chunk = (CHUNK / (patches + inputs + 3 * outputs)).clamp(1, samples);
        let layer = [Layer::Conv2d(self.shape)];
        let mut trace = Trace::of_layer(backend, &layer[0], 1, chunk)?;
        let mut workspace = Workspace::of_batch(backend, &layer, 1, batch(chunk))?;
        if chunk == samples {
            return self.forward_rows(backend, batch(samples), x, y, &mut trace, &mut workspace);
        }
        let mut part_x = backend.zeros(chunk * inputs)?;
        let mut part_y = backend.zeros(chunk * outputs)?;
        for start in (0..samples).step_by(chunk) {
            let count = chunk.min(samples - start);
            backend.copy(x, start * inputs..(start + count) * inputs, &mut part_x, 0)?;
            let (trace, workspace) = (&mut trace, &mut workspace);
            self.forward_rows(backend, batch(count), &part_x, &mut part_y, trace, workspace)?;
            backend.copy(&part_y, 0..count * outputs, y, start * outputs)?;
        }
        Ok(())
    }

    /// As [`forward_traced`](Self::forward_traced), to `y` in [`Layout::SamplesMajor`].
    fn forward_rows(
        &self,
        backend: &B,
        batch: Batch,
        x: &B::Buffer<f32>,
        y: &mut B::Buffer<f32>,
        trace: &mut Trace<B>,
        workspace: &mut Workspace<B>,
    ) -> isobath_tensor::Result<()> {
        self.forward_traced(backend, batch, x, trace, workspace)?;
        let (output, axes) = (self.shape.output(), [Axes::UnitPixelSample, Axes::SampleUnitPixel]);
        let order = PatchesConfig::pixels(output.channels, output.size(), batch.samples, axes);
        backend.patches(&order, &trace.output, y)
    }

    /// `z = W * x + b`, `h = phi(z)`, wrapped.
    pub(crate) fn forward_traced(
        &self,
        backend: &B,
        batch: Batch,
        input: &B::Buffer<f32>,
        Trace { pre_activation: z, output, product, .. }: &mut Trace<B>,
        Workspace { patches, .. }: &mut Workspace<B>,
    ) -> isobath_tensor::Result<()> {
        let (config, activation) = (self.convolution(batch), self.shape.activation);
        let parameters = [&self.weights.values, &self.bias.values];
        let h = product.as_mut().unwrap_or(output);
        backend.convolve_and_activate(&config, activation, parameters, input, [z, h], patches)?;
        match product {
            None => Ok(()),
            Some(h) => backend.patches(&self.traced_wrap(batch.samples), h, output),
        }
    }

    /// As [`forward_traced`](Self::forward_traced), from and to `output`.
    pub(crate) fn forward_in_place(
        &self,
        backend: &B,
        batch: Batch,
        Trace { pre_activation: z, output, .. }: &mut Trace<B>,
        Workspace { patches, product, .. }: &mut Workspace<B>,
    ) -> isobath_tensor::Result<()> {
        let config = self.convolution(batch);
        backend.convolve(&config, &self.weights.values, output, z, patches)?;
        let shape = [self.shape.out_channels, self.columns(batch.samples)];
        let (activation, bias) = (self.shape.activation, &self.bias.values);
        if self.shape.wrap_after == 0 {
            return backend.activate(activation, shape, bias, z, output);
        }
        backend.activate(activation, shape, bias, z, product)?;
        backend.patches(&self.traced_wrap(batch.samples), product, output)
    }

    /// Columns of patches in a pass with a trace.
    fn columns(&self, samples: usize) -> usize {
        self.shape.product().pixels() * samples
    }

    /// The product in a pass with a trace.
    fn convolution(&self, batch: Batch) -> ConvolutionConfig {
        convolution(&self.shape, batch)
    }

    fn traced_wrap(&self, samples: usize) -> PatchesConfig {
        self.wrap(samples, Axes::UnitPixelSample, Axes::UnitPixelSample)
    }
}

impl<B: BackwardBackend> DeviceConv2d<B> {
    /// Backward pass; see [`DeviceLayer::backward`](crate::DeviceLayer::backward).
    pub(crate) fn backward<V: GradientVisitor<B>>(
        &mut self,
        backend: &B,
        pass: BackwardPass<'_, B>,
        visitor: &mut V,
    ) -> Result<(), V::Error> {
        let BackwardPass { batch, input, trace, delta, input_delta, workspace } = pass;
        let Workspace { bias_gradient, kernel_gradient, patches, product, .. } = workspace;
        let shape = [self.shape.out_channels, self.columns(batch.samples)];
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
        let config = self.convolution(batch);
        if let Some(input_delta) = input_delta {
            let axes = [Axes::UnitPixelSample; 2];
            let patches_of = PatchesConfig { axes, ..config.patches };
            let config = ConvolutionConfig { patches: patches_of, ..config };
            let factors = [&self.weights.values, &*delta];
            backend.convolution_input_gradient(&config, scale, factors, input_delta, patches)?;
        }
        let has_bias = self.shape.bias;
        let factors = ConvolutionFactors { index: 0, has_bias, config, delta, input };
        if visitor.visit_convolution(factors)? {
            return Ok(());
        }
        backend.convolution_weight_gradient(&config, [delta, input], kernel_gradient, patches)?;
        self.visit([kernel_gradient, bias_gradient], visitor)
    }

    /// Hands over the gradients of weights and biases.
    fn visit<V: GradientVisitor<B>>(
        &mut self,
        [weights, bias]: [&B::Buffer<f32>; 2],
        visitor: &mut V,
    ) -> Result<(), V::Error> {
        visitor.visit(ParameterGradient {
            index: 0,
            name: ParameterName::WEIGHT,
            values: &mut self.weights.values,
            gradient: Gradient::Array(weights),
        })?;
        if !self.shape.bias {
            return Ok(());
        }
        visitor.visit(ParameterGradient {
            index: 1,
            name: ParameterName::BIAS,
            values: &mut self.bias.values,
            gradient: Gradient::Array(bias),
        })
    }
}
