//! The sweep through the layers that all methods share: samples through a layer, its decoder, and on.

use isobath_architecture::Activation;
use isobath_network::ForwardBackend;
use isobath_tensor::{Backend, Precision};
use ndarray::{Array2, ArrayView2, s};

use crate::{
    CascadeValidParams, Decoders, Error, Job, LayerFit, Observer, Result, StopFn, chain,
    compose::Composed, decoder::DeviceDecoder, decoders::Stack,
};

/// Result of a sweep.
pub(crate) struct Swept {
    pub(crate) reconstructions: Vec<Array2<f32>>,
    pub(crate) fits: Vec<LayerFit>,
    pub(crate) decoders: Decoders,
}

/// Backend and data of a sweep through the layers.
pub(crate) struct Sweep<'a, 'j, B> {
    pub(crate) backend: &'a B,
    pub(crate) job: &'a Job<'j>,
    /// Number of training samples for the decoders, taken from the start.
    pub(crate) samples: usize,
    /// Precision of the network's products.
    pub(crate) precision: Precision,
    /// Bytes of decoders that stay in the backend's memory.
    pub(crate) spare_bytes: usize,
}

impl<'a, 'j, B: Backend> Sweep<'a, 'j, B> {
    /// A sweep by `params`, with as many decoders in memory as `backend` can spare.
    pub(crate) fn new(backend: &'a B, job: &'a Job<'j>, params: &CascadeValidParams) -> Self {
        Self {
            backend,
            job,
            samples: params.samples(job.train.nrows()),
            precision: params.params().forward_precision,
            spare_bytes: backend.spare_bytes(),
        }
    }
}

impl<B: ForwardBackend> Sweep<'_, '_, B> {
    /// Runs the layers on the training samples and the probe samples. `fit` finds the decoder of a layer, counted
    /// from 0, from the training samples' activations behind it and before it.
    ///
    /// # Errors
    /// Those of `fit`, and when the job does not fit the network, the device fails or the observer cancels.
    pub(crate) fn run(
        self,
        observer: &dyn Observer,
        mut stop: Option<&mut StopFn<'_>>,
        fit: impl Fn(usize, &B::Buffer<f32>, &B::Buffer<f32>) -> Result<(DeviceDecoder<B>, LayerFit)>,
    ) -> Result<Swept> {
        let Self { backend, job, samples, precision, spare_bytes } = self;
        job.check()?;
        let mut train = Activations::new(backend, job, job.train.slice(s![..samples, ..]))?;
        let mut probe = Activations::new(backend, job, job.probe)?;
        let mut decoders = Stack::with_limit(backend, spare_bytes);
        let (mut fits, mut probe_activations) = (Vec::new(), Vec::new());
        let (mut reconstructions, mut composed) = (Vec::new(), Composed::new());
        let mut checked_at = FIRST_CHECK;
        for index in 0..job.layers {
            if observer.cancelled() {
                return Err(Error::Cancelled);
            }
            let layer = job.network.upload_layer(backend, index)?;
            for activations in [&mut train, &mut probe] {
                let Activations { rows, input, output } = activations;
                layer.forward(backend, precision, *rows, input, output)?;
            }
            let (decoder, layer_fit) = fit(index, &train.output, &train.input)?;
            if decoder.activation == Activation::Linear {
                reconstructions.push(composed.push(&decoder, &probe.output, probe.rows)?);
            } else {
                let size = probe.rows * decoder.inputs;
                let mut activations = backend.zeros(size)?;
                backend.copy(&probe.output, 0..size, &mut activations, 0)?;
                probe_activations.push(activations);
            }
            decoders.push(decoder)?;
            fits.push(layer_fit);
            train.advance();
            probe.advance();
            observer.layer_done(index + 1, job.layers);
            let checks = stop.is_some() && index + 1 == checked_at;
            if !probe_activations.is_empty() && (checks || index + 1 == job.layers) {
                let rows = job.probe.nrows();
                let new = &probe_activations;
                reconstructions
                    .extend(chain::reconstruct(backend, &decoders, new, rows, observer)?);
                probe_activations.clear();
            }
            if checks && stop.as_mut().is_some_and(|stop| stop(&reconstructions)) {
                break;
            }
            if checks {
                checked_at += checked_at / 2;
            }
        }
        Ok(Swept { reconstructions, fits, decoders: decoders.into() })
    }
}

/// Layers after which the early stop is checked first; each further check comes after half as many layers again.
const FIRST_CHECK: usize = 8;

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

#[cfg(test)]
mod tests {
    use isobath_architecture::{MlpParams, Variances, WidthRule};
    use isobath_network::Network;
    use isobath_tensor::{BackendSpec, BackendTask, FullBackend, RandomStream};

    use super::*;
    use crate::{InitialDecoders, Silent};

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
            probe: probe.view(),
            initial: InitialDecoders::Drawn { seed: 4 },
        };
        let fit = |index: usize, _: &_, _: &_| {
            let layer = job.network.spec().layers()[index];
            let (inputs, outputs) = (layer.outputs(), layer.inputs());
            let (mut weights, mut bias) =
                (backend.zeros(outputs * inputs)?, backend.zeros(outputs)?);
            let stream = |stream| RandomStream::Normal { seed: index as u64, stream, std: 0.4 };
            backend.random_fill(stream(1), outputs * inputs, &mut weights)?;
            backend.random_fill(stream(2), outputs, &mut bias)?;
            let backend = backend.clone();
            let fit = LayerFit { first_loss: 0.0, last_loss: 0.0, steps: 0 };
            Ok((DeviceDecoder { backend, inputs, outputs, weights, bias, activation }, fit))
        };
        let precision = Precision::F32;
        let sweep = Sweep { backend, job: &job, samples: 8, precision, spare_bytes };
        // Asked on the way, the sweep reconstructs twice.
        let swept = sweep.run(&Silent, Some(&mut |_| false), fit).unwrap();
        assert_eq!((swept.reconstructions.len(), swept.decoders.len()), (10, 10));
        let to_bits = |numbers: &mut dyn Iterator<Item = f32>| numbers.map(f32::to_bits).collect();
        let decoders = (0..10).map(|index| swept.decoders.get(index).unwrap());
        [
            to_bits(&mut swept.reconstructions.into_iter().flatten()),
            to_bits(&mut decoders.flat_map(|decoder| [decoder.weights, decoder.bias]).flatten()),
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
