//! Decoders found by gradient descent.

mod initial;
mod minibatch;
mod product_scratch;
mod products;
mod training;
mod whole;

use isobath_architecture::{Activation, Layer};
use isobath_tensor::random::StreamRng;

use crate::{
    Cascade, CascadeBackend, CascadeValidParams, Error, Extent, Job, LayerFit, Observer,
    Reconstructor, Result, StopFn, chain, compose,
    decoder_layer::DecoderLayerSpec,
    linear_error,
    segment::is_dense,
    sweep::{Sweep, Swept},
    work::Work,
};

pub(crate) use product_scratch::numbers as block_numbers;

/// Streams of the sample order, one for each epoch.
const ORDER_STREAMS: u64 = 4 << 32;

/// Decoders found by gradient descent, as published.
///
/// Layers of a network that is not dense are done in segments: the activations of the training samples are kept only
/// where a segment begins, and computed again, minibatch by minibatch, for the decoders of its layers.
#[derive(Clone, Debug)]
pub struct GradientCascade<B> {
    backend: B,
    params: CascadeValidParams,
}

impl<B: CascadeBackend> GradientCascade<B> {
    /// A cascade on `backend`.
    pub const fn new(backend: B, params: CascadeValidParams) -> Self {
        Self { backend, params }
    }
}

impl<B: CascadeBackend> GradientCascade<B> {
    /// Runs a sweep whose decoders are trained minibatch by minibatch.
    fn run_by_minibatch(
        &self,
        sweep: Sweep<'_, '_, B>,
        work: &Work<'_>,
        stop: Option<&mut StopFn<'_>>,
    ) -> Result<Swept> {
        let job = sweep.job;
        sweep.run(work, stop, |segment, train| self.fit_by_minibatch(job, work, segment, train))
    }
}

/// Order of `count` samples in `epoch`, counted from 0; the same for the decoders of all layers.
fn order(seed: u64, epoch: usize, count: usize) -> Vec<u32> {
    StreamRng::new(seed, ORDER_STREAMS + epoch as u64).permutation(count)
}

/// Fit of the decoder of layer `index`, counted from 0, from its losses.
///
/// # Errors
/// [`Error::Diverged`] when one is not finite.
fn losses_fit(index: usize, losses: &[f64]) -> Result<LayerFit> {
    if let Some(step) = losses.iter().position(|loss| !loss.is_finite()) {
        return Err(Error::Diverged { layer: index + 1, step: step + 1, loss: losses[step] });
    }
    let (first_loss, last_loss) = (losses[0], losses[losses.len() - 1]);
    Ok(LayerFit { first_loss, last_loss, steps: losses.len() })
}

impl<B: CascadeBackend> Reconstructor for GradientCascade<B> {
    fn cascade(
        &self,
        job: &Job<'_>,
        observer: &dyn Observer,
        stop: Option<&mut StopFn<'_>>,
    ) -> Result<Cascade> {
        let sweep = Sweep::new(&self.backend, job, &self.params)?;
        let is_dense = is_dense(sweep.layers())
            && sweep.decoders.iter().all(|decoder| minibatch::is_dense(decoder));
        let fits = sweep
            .layers()
            .iter()
            .zip(&sweep.decoders)
            .map(|(layer, decoder)| layer.forward_flops() + training_flops(decoder));
        let trained = self.trained(sweep.samples);
        let fits = fits.map(|of_sample| of_sample * trained).collect();
        let work = Work::new(observer, fits, sweep.chain_flops(2));
        let swept = if is_dense {
            sweep.run(&work, stop, |segment, train| self.fit_whole(job, segment, train))?
        } else {
            self.run_by_minibatch(sweep.in_segments(), &work, stop)?
        };
        Ok(Cascade::new(swept, self, job))
    }

    fn flops(&self, extent: &Extent<'_>) -> u64 {
        let &Extent { layers, train, probe } = extent;
        let (trained, samples) = (self.trained(train), self.params.samples(train));
        // Activations are computed again in each epoch, or kept.
        let passed = if is_dense(layers) { samples as u64 } else { trained } + probe as u64;
        let forward: u64 = layers.iter().map(|layer| layer.forward_flops() * passed).sum();
        let decoders: Vec<_> =
            layers.iter().map(|layer| self.params.decoder_layers(layer)).collect();
        let training: u64 = decoders.iter().map(|decoder| training_flops(decoder) * trained).sum();
        let reconstructions = if self.is_composed(layers) {
            compose::flops(layers, &decoders, probe as u64)
        } else {
            chain::flops(decoders.iter().map(|decoder| products(decoder)), probe as u64)
        };
        // The decoders of half of the steps reconstruct as well.
        forward
            + training
            + 2 * reconstructions
            + linear_error::flops(layers, &decoders, samples)
            + linear_error::deep_flops(layers, samples, true)
    }
}

impl<B> GradientCascade<B> {
    /// Samples in all steps of a decoder, given the number of training samples.
    fn trained(&self, samples: usize) -> u64 {
        let batch = self.params.params().batch;
        let steps = self.params.steps(samples);
        let per_epoch = samples.div_ceil(batch).max(1);
        // Whole epochs, and the beginning of one, whose minibatches are all full.
        (steps / per_epoch * samples + steps % per_epoch * batch) as u64
    }

