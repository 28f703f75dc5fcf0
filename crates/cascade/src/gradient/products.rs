//! Training of transposed convolutions by matrix products, several of them together where a decoder has several layers.
//!
//! A minibatch has as many rows as pixels, too many for a fast memory at once. It goes through in blocks of samples whose
//! patches fit there, and gradients add up over the blocks. Layers before the last one hold their numbers as
//! `[channels, pixels, samples]`, see [`Backward`](isobath_tensor::Backward); the last one as
//! `[samples, pixels, channels]`, one row for each pixel.

use isobath_architecture::Shape;
use isobath_tensor::{Axes, DecoderState, GemmConfig, Optimizer, Precision};

use crate::{
    CascadeBackend, CascadeParams, ConvTranspose2d, Result, conv_transpose::reordered,
    decoder_layer::DecoderLayerSpec,
};

use super::product_scratch::{LayerScratch, ProductScratch, block, convolution};

/// A decoder in training: its layers in the order of application.
type Layers<'a, B> = &'a mut [(DecoderLayerSpec, DecoderState<B>)];

impl<B: CascadeBackend> ProductScratch<B> {
    /// A step on `samples` samples, from `h` `[samples, inputs]` to `target` `[samples, outputs]`. Returns the mean squared
    /// error before the step.
    ///
    /// # Errors
    /// When the device fails.
    pub(super) fn step(
        &mut self,
        backend: &B,
        params: &CascadeParams,
        samples: usize,
        [h, target]: [&B::Buffer<f32>; 2],
        layers: Layers<'_, B>,
    ) -> Result<f64> {
        let (inputs, outputs) =
            (layers[0].0.kind.inputs(), layers[layers.len() - 1].0.kind.outputs());
        let block = block(layers.iter().map(|(spec, _)| spec), samples);
        let mut loss = 0.0;
        for start in (0..samples).step_by(block) {
            let count = block.min(samples - start);
            backend.copy(h, start * inputs..(start + count) * inputs, &mut self.h, 0)?;
            let range = start * outputs..(start + count) * outputs;
            backend.copy(target, range, &mut self.target[0], 0)?;
            let share = count as f64 / samples as f64;
            let (precision, is_first) = (params.precision, start == 0);
            let pass = Pass { backend, precision, samples: count, share: share as f32, is_first };
            loss += share * self.block(&pass, layers)?;
        }
        self.update(backend, &params.optimizer, layers)?;
        Ok(loss)
    }

    /// Adds a block's share to the gradients; returns its mean squared error.
    fn block(&mut self, pass: &Pass<'_, B>, layers: Layers<'_, B>) -> Result<f64> {
        let last = layers.len() - 1;
        for (number, (spec, state)) in layers.iter().enumerate() {
            let (before, current) = self.layers.split_at_mut(number);
            let input = before.last().map_or(&self.h, |layer| &layer.y);
            let place = Place { number, is_last: number == last };
            pass.patches(place, spec, input, &mut self.folded, &mut current[0].patches)?;
            if !place.is_last {
                pass.forward(spec, state, &mut current[0])?;
            }
        }
        let loss = self.last_forward(pass, &layers[last], last)?;
        for (number, (spec, state)) in layers.iter().enumerate().rev() {
            self.backward(pass, Place { number, is_last: number == last }, spec, state)?;
        }
        Ok(loss)
    }

    /// The last layer, its loss, and the derivative with respect to its sums in `delta`.
    fn last_forward(
        &mut self,
        pass: &Pass<'_, B>,
        (spec, state): &(DecoderLayerSpec, DecoderState<B>),
        number: usize,
    ) -> Result<f64> {
        let (conv, backend) = (convolution(spec.kind), pass.backend);
        let axes = [Axes::SampleUnitPixel, Axes::SamplePixelUnit];
        let [images, target] = &mut self.target;
        backend.patches(&reordered(conv.output, pass.samples, axes), images, target)?;
        let rows = pass.samples * conv.output.pixels();
        let product = GemmConfig::new(rows, conv.output.channels, conv.patch()).transpose_b();
        let patches = &self.layers[number].patches;
        backend.gemm(
            product.precision(pass.precision),
            patches,
            &state.weights,
            &mut self.delta,
        )?;
        let shape = [rows, conv.output.channels];
        let (bias, delta) = (&state.bias, &mut self.delta);
        Ok(backend.squared_error_gradient(shape, spec.activation, bias, target, delta)?)
    }

