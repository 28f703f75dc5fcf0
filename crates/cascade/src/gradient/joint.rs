//! Training of a decoder of several layers together.
//!
//! Layers before the last one hold their numbers as `[channels, pixels, samples]`, see
//! [`Backward`](isobath_tensor::Backward); the last one as `[samples, pixels, channels]`, like all decoders' targets.

use isobath_architecture::{Boundary, Shape};
use isobath_tensor::{Axes, Backend, DecoderState, GemmConfig, Optimizer, Precision};

use crate::{
    CascadeBackend, CascadeParams, ConvTranspose2d, DecoderKind, Result,
    decoder_layer::DecoderLayerSpec,
};

/// Memory that the training of all decoders of several layers uses in turn.
pub(super) struct JointScratch<B: Backend> {
    /// One for each layer.
    layers: Vec<LayerScratch<B>>,
    /// Derivatives with respect to a layer's output and to its patches.
    delta: B::Buffer<f32>,
    patch_delta: B::Buffer<f32>,
    folded: B::Buffer<f32>,
    weight_gradient: B::Buffer<f32>,
    bias_gradient: B::Buffer<f32>,
}

/// Memory of one layer.
struct LayerScratch<B: Backend> {
    patches: B::Buffer<f32>,
    /// `W patches + b`, but for the last layer.
    z: B::Buffer<f32>,
    /// `phi(z)`, but for the last layer.
    y: B::Buffer<f32>,
}

/// A dense layer is a transposed convolution of one pixel.
pub(super) const fn convolution(kind: DecoderKind) -> ConvTranspose2d {
    match kind {
        DecoderKind::ConvTranspose2d(conv) => conv,
        DecoderKind::Dense { inputs, outputs } => ConvTranspose2d {
            input: Shape::flat(inputs),
            output: Shape::flat(outputs),
            kernel: [1, 1],
            stride: [1, 1],
            start: [0, 0],
            boundary: Boundary::Zero,
        },
    }
}

/// Numbers of the patches of a sample.
const fn patches(conv: &ConvTranspose2d) -> usize {
    conv.output.pixels() * conv.patch()
}

