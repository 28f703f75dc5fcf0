use ndarray::ArrayView2;
use network::Layer;
use tensor::{Backend, DecoderConfig, DecoderState, Dense, TrainDecoder};

use crate::{
    Cascade, CascadeValidParams, Decoder, Decoders, Error, Extent, InitialDecoders, Job, LayerFit,
    Observer, Reconstructor, Result, chain,
};

/// Streams of this crate: two for each layer, in a range no other crate uses.
const STREAMS: u64 = 2 << 32;

/// Decoders found by gradient descent, as published.
#[derive(Clone, Debug)]
pub struct GradientCascade<B> {
    backend: B,
    params: CascadeValidParams,
}

impl<B: Dense + TrainDecoder> GradientCascade<B> {
    /// A cascade on `backend`.
    pub const fn new(backend: B, params: CascadeValidParams) -> Self {
        Self { backend, params }
    }

    /// Trains the decoder of layer `index` from the layer's output `h` to its input `target`.
    fn fit(
        &self,
        job: &Job<'_>,
        index: usize,
        h: &B::Buffer<f32>,
        target: &B::Buffer<f32>,
    ) -> Result<(Decoder, LayerFit)> {
        let params = self.params.params();
        let layer = job.network.spec().layers()[index];
        let config = DecoderConfig {
            samples: job.train.nrows(),
            inputs: layer.outputs(),
            outputs: layer.inputs(),
            batch: params.batch,
            activation: params.activation,
            optimizer: params.optimizer,
            precision: params.precision,
        };
        let mut state = self.initial(job, index, &config)?;
        let steps = self.params.steps(config.samples);
        let losses = self.backend.train_decoder(&config, 0..steps, h, target, &mut state)?;
        if let Some(step) = losses.iter().position(|loss| !loss.is_finite()) {
            return Err(Error::Diverged { layer: index + 1, step: step + 1, loss: losses[step] });
        }
        let decoder = Decoder {
            weights: self.backend.download(&state.weights)?,
            bias: self.backend.download(&state.bias)?,
            activation: params.activation,
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

impl<B: Dense + TrainDecoder> Reconstructor for GradientCascade<B> {
    fn reconstruct(&self, job: &Job<'_>, observer: &dyn Observer) -> Result<Cascade> {
        job.check()?;
        let mut train = Activations::new(&self.backend, job, job.train)?;
        let mut probe = Activations::new(&self.backend, job, job.probe)?;
        let mut decoders = Decoders::with_limit(Decoders::DEFAULT_LIMIT);
        let (mut fits, mut probe_activations) = (Vec::new(), Vec::new());
        for index in 0..job.layers {
            if observer.cancelled() {
                return Err(Error::Cancelled);
            }
            let layer = job.network.upload_layer(&self.backend, index)?;
            for activations in [&mut train, &mut probe] {
                layer.forward(
                    &self.backend,
                    activations.rows,
                    &activations.input,
                    &mut activations.output,
                )?;
            }
            let (decoder, fit) = self.fit(job, index, &train.output, &train.input)?;
            decoders.push(decoder)?;
            fits.push(fit);
            let width = job.network.spec().layers()[index].outputs();
            probe_activations.push(self.backend.read(&probe.output, 0..probe.rows * width)?);
            train.advance();
            probe.advance();
            observer.layer_done(index + 1, job.layers);
        }
        drop(train);
        let samples = job.probe.nrows();
        let reconstructions =
            chain::reconstruct(&self.backend, &decoders, &probe_activations, samples, observer)?;
        Ok(Cascade { reconstructions, fits, decoders, flops: self.flops(&job.extent()) })
    }

    fn flops(&self, extent: &Extent<'_>) -> u64 {
        let &Extent { layers, train, probe } = extent;
        let batch = self.params.params().batch;
        let steps = self.params.steps(train);
        let per_epoch = train.div_ceil(batch).max(1);
        // Whole epochs, and the beginning of one, whose minibatches are all full.
        let trained = (steps / per_epoch * train + steps % per_epoch * batch) as u64;
        let weights = |layer: &Layer| layer.inputs() as u64 * layer.outputs() as u64;
        let forward: u64 =
            layers.iter().map(|layer| layer.forward_flops() * (train + probe) as u64).sum();
        let decoders: u64 = layers.iter().map(|layer| 4 * weights(layer) * trained).sum();
        forward + decoders + chain::flops(layers.iter().map(weights), probe as u64)
    }
}

/// Input and output of the layer at hand, on the device.
struct Activations<B: Backend> {
    rows: usize,
    input: B::Buffer<f32>,
    output: B::Buffer<f32>,
}

impl<B: Backend> Activations<B> {
    /// Room for the widest layer, the samples in place.
    fn new(backend: &B, job: &Job<'_>, samples: ArrayView2<'_, f32>) -> Result<Self> {
        /// Samples copied at a time where they do not lie in one piece.
        const CHUNK: usize = 1024;
        let (rows, width) = samples.dim();
        let widest =
            job.network.spec().widths()[..=job.layers].iter().copied().max().unwrap_or(width);
        let mut input = backend.zeros(rows * widest)?;
        if let Some(numbers) = samples.as_slice() {
            backend.write(&mut input, 0, numbers)?;
        } else {
            for (index, chunk) in samples.axis_chunks_iter(ndarray::Axis(0), CHUNK).enumerate() {
                let numbers: Vec<f32> = chunk.iter().copied().collect();
                backend.write(&mut input, index * CHUNK * width, &numbers)?;
            }
        }
        Ok(Self { rows, input, output: backend.zeros(rows * widest)? })
    }

    /// The output becomes the next layer's input.
    fn advance(&mut self) {
        std::mem::swap(&mut self.input, &mut self.output);
    }
}
