use isobath_architecture::Activation;
use isobath_network::ForwardBackend;
use isobath_tensor::{DecoderConfig, DecoderState, TrainDecoder};

use crate::{
    Cascade, CascadeValidParams, Decoder, Error, Extent, InitialDecoders, Job, LayerFit, Observer,
    Reconstructor, Result, StopFn,
    chain::{self, weights},
    compose,
    decoder::DeviceDecoder,
    sweep::Sweep,
};

/// Streams of this crate: two for each layer, in a range no other crate uses.
const STREAMS: u64 = 2 << 32;

/// Decoders found by gradient descent, as published.
#[derive(Clone, Debug)]
pub struct GradientCascade<B> {
    backend: B,
    params: CascadeValidParams,
}

impl<B: ForwardBackend + TrainDecoder> GradientCascade<B> {
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
    ) -> Result<(DeviceDecoder<B>, LayerFit)> {
        let params = self.params.params();
        let activation = self.params.activation();
        let layer = job.network.spec().layers()[index];
        let config = DecoderConfig {
            samples,
            inputs: layer.outputs(),
            outputs: layer.inputs(),
            batch: params.batch,
            activation,
            optimizer: params.optimizer,
            precision: params.precision,
        };
        let mut state = self.initial(job, index, &config)?;
        let steps = self.params.steps(config.samples);
        let losses = self.backend.train_decoder(&config, 0..steps, h, target, &mut state)?;
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
        Ok((decoder, LayerFit { first_loss: losses[0], last_loss: losses[steps - 1], steps }))
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

impl<B: ForwardBackend + TrainDecoder> Reconstructor for GradientCascade<B> {
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
        forward + decoders + reconstructions
    }
}
