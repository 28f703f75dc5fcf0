//! Training of transposed convolutions, several of them together where a decoder has several layers.
//!
//! Samples of a minibatch are columns, as in the training of networks.

use isobath_architecture::Activation;
use isobath_tensor::{Axes, DecoderState, Optimizer};

use crate::{
    CascadeBackend, CascadeParams, Result,
    columns::{Columns, LayerMemory},
    decoder_layer::DecoderLayerSpec,
};

use super::product_scratch::{LayerScratch, ProductScratch, convolution};

/// A decoder in training: its layers in the order of application.
type Layers<'a, B> = &'a mut [(DecoderLayerSpec, DecoderState<B>)];

impl<B: CascadeBackend> ProductScratch<B> {
    /// A step on `samples` samples, from `h` `[inputs, samples]` to `target` `[outputs, samples]`. Returns the mean squared
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
        let columns = Columns { samples, precision: params.precision };
        for (number, (spec, state)) in layers.iter().enumerate() {
            let (before, current) = self.layers.split_at_mut(number);
            let input = before.last().map_or(h, |layer| &layer.memory.y);
            let (parameters, memory) = ([&state.weights, &state.bias], &mut current[0].memory);
            spec.forward(backend, columns, parameters, input, memory, &mut self.patches)?;
        }
        let pass = Pass { backend, columns };
        let last = layers.len() - 1;
        let loss = self.loss(&pass, &layers[last].0, last, target)?;
        for (number, (spec, state)) in layers.iter().enumerate().rev() {
            self.backward(&pass, number, h, (spec, state))?;
        }
        self.update(backend, &params.optimizer, layers)?;
        Ok(loss)
    }

    /// The mean squared error of layer `number`'s output, and its derivative with respect to it in `delta`.
    fn loss(
        &mut self,
        pass: &Pass<'_, B>,
        spec: &DecoderLayerSpec,
        number: usize,
        target: &B::Buffer<f32>,
    ) -> Result<f64> {
        let shape = [spec.kind.outputs(), pass.columns.samples];
        let Self { layers, delta, zeros, .. } = self;
        pass.backend.copy(&layers[number].memory.y, 0..shape[0] * shape[1], delta, 0)?;
        Ok(pass.backend.squared_error_gradient(shape, Activation::Linear, zeros, target, delta)?)
    }

    /// The gradients of layer `number`. Goes from `delta` with respect to its output to that of the layer before.
    fn backward(
        &mut self,
        pass: &Pass<'_, B>,
        number: usize,
        h: &B::Buffer<f32>,
        (spec, state): (&DecoderLayerSpec, &DecoderState<B>),
    ) -> Result<()> {
        let (conv, backend) = (convolution(spec.kind), pass.backend);
        let Columns { samples, precision } = pass.columns;
        let shape = [conv.output.channels, conv.output.pixels() * samples];
        let Self { layers, delta, input_delta, folded_delta, patches, .. } = self;
        let (before, current) = layers.split_at_mut(number);
        let LayerScratch { memory, weight_gradient, bias_gradient } = &mut current[0];
        let LayerMemory { folded, z, y } = memory;
        backend.activation_gradient(spec.activation, shape, [z, y], delta, bias_gradient)?;
        let input = before.last().map_or(h, |layer| &layer.memory.y);
        let fold = conv.fold(samples, Axes::UnitPixelSample);
        let config = conv.convolution(samples, precision);
        let input = if fold.is_some() { folded } else { input };
        backend.convolution_weight_gradient(&config, [delta, input], weight_gradient, patches)?;
        if number == 0 {
            return Ok(());
        }
        let factors = [&state.weights, &*delta];
        match fold {
            None => {
                backend.convolution_input_gradient(&config, 1.0, factors, input_delta, patches)?;
            }
            Some(fold) => {
                backend.convolution_input_gradient(&config, 1.0, factors, folded_delta, patches)?;
                backend.patches(&fold, folded_delta, input_delta)?;
            }
        }
        std::mem::swap(delta, input_delta);
        Ok(())
    }

    /// A step of the optimiser for all layers.
    fn update(&mut self, backend: &B, optimizer: &Optimizer, layers: Layers<'_, B>) -> Result<()> {
        for ((_, state), gradients) in layers.iter_mut().zip(&self.layers) {
            state.steps += 1;
            let step = backend.new_step(optimizer, state.steps)?;
            let LayerScratch { weight_gradient, bias_gradient, .. } = gradients;
            let [first, second] = &mut state.weight_moments;
            backend.optimizer_step(&step, &mut state.weights, weight_gradient, first, second)?;
            let [first, second] = &mut state.bias_moments;
            backend.optimizer_step(&step, &mut state.bias, bias_gradient, first, second)?;
        }
        Ok(())
    }
}

/// One pass of a minibatch through all layers.
struct Pass<'a, B> {
    backend: &'a B,
    columns: Columns,
}
