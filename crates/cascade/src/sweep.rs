//! The sweep through the layers that all methods share: samples through a layer, its decoder, and on.

use isobath_architecture::Layer;
use isobath_network::ForwardBackend;
use isobath_tensor::{Backend, FitRidge, GatherRows, Precision};
use ndarray::Array2;

use crate::{
    CascadeValidParams, Decoder, Decoders, Error, InitialDecoders, Job, LayerFit, Method, Result,
    StopFn,
    activations::Activations,
    compose,
    decoder_layer::DecoderLayerSpec,
    device_decoder::DeviceDecoder,
    results::Results,
    segment::{Segment, Segments},
    work::Work,
};

/// Result of a sweep.
pub(crate) struct Swept {
    pub(crate) reconstructions: Vec<Array2<f32>>,
    pub(crate) half: Vec<Array2<f32>>,
    pub(crate) linear_error: Option<f64>,
    pub(crate) linear_profile: Vec<(usize, f64)>,
    pub(crate) fits: Vec<LayerFit>,
    pub(crate) losses: Vec<Vec<f64>>,
    pub(crate) decoders: Decoders,
}

/// Decoder of one layer.
pub(crate) struct Fitted<B: Backend> {
    pub(crate) decoder: DeviceDecoder<B>,
    /// The decoder after half of its steps; `None` for a decoder in closed form.
    pub(crate) half: Option<DeviceDecoder<B>>,
    pub(crate) fit: LayerFit,
    /// Loss of each step, before it; none for a decoder in closed form.
    pub(crate) losses: Vec<f64>,
}

/// Backend and data of a sweep through the layers.
pub(crate) struct Sweep<'a, 'j, B> {
    pub(crate) backend: &'a B,
    pub(crate) job: &'a Job<'j>,
    /// Number of training samples for the decoders, taken from the start.
    pub(crate) samples: usize,
    /// Precision of the network's products.
    pub(crate) precision: Precision,
    /// Noise on each activation that the linear decoders of deeper layers assume: that of ridge decoders.
    pub(crate) noise: f64,
    /// True if the best linear decoders are fitted too.
    pub(crate) has_yardstick: bool,
    /// Bytes of decoders that stay in the backend's memory.
    pub(crate) spare_bytes: usize,
    /// Decoder of each layer.
    pub(crate) decoders: Vec<Vec<DecoderLayerSpec>>,
    /// Layers whose decoders are found together.
    pub(crate) segments: Segments,
}

impl<'a, 'j, B: Backend> Sweep<'a, 'j, B> {
    /// A sweep by `params`, layer by layer, with as many decoders in memory as `backend` can spare.
    ///
    /// # Errors
    /// When the job does not fit the network.
    pub(crate) fn new(
        backend: &'a B,
        job: &'a Job<'j>,
        params: &CascadeValidParams,
    ) -> Result<Self> {
        job.check()?;
        let layers = &job.network.spec().layers()[..job.layers];
        let decoders = match (params.params().method, job.initial) {
            (Method::Gradient, InitialDecoders::Given(decoders)) => {
                decoders[..job.layers].iter().map(Decoder::specs).collect()
            }
            (Method::Gradient | Method::Ridge, _) => {
                layers.iter().map(|layer| params.decoder_layers(layer)).collect()
            }
        };
        Ok(Self {
            backend,
            job,
            samples: params.samples(job.train_samples()),
            precision: params.params().forward_precision,
            noise: params.noise(),
            has_yardstick: true,
            spare_bytes: backend.spare_bytes(),
            decoders,
            segments: Segments::single(layers),
        })
    }

    /// Divides the sweep into segments. Activations of the training samples are kept between segments only, at layers where
    /// they take little memory.
    pub(crate) fn in_segments(self) -> Self {
        let segments = Segments::usual(self.layers(), self.samples);
        Self { segments, ..self }
    }

    /// Operations of each decoder in the chain of reconstructions, of `copies` decoders for each layer; zero for decoders that
    /// are composed.
    pub(crate) fn chain_flops(&self, copies: u64) -> Vec<u64> {
        let is_linear = self.decoders.iter().flatten().all(DecoderLayerSpec::is_linear);
        if is_linear && compose::fits(self.layers()) {
            return vec![0; self.decoders.len()];
        }
        let samples = copies * self.job.probe.nrows() as u64;
        let products = |decoder: &Vec<DecoderLayerSpec>| {
            decoder.iter().map(|layer| layer.kind.products()).sum::<u64>()
        };
        // A decoder is applied to its own layer and to each deeper one.
        let depths = (1..=self.decoders.len() as u64).rev();
        self.decoders
            .iter()
            .zip(depths)
            .map(|(d, depths)| 2 * products(d) * samples * depths)
            .collect()
    }

    /// The layers of the job.
    pub(crate) fn layers(&self) -> &[Layer] {
        &self.job.network.spec().layers()[..self.job.layers]
    }
}