    /// True if the decoders of `layers` are linear and composed.
    fn is_composed(&self, layers: &[Layer]) -> bool {
        self.params.activation() == Activation::Linear && compose::fits(layers)
    }
}

/// Multiplications of a decoder's matrix products, per sample.
fn products(decoder: &[DecoderLayerSpec]) -> u64 {
    decoder.iter().map(|layer| layer.kind.products()).sum()
}

/// Floating-point operations of a step of a decoder's training, per sample: forward and weight gradients, and the
/// derivatives that go back through all but its first layer.
fn training_flops(decoder: &[DecoderLayerSpec]) -> u64 {
    4 * products(decoder) + 2 * products(&decoder[1..])
}

#[cfg(test)]
mod tests {
    use isobath_architecture::{Conv2dLayer, DenseLayer, NetworkSpec, Shape, Variances, Window};
    use isobath_network::Network;
    use isobath_tensor::{Cpu, RandomStream, Reference};
    use ndarray::Array2;

    use super::*;
    use crate::{CascadeParams, InitialDecoders, Silent, segment::Segments};

    /// Nine convolutions that get narrower, and two dense layers.
    fn network() -> Network {
        let mut shape = Shape::new(1, 9, 9);
        let mut layers = Vec::new();
        for index in 0..9 {
            let window = Window::square(3, if index % 4 == 3 { 2 } else { 1 }, 1);
            let conv = Conv2dLayer::new(shape, 3, window, Activation::Tanh);
            shape = conv.output();
            layers.push(Layer::Conv2d(conv));
        }
        for outputs in [6, 5] {
            let inputs = layers.last().map_or(0, Layer::outputs);
            let activation = Activation::Tanh;
            layers.push(Layer::Dense(DenseLayer { inputs, outputs, activation }));
        }
        let spec = NetworkSpec::new(layers).unwrap();
        Network::random(spec, Variances::new(1.5, 0.05).unwrap(), 3)
    }

    /// Bits of reconstructions and decoders, with training samples of at most `limit` bytes between segments; and the
    /// number of segments.
    fn bits<B: CascadeBackend>(
        backend: B,
        limit: usize,
        mut stop: Option<&mut StopFn<'_>>,
    ) -> (Vec<u32>, usize) {
        let network = network();
        let samples = |stream, n: usize| {
            let numbers = RandomStream::Normal { seed: 1, stream, std: 1.0 }.take(n * 81);
            Array2::from_shape_vec((n, 81), numbers).unwrap()
        };
        let (train, probe) = (samples(1, 22), samples(2, 3));
        let job = Job {
            network: &network,
            layers: 11,
            train: train.view(),
            order: None,
            probe: probe.view(),
            initial: InitialDecoders::Drawn { seed: 4 },
        };
        let params = CascadeParams { epochs: 3, batch: 8, ..CascadeParams::default() };
        let cascade = GradientCascade::new(backend, params.check().unwrap());
        let sweep = Sweep::new(&cascade.backend, &job, &cascade.params).unwrap();
        let segments = Segments::narrow(sweep.layers(), sweep.samples, limit);
        let count = segments.ranges.len();
        let sweep = Sweep { segments, ..sweep };
        let work = Work::new(&Silent, vec![1; 11], vec![1; 11]);
        let swept = cascade.run_by_minibatch(sweep, &work, stop.take()).unwrap();
        let decoders = (0..swept.decoders.len()).map(|index| swept.decoders.get(index).unwrap());
        let parameters = decoders.flat_map(|decoder| decoder.parameters().collect::<Vec<_>>());
        let pictures = swept.reconstructions.iter().chain(&swept.half).flatten().copied();
        let losses = swept.fits.iter().map(|fit| fit.last_loss as f32);
        let profile = swept.linear_profile.iter().map(|(_, error)| *error as f32);
        let all = pictures.chain(parameters.collect::<Vec<_>>()).chain(losses).chain(profile);
        (all.map(f32::to_bits).collect(), count)
    }

    /// Epochs after the first one shuffle the samples, so that layers run on other minibatches than those stored.
    #[test]
    fn segments_change_no_bit() {
        let (every_layer, count) = bits(Cpu::new(), usize::MAX, None);
        assert_eq!(count, 11);
        for (limit, segments) in [(22 * 75 * 4, 8), (22 * 5 * 4, 1), (0, 1)] {
            let (all, count) = bits(Cpu::new(), limit, None);
            assert_eq!(count, segments);
            assert!(all == every_layer, "{limit}");
        }
        let reference = [usize::MAX, 0].map(|limit| bits(Reference, limit, None).0);
        assert!(reference[0] == reference[1]);
    }

    #[test]
    fn cascades_stop_early_within_a_segment() {
        let [fine, coarse] = [usize::MAX, 0].map(|limit| {
            let mut calls = Vec::new();
            let mut stop = |reconstructions: &[Array2<f32>]| {
                calls.push(reconstructions.len());
                true
            };
            let (bits, _) = bits(Cpu::new(), limit, Some(&mut stop));
            assert_eq!(calls, [8]);
            bits
        });
        assert!(fine == coarse);
    }
}
