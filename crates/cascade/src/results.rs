//! Results of a sweep: what each layer's decoder makes of the probe samples, and how good a linear one could be.

use isobath_network::{DeviceLayer, ForwardBackend};
use isobath_tensor::{Backend, FitRidge, GatherRows};

use crate::{
    Error, LayerFit, Result, StopFn,
    activations::Activations,
    compose,
    decoder_layer::DecoderLayerSpec,
    linear_error::LinearCheck,
    reconstruction::Reconstruction,
    segment::{Segment, widest},
    sweep::{Fitted, Sweep, Swept},
    work::Work,
};

/// Results of the layers so far.
pub(crate) struct Results<'a, 'j, B: Backend> {
    sweep: &'a Sweep<'a, 'j, B>,
    work: &'a Work<'a>,
    probe: Activations<B>,
    /// Decoders after all and after half of their steps, and what they reconstruct.
    whole: Reconstruction<'a, B>,
    half: Reconstruction<'a, B>,
    /// All decoders are linear and multiplied into one.
    composes: bool,
    /// Outputs of the layers for the probe samples that wait to be reconstructed from.
    waiting: Vec<B::Buffer<f32>>,
    linear: Option<LinearCheck<B>>,
    fits: Vec<LayerFit>,
    losses: Vec<Vec<f64>>,
    /// Number of layers before the next early stop.
    checkpoint: usize,
}

/// Layers after which the early stop is checked first; each further check comes after half as many layers again.
const FIRST_CHECK: usize = 8;

impl<'a, 'j, B: ForwardBackend + FitRidge + GatherRows> Results<'a, 'j, B> {
    /// No layer yet; `train` has the input of the network.
    pub(crate) fn new(
        sweep: &'a Sweep<'a, 'j, B>,
        train: &Activations<B>,
        work: &'a Work<'a>,
    ) -> Result<Self> {
        let &Sweep { backend, job, spare_bytes, .. } = sweep;
        let layers = sweep.layers();
        let is_linear = sweep.decoders.iter().flatten().all(DecoderLayerSpec::is_linear);
        Ok(Self {
            sweep,
            work,
            probe: Activations::new(backend, job.probe, [widest(layers); 2])?,
            whole: Reconstruction::new(backend, spare_bytes / 2),
            half: Reconstruction::new(backend, spare_bytes / 2),
            composes: is_linear && compose::fits(layers),
            waiting: Vec::new(),
            linear: if sweep.has_yardstick { Some(LinearCheck::new(sweep, train)?) } else { None },
            fits: Vec::new(),
            losses: Vec::new(),
            checkpoint: FIRST_CHECK,
        })
    }

    /// Adds the next layer with its decoder. `train` has the training samples before and behind the layer's segment.
    ///
    /// # Errors
    /// When the device fails, decoders cannot be put aside, or the observer cancels.
    pub(crate) fn add(
        &mut self,
        layer: &DeviceLayer<B>,
        fitted: Fitted<B>,
        train: &Activations<B>,
    ) -> Result<()> {
        let &Sweep { backend, job, precision, .. } = self.sweep;
        let index = self.fits.len();
        if index > 0 && self.work.is_cancelled() {
            return Err(Error::Cancelled);
        }
        self.probe.forward(backend, precision, layer)?;
        let is_trained = fitted.half.is_some();
        if let Some(linear) = &mut self.linear {
            linear.add(self.sweep, layer, is_trained, train, &self.probe.output)?;
        }
        let Fitted { decoder, half, fit, losses } = fitted;
        if !self.composes {
            let size = self.probe.rows * decoder.inputs();
            let mut activations = backend.zeros(size)?;
            backend.copy(&self.probe.output, 0..size, &mut activations, 0)?;
            self.waiting.push(activations);
        }
        for (target, decoder) in [(&mut self.whole, Some(decoder)), (&mut self.half, half)] {
            let Some(decoder) = decoder else { continue };
            if self.composes {
                target.compose(decoder, &self.probe)?;
            } else {
                target.push(decoder)?;
            }
        }
        self.fits.push(fit);
        self.losses.push(losses);
        self.probe.advance();
        if index + 1 == job.layers { self.chain() } else { Ok(()) }
    }

    /// True if `stop` says so after this layer, which is checked after some layers only.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub(crate) fn stops(&mut self, stop: Option<&mut StopFn<'_>>) -> Result<bool> {
        let Some(stop) = stop.filter(|_| self.fits.len() == self.checkpoint) else {
            return Ok(false);
        };
        self.checkpoint += self.checkpoint / 2;
        self.chain()?;
        Ok(stop(&self.whole.reconstructions))
    }

    /// Reconstructs from the layers that wait.
    fn chain(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        for target in [&mut self.whole, &mut self.half] {
            target.chain(&self.waiting, self.probe.rows, self.work)?;
        }
        self.waiting.clear();
        Ok(())
    }

    /// Names activations that overflow as the reason of a failed fit of `segment`, the one after the layers so far.
    pub(crate) fn explained(&mut self, error: Error, segment: &Segment<'_, B>) -> Error {
        let (Error::Diverged { layer: failed, .. } | Error::Ridge { layer: failed, .. }) = error
        else {
            return error;
        };
        let &Sweep { backend, precision, .. } = self.sweep;
        for (layer, number) in segment.layers.iter().zip(segment.first + 1..=failed) {
            let output = self.probe.forward(backend, precision, layer).and_then(|()| {
                Ok(backend.read(&self.probe.output, 0..self.probe.rows * layer.outputs())?)
            });
            match output {
                Ok(output) if output.iter().any(|value| !value.is_finite()) => {
                    return Error::Overflow { layer: number };
                }
                Ok(_) => self.probe.advance(),
                Err(_) => return error,
            }
        }
        error
    }
}

impl<B: Backend> From<Results<'_, '_, B>> for Swept {
    fn from(results: Results<'_, '_, B>) -> Self {
        let Results { whole, half, linear, fits, losses, .. } = results;
        Self {
            reconstructions: whole.reconstructions,
            half: half.reconstructions,
            linear_error: linear.as_ref().and_then(|linear| linear.error),
            linear_profile: linear.map_or_else(Vec::new, |linear| linear.profile),
            fits,
            losses,
            decoders: whole.decoders.into(),
        }
    }
}