impl<B: ForwardBackend + FitRidge + GatherRows> Sweep<'_, '_, B> {
    /// Runs the layers on the training samples and the probe samples. `fit` finds the decoders of a segment from the
    /// activations before it, `train.input`. Unless the segment is the last, it leaves those behind it in `train.output`.
    ///
    /// # Errors
    /// Those of `fit`, and when the device fails or the observer cancels.
    pub(crate) fn run(
        self,
        work: &Work<'_>,
        mut stop: Option<&mut StopFn<'_>>,
        fit: impl Fn(&Segment<'_, B>, &mut Activations<B>) -> Result<Vec<Fitted<B>>>,
    ) -> Result<Swept> {
        let Self { backend, job, samples, .. } = self;
        let mut train = Activations::of_training(backend, job, samples, self.segments.room)?;
        let mut results = Results::new(&self, &train, work)?;
        'sweep: for range in &self.segments.ranges {
            if work.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let layers = range.clone().map(|index| job.network.upload_layer(backend, index));
            let layers = layers.collect::<isobath_network::Result<Vec<_>>>()?;
            let segment = Segment {
                first: range.start,
                layers: &layers,
                decoders: &self.decoders[range.clone()],
                is_last: range.end == job.layers,
            };
            let fitted =
                fit(&segment, &mut train).map_err(|error| results.explained(error, &segment))?;
            work.fitted(range.clone(), 1.0);
            for (layer, fitted) in layers.iter().zip(fitted) {
                results.add(layer, fitted, &train)?;
                if results.stops(stop.as_deref_mut())? {
                    break 'sweep;
                }
            }
            train.advance();
        }
        Ok(results.into())
    }
}
#[cfg(test)]
mod tests {
    use isobath_architecture::{Activation, MlpParams, Variances, WidthRule};
    use isobath_network::Network;
    use isobath_tensor::{BackendSpec, BackendTask, FullBackend, RandomStream};

    use super::*;
    use crate::{CascadeParams, Silent};

    /// Reconstructions and decoders of a sweep with drawn decoders, as bits.
    fn bits<B: FullBackend>(
        backend: &B,
        activation: Activation,
        spare_bytes: usize,
    ) -> [Vec<u32>; 2] {
        let widths = WidthRule::List((0..10).map(|layer| 9 + layer % 3).collect());
        let spec = MlpParams::new(11, widths, Activation::Tanh).check(12, 5).unwrap().spec();
        let network = Network::random(spec, Variances::new(1.5, 0.05).unwrap(), 3);
        let samples = |stream, n: usize| {
            let numbers = RandomStream::Normal { seed: 1, stream, std: 1.0 }.take(n * 12);
            Array2::from_shape_vec((n, 12), numbers).unwrap()
        };
        let (train, probe) = (samples(1, 8), samples(2, 5));
        let job = Job {
            network: &network,
            layers: 10,
            train: train.view(),
            order: None,
            probe: probe.view(),
            initial: InitialDecoders::Drawn { seed: 4 },
        };
        let fit = |segment: &Segment<'_, B>, train: &mut Activations<B>| {
            let (index, spec) = (segment.first, segment.decoders[0][0]);
            train.forward(backend, Precision::F32, &segment.layers[0])?;
            let [outputs, inputs] = spec.kind.matrix();
            let (mut weights, mut bias) =
                (backend.zeros(outputs * inputs)?, backend.zeros(outputs)?);
            let stream = |stream| RandomStream::Normal { seed: index as u64, stream, std: 0.4 };
            backend.random_fill(stream(1), outputs * inputs, &mut weights)?;
            backend.random_fill(stream(2), outputs, &mut bias)?;
            let fit = LayerFit { first_loss: 0.0, last_loss: 0.0, steps: 0 };
            let decoder = DeviceDecoder::single(backend, spec, weights, bias);
            Ok(vec![Fitted { decoder, half: None, fit, losses: Vec::new() }])
        };
        let params = CascadeParams { activation: Some(activation), ..CascadeParams::default() };
        let sweep = Sweep::new(backend, &job, &params.check().unwrap()).unwrap();
        let sweep = Sweep { spare_bytes, ..sweep };
        // Asked on the way, the sweep reconstructs twice.
        let work = Work::new(&Silent, vec![1; 10], vec![1; 10]);
        let swept = sweep.run(&work, Some(&mut |_| false), fit).unwrap();
        assert_eq!((swept.reconstructions.len(), swept.decoders.len()), (10, 10));
        let to_bits = |numbers: &mut dyn Iterator<Item = f32>| numbers.map(f32::to_bits).collect();
        let decoders = (0..10).map(|index| swept.decoders.get(index).unwrap());
        [
            to_bits(&mut swept.reconstructions.into_iter().flatten()),
            to_bits(&mut decoders.flat_map(|decoder| decoder.parameters().collect::<Vec<_>>())),
        ]
    }

    /// Sweeps that keep all, some and none of the decoders.
    struct Limits;

    impl BackendTask for Limits {
        type Output = ();

        fn run<B: FullBackend>(self, backend: B) {
            for activation in [Activation::Tanh, Activation::Linear] {
                let all = bits(&backend, activation, usize::MAX);
                assert!(all.iter().flatten().any(|&bits| bits != 0));
                // A decoder takes some 400 bytes.
                for spare_bytes in [2000, 0] {
                    assert!(bits(&backend, activation, spare_bytes) == all, "{spare_bytes}");
                }
            }
        }
    }

    #[track_caller]
    fn check(backend: BackendSpec) {
        if let Err(error) = backend.dispatch(Limits) {
            eprintln!("skipped: {error}");
        }
    }

    #[test]
    fn the_place_of_decoders_changes_no_bit_on_the_cpu() {
        check(BackendSpec::Cpu);
    }

    #[test]
    fn the_place_of_decoders_changes_no_bit_on_the_reference_backend() {
        check(BackendSpec::Reference);
    }
}
