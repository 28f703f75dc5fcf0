use std::ops::Range;

use isobath_architecture::Activation;
use isobath_network::ForwardBackend;
use isobath_tensor::{
    Backend, DecoderConfig, DecoderState, FitRidge, GatherConfig, GatherRows, TrainDecoder,
    random::StreamRng,
};

use crate::{
    Cascade, CascadeValidParams, Decoder, Error, Extent, InitialDecoders, Job, LayerFit, Observer,
    Reconstructor, Result, StopFn,
    chain::{self, weights},
    compose,
    decoder::DeviceDecoder,
    linear_error,
    sweep::{Fitted, Sweep},
};

/// Streams of this crate: two for each layer, in a range no other crate uses.
const STREAMS: u64 = 2 << 32;

/// Streams of the sample order, one for each epoch.
const ORDER_STREAMS: u64 = 4 << 32;

/// Decoders found by gradient descent, as published.
#[derive(Clone, Debug)]
pub struct GradientCascade<B> {
    backend: B,
    params: CascadeValidParams,
}

impl<B: ForwardBackend + TrainDecoder + GatherRows + FitRidge> GradientCascade<B> {
    /// A cascade on `backend`.
    pub const fn new(backend: B, params: CascadeValidParams) -> Self {
        Self { backend, params }
    }

    /// Trains the decoder of layer `index` from the layer's output `h` to its input `target`, both `samples` rows.
    fn fit(
        &self,
        job: &Job<'_>,
        index: usize,
        samples: usize,
        h: &B::Buffer<f32>,
        target: &B::Buffer<f32>,
    ) -> Result<Fitted<B>> {
        let params = self.params.params();
        let activation = self.params.activation();
        let layer = &job.network.spec().layers()[index];
        let config = DecoderConfig {
            samples,
            inputs: layer.outputs(),
            outputs: layer.inputs(),
            batch: params.batch.min(samples),
            activation,
            optimizer: params.optimizer,
            precision: params.precision,
        };
        let mut state = self.initial(job, index, &config)?;
        let steps = self.params.steps(config.samples);
        let mut losses = Vec::with_capacity(steps);
        let mut half = None;
        let mut samples =
            Ordered { backend: &self.backend, config: &config, h, target, shuffled: None };
        for part in parts(steps, config.batches_per_epoch()) {
            if part.start >= steps / 2 && half.is_none() {
                let DecoderState { weights, bias, .. } = &state;
                let shape = [config.outputs, config.inputs];
                half =
                    Some(DeviceDecoder::copied(&self.backend, shape, activation, [weights, bias])?);
            }
            // Given decoders repeat a computation, whose order is the stored one in every epoch.
            if let InitialDecoders::Drawn { seed } = job.initial {
                samples.enter(seed, part.start / config.batches_per_epoch())?;
            }
            let (h, target) = samples.buffers();
            losses.extend(self.backend.train_decoder(&config, part, h, target, &mut state)?);
        }
        if let Some(step) = losses.iter().position(|loss| !loss.is_finite()) {
            return Err(Error::Diverged { layer: index + 1, step: step + 1, loss: losses[step] });
        }
        let decoder = DeviceDecoder {
            backend: self.backend.clone(),
            inputs: config.inputs,
            outputs: config.outputs,
            weights: state.weights,
            bias: state.bias,
            activation,
        };
        let fit = LayerFit { first_loss: losses[0], last_loss: losses[steps - 1], steps };
        Ok(Fitted { decoder, half, fit })
    }

    fn initial(
        &self,
        job: &Job<'_>,
        index: usize,
        config: &DecoderConfig,
    ) -> Result<DecoderState<B>> {
        Ok(match job.initial {
            InitialDecoders::Drawn { seed } => {
                let stream = STREAMS + 2 * index as u64;
                DecoderState::init(&self.backend, config.inputs, config.outputs, seed, stream)?
            }
            InitialDecoders::Given(decoders) => {
                let Decoder { weights, bias, .. } = &decoders[index];
                DecoderState::from_host(&self.backend, config.inputs, weights, bias)?
            }
        })
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
        // The decoders of all layers see the same order.
        let mut random = StreamRng::new(seed, ORDER_STREAMS + epoch as u64);
        let order = self.backend.upload(&random.permutation(count))?;
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

impl<B: ForwardBackend + TrainDecoder + GatherRows + FitRidge> Reconstructor
    for GradientCascade<B>
{
    fn cascade(
        &self,
        job: &Job<'_>,
        observer: &dyn Observer,
        stop: Option<&mut StopFn<'_>>,
    ) -> Result<Cascade> {
        let sweep = Sweep::new(&self.backend, job, &self.params);
        let samples = sweep.samples;
        let fit = |index, h: &_, target: &_| self.fit(job, index, samples, h, target);
        let swept = sweep.run(observer, stop, fit)?;
        Ok(Cascade::new(swept, self, job))
    }

    fn flops(&self, extent: &Extent<'_>) -> u64 {
        let &Extent { layers, train, probe } = extent;
        let batch = self.params.params().batch;
        let steps = self.params.steps(train);
        let per_epoch = train.div_ceil(batch).max(1);
        // Whole epochs, and the beginning of one, whose minibatches are all full.
        let trained = (steps / per_epoch * train + steps % per_epoch * batch) as u64;
        let passed = (self.params.samples(train) + probe) as u64;
        let forward: u64 = layers.iter().map(|layer| layer.forward_flops() * passed).sum();
        let decoders: u64 = layers.iter().map(|layer| 4 * weights(layer) * trained).sum();
        let reconstructions = match self.params.activation() {
            Activation::Linear => compose::flops(layers, probe as u64),
            _ => chain::flops(layers.iter().map(weights), probe as u64),
        };
        // The decoders of half of the steps reconstruct as well.
        forward
            + decoders
            + 2 * reconstructions
            + linear_error::flops(layers, self.params.samples(train) as u64)
            + linear_error::deep_flops(layers, self.params.samples(train) as u64)
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