    /// Adds to the gradients of this layer, and goes from its `delta` to that of the layer before.
    fn backward(
        &mut self,
        pass: &Pass<'_, B>,
        place: Place,
        spec: &DecoderLayerSpec,
        state: &DecoderState<B>,
    ) -> Result<()> {
        let (conv, backend) = (convolution(spec.kind), pass.backend);
        let columns = pass.samples * conv.output.pixels();
        let (channels, patch) = (conv.output.channels, conv.patch());
        let Self { layers, delta, bias_gradient, one, .. } = self;
        let layer = &mut layers[place.number];
        if place.is_last {
            backend.column_sums([columns, channels], delta, bias_gradient)?;
        } else {
            let values = [&layer.z, &layer.y];
            let shape = [channels, columns];
            backend.activation_gradient(spec.activation, shape, values, delta, bias_gradient)?;
        }
        let sum = pass.shared(GemmConfig::new(channels, 1, 1));
        backend.gemm(sum, bias_gradient, one, &mut layer.bias_gradient)?;
        let LayerScratch { patches, weight_gradient, .. } = layer;
        if place.is_last {
            // Transposed, since the fewer columns a product has, the less a processor packs for it.
            let product = GemmConfig::new(patch, channels, columns).transpose_a();
            let product = pass.shared(product.precision(pass.precision));
            backend.gemm(product, patches, delta, weight_gradient)?;
        } else {
            let product = GemmConfig::new(channels, patch, columns).transpose_b();
            let product = pass.shared(product.precision(pass.precision));
            backend.gemm(product, delta, patches, weight_gradient)?;
        }
        if place.number > 0 {
            self.input_delta(pass, &conv, place.is_last, &state.weights)?;
        }
        Ok(())
    }

    /// Replaces `delta`, of the sums of a layer, by the derivative with respect to its input.
    fn input_delta(
        &mut self,
        pass: &Pass<'_, B>,
        conv: &ConvTranspose2d,
        is_last: bool,
        weights: &B::Buffer<f32>,
    ) -> Result<()> {
        let Pass { backend, precision, samples, .. } = *pass;
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

    /// A step of the optimiser for all layers.
    fn update(&mut self, backend: &B, optimizer: &Optimizer, layers: Layers<'_, B>) -> Result<()> {
        let last = layers.len() - 1;
        let Self { layers: gradients, transposed, .. } = self;
        for (number, ((spec, state), gradients)) in layers.iter_mut().zip(gradients).enumerate() {
            state.steps += 1;
            let step = backend.new_step(optimizer, state.steps)?;
            let LayerScratch { weight_gradient, bias_gradient, .. } = gradients;
            let gradient = if number == last {
                let [units, inputs] = spec.kind.matrix();
                let axes = [Axes::SamplePixelUnit, Axes::SampleUnitPixel];
                let matrix = reordered(Shape::new(units, 1, inputs), 1, axes);
                backend.patches(&matrix, weight_gradient, transposed)?;
                &*transposed
            } else {
                &*weight_gradient
            };
            let [first, second] = &mut state.weight_moments;
            backend.optimizer_step(&step, &mut state.weights, gradient, first, second)?;
            let [first, second] = &mut state.bias_moments;
            backend.optimizer_step(&step, &mut state.bias, bias_gradient, first, second)?;
        }
        Ok(())
    }
}

/// Place of a layer in its decoder.
#[derive(Clone, Copy)]
struct Place {
    number: usize,
    is_last: bool,
}

/// One pass of a block through all layers.
struct Pass<'a, B> {
    backend: &'a B,
    precision: Precision,
    samples: usize,
    /// Share of the minibatch.
    share: f32,
    /// No block has added to the gradients yet.
    is_first: bool,
}

impl<B: CascadeBackend> Pass<'_, B> {
    /// A product that is added to a gradient.
    fn shared(&self, product: GemmConfig) -> GemmConfig {
        let beta = if self.is_first { 0.0 } else { 1.0 };
        GemmConfig { alpha: self.share, beta, ..product }
    }

    /// Patches of a layer's input: rows of the last layer, columns of the others.
    fn patches(
        &self,
        place: Place,
        spec: &DecoderLayerSpec,
        input: &B::Buffer<f32>,
        folded: &mut B::Buffer<f32>,
        patches: &mut B::Buffer<f32>,
    ) -> Result<()> {
        let (conv, backend) = (convolution(spec.kind), self.backend);
        let from = if place.number == 0 { Axes::SampleUnitPixel } else { Axes::UnitPixelSample };
        let to = if place.is_last { Axes::SamplePixelUnit } else { Axes::UnitPixelSample };
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
        LayerScratch { patches, z, y, .. }: &mut LayerScratch<B>,
    ) -> Result<()> {
        let conv = convolution(spec.kind);
        let columns = self.samples * conv.output.pixels();
        let shape = [conv.output.channels, columns];
        let product = GemmConfig::new(shape[0], columns, conv.patch()).precision(self.precision);
        self.backend.gemm(product, &state.weights, patches, z)?;
        Ok(self.backend.activate(spec.activation, shape, &state.bias, z, y)?)
    }
}
