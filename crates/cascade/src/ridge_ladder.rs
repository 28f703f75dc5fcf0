//! Ridge cascades that differ in their noise alone, in one sweep.

use isobath_architecture::Layer;
use isobath_network::ForwardBackend;
use isobath_tensor::{Backend, FitRidge, GatherRows};
use ndarray::Array2;

use crate::{
    CascadeParams, CascadeValidParams, Error, Job, Method, Result,
    activations::Activations,
    compose::{self, Composed},
    decoder_layer::DecoderLayerSpec,
    device_decoder::DeviceDecoder,
    linear_fit::{LinearFit, fit_flops},
    segment::widest,
    sweep::Sweep,
};

/// Ridge cascades of several noises on one network: samples pass each layer once, and each noise has decoders of its own.
///
/// Decoders are as those of [`RidgeCascade`](crate::RidgeCascade), always composed into one matrix, which takes an input's
/// size times the widest layer of memory for each noise.
#[derive(Clone, Debug)]
pub struct RidgeLadder<B> {
    backend: B,
    params: CascadeValidParams,
    noises: Vec<f64>,
}

/// Reconstructions of the probe samples by ridge decoders of one noise.
#[derive(Debug)]
pub struct Rung {
    /// Standard deviation of the noise that each activation is taken to carry.
    pub noise: f64,
    /// `r_l` of the probe samples, first layer first, `[n, w_0]` each, down to the last of the job's layers or to the stop;
    /// or the reason why a decoder could not be found.
    pub reconstructions: Result<Vec<Array2<f32>>>,
}

/// Result of a ladder.
#[derive(Debug)]
pub struct LadderOutput {
    /// One for each noise, in their order.
    pub rungs: Vec<Rung>,
    /// Floating-point operations of the matrix products.
    pub flops: u64,
}

impl<B: ForwardBackend + FitRidge + GatherRows> RidgeLadder<B> {
    /// A ladder of the given noises, whose decoders use at most `samples` training samples.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a noise that is negative or not finite, or without samples.
    pub fn new(backend: B, noises: Vec<f64>, samples: usize) -> Result<Self> {
        let params = |noise| {
            let (noise, max_samples) = (Some(noise), Some(samples));
            let method = Method::Ridge;
            CascadeParams { method, noise, max_samples, ..CascadeParams::default() }.check()
        };
        let checked = noises.iter().map(|&noise| params(noise)).collect::<Result<Vec<_>>>()?;
        let params = checked.into_iter().next().map_or_else(|| params(0.0), Ok)?;
        Ok(Self { backend, params, noises })
    }

    /// Runs the ladder. A noise ends behind the first layer whose reconstruction `is_enough`.
    ///
    /// # Errors
    /// When the job does not fit the network or the device fails. A decoder that cannot be found fails its noise alone.
    pub fn run(
        &self,
        job: &Job<'_>,
        is_enough: &dyn Fn(&Array2<f32>) -> bool,
    ) -> Result<LadderOutput> {
        let sweep = Sweep::new(&self.backend, job, &self.params)?;
        let (backend, precision) = (&self.backend, sweep.precision);
        let room = sweep.segments.room;
        let mut train = Activations::of_training(backend, job, sweep.samples, room)?;
        let mut probe = Activations::new(backend, job.probe, [widest(sweep.layers()); 2])?;
        let mut open: Vec<Climb<B>> = self.noises.iter().map(|&noise| Climb::new(noise)).collect();
        let mut layers = 0;
        while layers < job.layers && open.iter().any(|climb| climb.is_open) {
            let layer = job.network.upload_layer(backend, layers)?;
            train.forward(backend, precision, &layer)?;
            probe.forward(backend, precision, &layer)?;
            for climb in open.iter_mut().filter(|climb| climb.is_open) {
                climb.step(backend, sweep.decoders[layers][0], [&train, &probe])?;
                climb.is_open &= !climb.reconstructions.last().is_some_and(is_enough);
            }
            train.advance();
            probe.advance();
            layers += 1;
        }
        let samples = [sweep.samples, job.probe.nrows()].map(|count| count as u64);
        let flops = flops(&sweep.layers()[..layers], &sweep.decoders, samples, &open);
        Ok(LadderOutput { rungs: open.into_iter().map(Climb::finish).collect(), flops })
    }
}

/// Decoders of one noise so far.
struct Climb<B: Backend> {
    noise: f64,
    composed: Composed<B>,
    reconstructions: Vec<Array2<f32>>,
    failure: Option<Error>,
    is_open: bool,
}

impl<B: ForwardBackend + FitRidge + GatherRows> Climb<B> {
    fn new(noise: f64) -> Self {
        let (composed, reconstructions) = (Composed::new(), Vec::new());
        Self { noise, composed, reconstructions, failure: None, is_open: true }
    }

    /// Adds the decoder of the next layer, given the training and the probe samples before and behind it.
    fn step(
        &mut self,
        backend: &B,
        spec: DecoderLayerSpec,
        [train, probe]: [&Activations<B>; 2],
    ) -> Result<()> {
        let fit = LinearFit { kind: spec.kind, samples: train.rows, noise: self.noise };
        match fit.run(backend, &train.output, &train.input)? {
            Ok(([weights, bias], _)) => {
                let decoder = DeviceDecoder::single(backend, spec, weights, bias);
                let reconstruction = self.composed.push(&decoder, &probe.output, probe.rows)?;
                self.reconstructions.push(reconstruction);
            }
            Err(source) => {
                self.failure = Some(Error::Ridge { layer: self.reconstructions.len() + 1, source });
                self.is_open = false;
            }
        }
        Ok(())
    }

    fn finish(self) -> Rung {
        let reconstructions = self.failure.map_or(Ok(self.reconstructions), Err);
        Rung { noise: self.noise, reconstructions }
    }
}

/// Operations of one forward pass of the training and the probe samples, and of the decoders of each noise.
fn flops<B: Backend>(
    layers: &[Layer],
    decoders: &[Vec<DecoderLayerSpec>],
    [train, probe]: [u64; 2],
    climbs: &[Climb<B>],
) -> u64 {
    let forward = layers.iter().map(|layer| layer.forward_flops() * (train + probe)).sum::<u64>();
    let of_noise = |climb: &Climb<B>| {
        let count = climb.reconstructions.len();
        let fits = decoders[..count].iter().map(|decoder| fit_flops(decoder[0].kind, train));
        fits.sum::<u64>() + compose::flops(&layers[..count], &decoders[..count], probe)
    };
    forward + climbs.iter().map(of_noise).sum::<u64>()
}
