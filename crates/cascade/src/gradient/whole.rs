//! Training of a dense decoder on the activations of all samples: whole epochs at a time.

use std::ops::Range;

use isobath_tensor::{Backend, DecoderConfig, DecoderState, GatherConfig, GatherRows};

use crate::{
    CascadeBackend, Error, InitialDecoders, Job, Result, activations::Activations,
    device_decoder::DeviceDecoder, segment::Segment, sweep::Fitted,
};

use super::{GradientCascade, initial, losses_fit, order};

impl<B: CascadeBackend> GradientCascade<B> {
    /// Runs the training samples through the only layer of `segment` and trains its dense decoder.
    pub(super) fn fit_whole(
        &self,
        job: &Job<'_>,
        segment: &Segment<'_, B>,
        train: &mut Activations<B>,
    ) -> Result<Vec<Fitted<B>>> {
        let (backend, params) = (&self.backend, self.params.params());
        train.forward(backend, params.forward_precision, &segment.layers[0])?;
        let spec = segment.decoders[0][0];
        let [outputs, inputs] = spec.kind.matrix();
        let config = DecoderConfig {
            samples: train.rows,
            inputs,
            outputs,
            batch: params.batch.min(train.rows),
            activation: spec.activation,
            optimizer: params.optimizer,
            precision: params.precision,
        };
        let [mut state] = initial::states(self, job, segment.first, &segment.decoders[0])?
            .try_into()
            .expect("a dense decoder has one layer");
        let steps = self.params.steps(config.samples);
        let mut losses = Vec::with_capacity(steps);
        let mut half = None;
        let mut samples = Ordered {
            backend,
            config: &config,
            h: &train.output,
            target: &train.input,
            shuffled: None,
        };
        for part in parts(steps, config.batches_per_epoch()) {
            if part.start >= steps / 2 && half.is_none() {
                half = Some(DeviceDecoder::copied(backend, [(spec, &state.weights, &state.bias)])?);
            }
            // Given decoders repeat a computation, whose order is the stored one in every epoch.
            if let InitialDecoders::Drawn { seed } = job.initial {
                samples.enter(seed, part.start / config.batches_per_epoch())?;
            }
            let (h, target) = samples.buffers();
            losses.extend(backend.train_decoder(&config, part, h, target, &mut state)?);
        }
        let fit = losses_fit(segment.first, &losses)?;
        let DecoderState { weights, bias, .. } = state;
        let decoder = DeviceDecoder::single(backend, spec, weights, bias);
        Ok(vec![Fitted { decoder, half, fit, losses }])
    }
}

/// Divides `0..steps` at half of the steps and at the ends of epochs.
fn parts(steps: usize, per_epoch: usize) -> impl Iterator<Item = Range<usize>> {
    let half = steps / 2;
    let next = move |start: usize| {
        let epoch = (start / per_epoch + 1) * per_epoch;
        let end = if start < half { epoch.min(half) } else { epoch.min(steps) };
        (start < steps).then_some((start..end, end))
    };
    let mut start = 0;
    std::iter::from_fn(move || {
        let (part, end) = next(start)?;
        start = end;
        Some(part)
    })
}

/// Training samples in the order of the current epoch: as given in the first one, shuffled anew in each further one.
struct Ordered<'a, B: Backend> {
    backend: &'a B,
    config: &'a DecoderConfig,
    h: &'a B::Buffer<f32>,
    target: &'a B::Buffer<f32>,
    shuffled: Option<Shuffled<B>>,
}

/// Shuffled copies of the samples.
struct Shuffled<B: Backend> {
    epoch: usize,
    h: B::Buffer<f32>,
    target: B::Buffer<f32>,
}

impl<B: GatherRows> Ordered<'_, B> {
    /// Switches to the order of `epoch`, counted from 0.
    fn enter(&mut self, seed: u64, epoch: usize) -> Result<()> {
        if epoch == 0 || self.shuffled.as_ref().is_some_and(|shuffled| shuffled.epoch == epoch) {
            return Ok(());
        }
        let &DecoderConfig { samples: count, inputs, outputs, .. } = self.config;
        let order = self.backend.upload(&order(seed, epoch, count))?;
        let gather = |source, cols| {
            let mut out = self.backend.zeros(count * cols)?;
            let rows = GatherConfig { cols, first: 0, count };
            self.backend.gather_rows(rows, source, &order, &mut out)?;
            Ok::<_, Error>(out)
        };
        let (h, target) = (gather(self.h, inputs)?, gather(self.target, outputs)?);
        self.shuffled = Some(Shuffled { epoch, h, target });
        Ok(())
    }

    fn buffers(&self) -> (&B::Buffer<f32>, &B::Buffer<f32>) {
        self.shuffled
            .as_ref()
            .map_or((self.h, self.target), |Shuffled { h, target, .. }| (h, target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_end_at_half_the_steps_and_at_epochs() {
        let parts = |steps, per_epoch| parts(steps, per_epoch).collect::<Vec<_>>();
        assert_eq!(parts(10, 10), [0..5, 5..10]);
        assert_eq!(parts(10, 4), [0..4, 4..5, 5..8, 8..10]);
        assert_eq!(parts(8, 4), [0..4, 4..8]);
        assert!(parts(1, 4).iter().eq([&(0..1)]));
    }
}
