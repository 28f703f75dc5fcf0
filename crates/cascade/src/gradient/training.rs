//! Training of one decoder, a minibatch at a time.

use isobath_tensor::{Axes, Backend, DecoderConfig, DecoderState};

use crate::{
    CascadeBackend, ConvTranspose2d, DecoderKind, Job, Result,
    conv_transpose::reordered,
    decoder_layer::DecoderLayerSpec,
    device_decoder::{DeviceDecoder, DeviceDecoderLayer, Patches},
    sweep::Fitted,
};

use super::{
    GradientCascade, initial,
    joint::{self, JointScratch},
    losses_fit,
};

/// A decoder in training.
pub(super) struct Training<B: Backend> {
    layers: Vec<(DecoderLayerSpec, DecoderState<B>)>,
    half: Option<DeviceDecoder<B>>,
    losses: Vec<f64>,
}

/// Memory that the training of all decoders of a segment uses in turn.
pub(super) struct Scratch<B: Backend> {
    patches: Patches<B>,
    /// `[samples, pixels, channels]`
    target: B::Buffer<f32>,
    joint: JointScratch<B>,
}

impl<B: CascadeBackend> Scratch<B> {
    /// Memory for minibatches of up to `batch` samples.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub(super) fn new(
        backend: &B,
        decoders: &[Vec<DecoderLayerSpec>],
        batch: usize,
    ) -> Result<Self> {
        let single = decoders.iter().filter_map(|decoder| match &decoder[..] {
            [DecoderLayerSpec { kind: DecoderKind::ConvTranspose2d(conv), .. }] => Some(conv),
            _ => None,
        });
        let last = decoders.iter().filter_map(|decoder| decoder.last());
        let widest = last.map(|layer| layer.kind.outputs()).max().unwrap_or(0);
        let joint = decoders.iter().filter(|decoder| decoder.len() > 1).map(Vec::as_slice);
        Ok(Self {
            patches: Patches::new(backend, single, batch)?,
            target: backend.zeros(batch * widest)?,
            joint: JointScratch::new(backend, joint, batch)?,
        })
    }
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

    /// A step on `samples` samples, from the layer's output `h` to its input `target`.
    ///
    /// # Errors
    /// When the device fails.
    pub(super) fn step(
        &mut self,
        cascade: &GradientCascade<B>,
        samples: usize,
        [h, target]: [&B::Buffer<f32>; 2],
        scratch: &mut Scratch<B>,
    ) -> Result<()> {
        let (backend, params) = (&cascade.backend, cascade.params.params());
        let loss = match &mut self.layers[..] {
            [(spec, state)] => {
                let rows = samples * spec.kind.rows();
                let [outputs, inputs] = spec.kind.matrix();
                let config = DecoderConfig {
                    samples: rows,
                    inputs,
                    outputs,
                    batch: rows,
                    activation: spec.activation,
                    optimizer: params.optimizer,
                    precision: params.precision,
                };
                let Scratch { patches, target: targets, .. } = scratch;
                let [h, target] = match &spec.kind {
                    DecoderKind::Dense { .. } => [h, target],
                    DecoderKind::ConvTranspose2d(conv) => {
                        patches.fill(backend, conv, samples, h)?;
                        by_pixel(backend, conv, samples, target, targets)?;
                        [&patches.rows, &*targets]
                    }
                };
                backend.train_decoder(&config, 0..1, h, target, state)?[0]
            }
            layers => {
                let Scratch { target: targets, joint, .. } = scratch;
                let (last, _) = &layers[layers.len() - 1];
                by_pixel(backend, &joint::convolution(last.kind), samples, target, targets)?;
                joint.step(backend, params, samples, [h, targets], layers)?
            }
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

/// Images of what `conv` writes, `[samples, channels, pixels]`, as rows `[samples, pixels, channels]`.
fn by_pixel<B: CascadeBackend>(
    backend: &B,
    conv: &ConvTranspose2d,
    samples: usize,
    images: &B::Buffer<f32>,
    rows: &mut B::Buffer<f32>,
) -> Result<()> {
    let axes = [Axes::SampleUnitPixel, Axes::SamplePixelUnit];
    Ok(backend.patches(&reordered(conv.output, samples, axes), images, rows)?)
}
