//! Training of one decoder, a minibatch at a time.

use isobath_architecture::Shape;
use isobath_tensor::{Axes, Backend, DecoderConfig, DecoderState};

use crate::{
    CascadeBackend, DecoderKind, Job, Result,
    conv_transpose::reordered,
    decoder_layer::DecoderLayerSpec,
    device_decoder::{DeviceDecoder, DeviceDecoderLayer},
    sweep::Fitted,
};

use super::{GradientCascade, initial, losses_fit, product_scratch::ProductScratch};

/// Memory that the training of all decoders of a segment uses in turn.
pub(super) struct DecoderScratch<B: Backend> {
    /// For transposed convolutions.
    pub(super) products: ProductScratch<B>,
    /// For dense decoders: what is decoded and the target, `[samples, numbers]`.
    pub(super) rows: [B::Buffer<f32>; 2],
}

/// A decoder in training.
pub(super) struct Training<B: Backend> {
    layers: Vec<(DecoderLayerSpec, DecoderState<B>)>,
    half: Option<DeviceDecoder<B>>,
    losses: Vec<f64>,
}

impl<B: CascadeBackend> Training<B> {
    /// The decoder of layer `index` of the network, counted from 0, before any step.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub(super) fn new(
        cascade: &GradientCascade<B>,
        job: &Job<'_>,
        index: usize,
        decoder: &[DecoderLayerSpec],
    ) -> Result<Self> {
        let states = initial::states(cascade, job, index, decoder)?;
        let layers = decoder.iter().copied().zip(states).collect();
        Ok(Self { layers, half: None, losses: Vec::new() })
    }

    /// Keeps a copy of the decoder as it is.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub(super) fn keep_half(&mut self, backend: &B) -> Result<()> {
        let layers = self.layers.iter().map(|(spec, state)| (*spec, &state.weights, &state.bias));
        self.half = Some(DeviceDecoder::copied(backend, layers)?);
        Ok(())
    }

    /// A step on `samples` samples, from the layer's output `h` to its input `target`, both `[numbers, samples]`.
    ///
    /// # Errors
    /// When the device fails.
    pub(super) fn step(
        &mut self,
        cascade: &GradientCascade<B>,
        samples: usize,
        [h, target]: [&B::Buffer<f32>; 2],
        scratch: &mut DecoderScratch<B>,
    ) -> Result<()> {
        let (backend, params) = (&cascade.backend, cascade.params.params());
        let loss = match &mut self.layers[..] {
            [(spec @ DecoderLayerSpec { kind: DecoderKind::Dense { .. }, .. }, state)] => {
                let [outputs, inputs] = spec.kind.matrix();
                let config = DecoderConfig {
                    samples,
                    inputs,
                    outputs,
                    batch: samples,
                    activation: spec.activation,
                    optimizer: params.optimizer,
                    precision: params.precision,
                };
                let [rows_h, rows_target] = &mut scratch.rows;
                for (units, from, to) in [(inputs, h, &mut *rows_h), (outputs, target, rows_target)]
                {
                    let axes = [Axes::UnitPixelSample, Axes::SampleUnitPixel];
                    backend.patches(&reordered(Shape::flat(units), samples, axes), from, to)?;
                }
                let [h, target] = &scratch.rows;
                backend.train_decoder(&config, 0..1, h, target, state)?[0]
            }
            layers => scratch.products.step(backend, params, samples, [h, target], layers)?,
        };
        self.losses.push(loss);
        Ok(())
    }

    /// The trained decoder, of layer `index` of the network, counted from 0.
    ///
    /// # Errors
    /// [`Error::Diverged`](crate::Error::Diverged) when a loss is not finite.
    pub(super) fn finish(self, backend: &B, index: usize) -> Result<Fitted<B>> {
        let fit = losses_fit(index, &self.losses)?;
        let layers = self.layers.into_iter().map(|(spec, state)| {
            let DecoderState { weights, bias, .. } = state;
            DeviceDecoderLayer { spec, weights, bias }
        });
        let decoder = DeviceDecoder { backend: backend.clone(), layers: layers.collect() };
        Ok(Fitted { decoder, half: self.half, fit, losses: self.losses })
    }
}