impl<B: CascadeBackend> JointScratch<B> {
    /// Memory for minibatches of up to `batch` samples.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub(super) fn new<'d>(
        backend: &B,
        decoders: impl Iterator<Item = &'d [DecoderLayerSpec]> + Clone,
        batch: usize,
    ) -> Result<Self> {
        let most = |size: &dyn Fn(&ConvTranspose2d) -> usize, place: Option<usize>| {
            let layers = decoders.clone().flat_map(|decoder| decoder.iter().enumerate());
            let layers = layers.filter(|(number, _)| place.is_none_or(|place| place == *number));
            layers.map(|(_, layer)| size(&convolution(layer.kind))).max().unwrap_or(0)
        };
        let output = |conv: &ConvTranspose2d| conv.output.numbers();
        let depth = decoders.clone().map(<[_]>::len).max().unwrap_or(0);
        let layer = |place| {
            let outputs = batch * most(&output, Some(place));
            Ok(LayerScratch {
                patches: backend.zeros(batch * most(&patches, Some(place)))?,
                z: backend.zeros(outputs)?,
                y: backend.zeros(outputs)?,
            })
        };
        Ok(Self {
            layers: (0..depth).map(layer).collect::<Result<_>>()?,
            delta: backend.zeros(batch * most(&output, None))?,
            patch_delta: backend.zeros(batch * most(&patches, None))?,
            folded: backend.zeros(batch * most(&|conv| conv.folded(), None))?,
            weight_gradient: backend
                .zeros(most(&|conv| conv.patch() * conv.output.channels, None))?,
            bias_gradient: backend.zeros(most(&|conv| conv.output.channels, None))?,
        })
    }

    /// A step on `samples` samples, from `h` `[samples, channels, pixels]` to `target` `[samples, pixels, channels]`.
    /// Returns the mean squared error before the step.
    ///
    /// # Errors
    /// When the device fails.
    pub(super) fn step(
        &mut self,
        backend: &B,
        params: &CascadeParams,
        samples: usize,
        [h, target]: [&B::Buffer<f32>; 2],
        layers: &mut [(DecoderLayerSpec, DecoderState<B>)],
    ) -> Result<f64> {
        let pass = Pass { backend, precision: params.precision, samples };
        for number in 0..layers.len() {
            let is_last = number + 1 == layers.len();
            let (before, current) = self.layers.split_at_mut(number);
            let input = before.last().map_or(h, |layer| &layer.y);
            let (spec, state) = &layers[number];
            pass.patches(number, is_last, spec, input, &mut self.folded, &mut current[0].patches)?;
            if !is_last {
                pass.forward(spec, state, &mut current[0])?;
            }
        }
        let last = layers.len() - 1;
        let loss = self.last_forward(&pass, &layers[last], last, target)?;
        for (number, (spec, state)) in layers.iter_mut().enumerate().rev() {
            self.backward(&pass, number, number == last, (spec, state), &params.optimizer)?;
        }
        Ok(loss)
    }

    /// The last layer, its loss, and the derivative with respect to its sums in `delta`.
    fn last_forward(
        &mut self,
        pass: &Pass<'_, B>,
        (spec, state): &(DecoderLayerSpec, DecoderState<B>),
        number: usize,
        target: &B::Buffer<f32>,
    ) -> Result<f64> {
        let (conv, backend) = (convolution(spec.kind), pass.backend);
        let rows = pass.samples * conv.output.pixels();
        let product = GemmConfig::new(rows, conv.output.channels, conv.patch()).transpose_b();
        let patches = &self.layers[number].patches;
        backend.gemm(
            product.precision(pass.precision),
            patches,
            &state.weights,
            &mut self.delta,
        )?;
        Ok(backend.squared_error_gradient(
            [rows, conv.output.channels],
            spec.activation,
            &state.bias,
            target,
            &mut self.delta,
        )?)
    }

    /// From `delta` of this layer to that of the layer before, and this layer's step of the optimiser.
    fn backward(
        &mut self,
        pass: &Pass<'_, B>,
        number: usize,
        is_last: bool,
        (spec, state): (&DecoderLayerSpec, &mut DecoderState<B>),
        optimizer: &Optimizer,
    ) -> Result<()> {
        let (conv, backend) = (convolution(spec.kind), pass.backend);
        let columns = pass.samples * conv.output.pixels();
        let (channels, patch) = (conv.output.channels, conv.patch());
        let Self { layers, delta, weight_gradient, bias_gradient, .. } = self;
        let LayerScratch { patches, z, y } = &layers[number];
        if is_last {
            backend.column_sums([columns, channels], delta, bias_gradient)?;
        } else {
            let shape = [channels, columns];
            backend.activation_gradient(spec.activation, shape, [z, y], delta, bias_gradient)?;
        }
        let product = GemmConfig::new(channels, patch, columns).precision(pass.precision);
        let product = if is_last { product.transpose_a() } else { product.transpose_b() };
        backend.gemm(product, delta, patches, weight_gradient)?;
        if number > 0 {
            self.input_delta(pass, &conv, is_last, &state.weights)?;
        }
        state.steps += 1;
        let step = backend.new_step(optimizer, state.steps)?;
        let Self { weight_gradient, bias_gradient, .. } = self;
        let [first, second] = &mut state.weight_moments;
        backend.optimizer_step(&step, &mut state.weights, weight_gradient, first, second)?;
        let [first, second] = &mut state.bias_moments;
        Ok(backend.optimizer_step(&step, &mut state.bias, bias_gradient, first, second)?)
    }

    /// Replaces `delta`, of the sums of a layer, by the derivative with respect to its input.
    fn input_delta(
        &mut self,
        pass: &Pass<'_, B>,
        conv: &ConvTranspose2d,
        is_last: bool,
        weights: &B::Buffer<f32>,
    ) -> Result<()> {
        let Pass { backend, precision, samples } = *pass;
        let columns = samples * conv.output.pixels();
        let (channels, patch) = (conv.output.channels, conv.patch());
        let Self { delta, patch_delta, folded, .. } = self;
        if is_last {
            let product = GemmConfig::new(columns, patch, channels).precision(precision);
            backend.gemm(product, delta, weights, patch_delta)?;
        } else {
            let product = GemmConfig::new(patch, columns, channels).transpose_a();
            backend.gemm(product.precision(precision), weights, delta, patch_delta)?;
        }
        let of_patches = if is_last { Axes::SamplePixelUnit } else { Axes::UnitPixelSample };
        let config = conv.patches(samples, [Axes::UnitPixelSample, of_patches]);
        match conv.fold(samples, Axes::UnitPixelSample) {
            None => backend.patches_adjoint(&config, patch_delta, delta)?,
            Some(fold) => {
                backend.patches_adjoint(&config, patch_delta, folded)?;
                backend.patches(&fold, folded, delta)?;
            }
        }
        Ok(())
    }
}

/// One pass of a minibatch through all layers.
struct Pass<'a, B> {
    backend: &'a B,
    precision: Precision,
    samples: usize,
}

impl<B: CascadeBackend> Pass<'_, B> {
    /// Patches of the input of layer `number`: rows of the last layer, columns of the others.
    fn patches(
        &self,
        number: usize,
        is_last: bool,
        spec: &DecoderLayerSpec,
        input: &B::Buffer<f32>,
        folded: &mut B::Buffer<f32>,
        patches: &mut B::Buffer<f32>,
    ) -> Result<()> {
        let (conv, backend) = (convolution(spec.kind), self.backend);
        let from = if number == 0 { Axes::SampleUnitPixel } else { Axes::UnitPixelSample };
        let to = if is_last { Axes::SamplePixelUnit } else { Axes::UnitPixelSample };
        let config = conv.patches(self.samples, [from, to]);
        let Some(fold) = conv.fold(self.samples, from) else {
            return Ok(backend.patches(&config, input, patches)?);
        };
        backend.patches_adjoint(&fold, input, folded)?;
        Ok(backend.patches(&config, folded, patches)?)
    }

    /// A layer before the last one, from its patches.
    fn forward(
        &self,
        spec: &DecoderLayerSpec,
        state: &DecoderState<B>,
        LayerScratch { patches, z, y }: &mut LayerScratch<B>,
    ) -> Result<()> {
        let conv = convolution(spec.kind);
        let columns = self.samples * conv.output.pixels();
        let shape = [conv.output.channels, columns];
        let product = GemmConfig::new(shape[0], columns, conv.patch()).precision(self.precision);
        self.backend.gemm(product, &state.weights, patches, z)?;
        Ok(self.backend.activate(spec.activation, shape, &state.bias, z, y)?)
    }
}
