//! The sweep through the layers that all methods share: samples through a layer, its decoder, and on.

use isobath_architecture::Activation;
use isobath_network::ForwardBackend;
use isobath_tensor::{Backend, FitRidge, Precision};
use ndarray::{Array2, ArrayView2, Axis, s};

use crate::{
    CascadeValidParams, Decoders, Error, Job, LayerFit, Observer, Result, StopFn, chain,
    compose::Composed,
    decoder::DeviceDecoder,
    decoders::Stack,
    linear_error::{self, DEEP_NOISE, FIRST_NOISE, best_linear_error, is_checked},
};

/// Result of a sweep.
pub(crate) struct Swept {
    pub(crate) reconstructions: Vec<Array2<f32>>,
    pub(crate) half: Vec<Array2<f32>>,
    pub(crate) linear_error: Option<f64>,
    pub(crate) linear_profile: Vec<(usize, f64)>,
    pub(crate) fits: Vec<LayerFit>,
    pub(crate) decoders: Decoders,
}

/// Decoder of one layer.
pub(crate) struct Fitted<B: Backend> {
    pub(crate) decoder: DeviceDecoder<B>,
    /// The decoder after half of its steps; `None` for a decoder in closed form.
    pub(crate) half: Option<DeviceDecoder<B>>,
    pub(crate) fit: LayerFit,
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
            samples: params.samples(job.train_samples()),
            precision: params.params().forward_precision,
            spare_bytes: backend.spare_bytes(),
        }
    }
}

impl<B: ForwardBackend + FitRidge> Sweep<'_, '_, B> {
    /// Runs the layers on the training samples and the probe samples. `fit` finds the decoder of a layer, counted
    /// from 0, from the training samples' activations behind it and before it.
    ///
    /// # Errors
    /// Those of `fit`, and when the job does not fit the network, the device fails or the observer cancels.
    pub(crate) fn run(
        self,
        observer: &dyn Observer,
        mut stop: Option<&mut StopFn<'_>>,
        fit: impl Fn(usize, &B::Buffer<f32>, &B::Buffer<f32>) -> Result<Fitted<B>>,
    ) -> Result<Swept> {
        let Self { backend, job, samples, precision, spare_bytes } = self;
        job.check()?;
        let mut train = match job.order {
            None => Activations::new(backend, job, job.train.slice(s![..samples, ..]))?,
            Some(order) => Activations::reordered(backend, job, &order[..samples])?,
        };
        let mut probe = Activations::new(backend, job, job.probe)?;
        let mut whole = Reconstruction::new(backend, spare_bytes / 2);
        let mut half = Reconstruction::new(backend, spare_bytes / 2);
        let (mut fits, mut probe_activations) = (Vec::new(), Vec::new());
        let (mut linear_error, mut linear_profile) = (None, Vec::new());
        let checked = samples.min(linear_error::DEEP_SAMPLES);
        let network_inputs = job.train.ncols();
        let mut inputs = backend.zeros(checked * network_inputs)?;
        backend.copy(&train.input, 0..checked * network_inputs, &mut inputs, 0)?;
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
            if index == 0 {
                let [h, target] = [&train.output, &train.input];
                let [outputs, inputs] = [job.train.ncols(), job.network.spec().widths()[1]];
                let shape = [samples, inputs, outputs];
                linear_error = best_linear_error(
                    backend,
                    FIRST_NOISE,
                    shape,
                    [h, target],
                    &probe.output,
                    job.probe,
                )?;
            }
            let fitted = fit(index, &train.output, &train.input)
                .map_err(|error| explained(error, backend, index, &probe))?;
            if fitted.decoder.activation != Activation::Linear {
                let size = probe.rows * fitted.decoder.inputs;
                let mut activations = backend.zeros(size)?;
                backend.copy(&probe.output, 0..size, &mut activations, 0)?;
                probe_activations.push(activations);
            }
            // Decoders in closed form need no such check.
            if index > 0 && fitted.half.is_some() && is_checked(index + 1, job.layers) {
                let shape = [checked, fitted.decoder.inputs, network_inputs];
                let pair = [&train.output, &inputs];
                let error =
                    best_linear_error(backend, DEEP_NOISE, shape, pair, &probe.output, job.probe)?;
                linear_profile.extend(error.map(|error| (index + 1, error)));
            }
            for (target, decoder) in [(&mut whole, Some(fitted.decoder)), (&mut half, fitted.half)]
            {
                decoder.map_or(Ok(()), |decoder| target.push(decoder, &probe))?;
            }
            fits.push(fitted.fit);
            train.advance();
            probe.advance();
            observer.layer_done(index + 1, job.layers);
            let checks = stop.is_some() && index + 1 == checked_at;
            if !probe_activations.is_empty() && (checks || index + 1 == job.layers) {
                for target in [&mut whole, &mut half] {
                    target.chain(&probe_activations, probe.rows, observer)?;
                }
                probe_activations.clear();
            }
            if checks && stop.as_mut().is_some_and(|stop| stop(&whole.reconstructions)) {
                break;
            }
            if checks {
                checked_at += checked_at / 2;
            }
        }
        Ok(Swept {
            reconstructions: whole.reconstructions,
            half: half.reconstructions,
            linear_error,
            linear_profile,
            fits,
            decoders: whole.decoders.into(),
        })
    }
}

/// Decoders of the layers so far and what they reconstruct.
struct Reconstruction<'a, B: Backend> {
    backend: &'a B,
    decoders: Stack<B>,
    composed: Composed<B>,
    reconstructions: Vec<Array2<f32>>,
}

impl<'a, B: ForwardBackend> Reconstruction<'a, B> {
    fn new(backend: &'a B, spare_bytes: usize) -> Self {
        let decoders = Stack::with_limit(backend, spare_bytes);
        Self { backend, decoders, composed: Composed::new(), reconstructions: Vec::new() }
    }

    /// Adds the next layer's decoder. A linear one reconstructs at once from that layer's output in `probe`; others wait
    /// for [`chain`](Self::chain).
    fn push(&mut self, decoder: DeviceDecoder<B>, probe: &Activations<B>) -> Result<()> {
        if decoder.activation == Activation::Linear {
            self.reconstructions.push(self.composed.push(&decoder, &probe.output, probe.rows)?);
        }
        self.decoders.push(decoder)
    }

    /// Reconstructs from the layers that wait, whose `activations` have `rows` samples each. Does nothing without decoders.
    fn chain(
        &mut self,
        activations: &[B::Buffer<f32>],
        rows: usize,
        observer: &dyn Observer,
    ) -> Result<()> {
        if self.decoders.len() > 0 {
            let new =
                chain::reconstruct(self.backend, &self.decoders, activations, rows, observer)?;
            self.reconstructions.extend(new);
        }
        Ok(())
    }
}

/// Layers after which the early stop is checked first; each further check comes after half as many layers again.
const FIRST_CHECK: usize = 8;

/// Names activations that overflow as the reason of a failed fit.
fn explained<B: Backend>(error: Error, backend: &B, index: usize, probe: &Activations<B>) -> Error {
    if !matches!(error, Error::Diverged { .. } | Error::Ridge { .. }) {
        return error;
    }
    match backend.download(&probe.output) {
        Ok(output) if output.iter().any(|value| !value.is_finite()) => {
            Error::Overflow { layer: index + 1 }
        }
        _ => error,
    }
}

/// Samples copied at a time where they do not lie in one piece.
const CHUNK: usize = 1024;

/// Input and output of the layer at hand, on the device.
struct Activations<B: Backend> {
    rows: usize,
    input: B::Buffer<f32>,
    output: B::Buffer<f32>,
}

impl<B: Backend> Activations<B> {
    /// Room for the widest layer, the samples in place.
    fn new(backend: &B, job: &Job<'_>, samples: ArrayView2<'_, f32>) -> Result<Self> {
        let mut activations = Self::empty(backend, job, samples.nrows())?;
        if let Some(numbers) = samples.as_slice() {
            backend.write(&mut activations.input, 0, numbers)?;
            return Ok(activations);
        }
        for (index, chunk) in samples.axis_chunks_iter(Axis(0), CHUNK).enumerate() {
            let numbers: Vec<f32> = chunk.iter().copied().collect();
            backend.write(&mut activations.input, index * CHUNK * samples.ncols(), &numbers)?;
        }
        Ok(activations)
    }

    /// Room for the widest layer, the job's training samples of rows `order` in place.
    fn reordered(backend: &B, job: &Job<'_>, order: &[u32]) -> Result<Self> {
        let mut activations = Self::empty(backend, job, order.len())?;
        for (index, rows) in order.chunks(CHUNK).enumerate() {
            let numbers: Vec<f32> =
                rows.iter().flat_map(|&row| job.train.row(row as usize)).copied().collect();
            backend.write(&mut activations.input, index * CHUNK * job.train.ncols(), &numbers)?;
        }
        Ok(activations)
    }

    fn empty(backend: &B, job: &Job<'_>, rows: usize) -> Result<Self> {
        let widths = &job.network.spec().widths()[..=job.layers];
        let widest = widths.iter().copied().max().unwrap_or(0);
        Ok(Self {
            rows,
            input: backend.zeros(rows * widest)?,
            output: backend.zeros(rows * widest)?,
        })
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
            order: None,
            probe: probe.view(),
            initial: InitialDecoders::Drawn { seed: 4 },
        };
        let fit = |index: usize, _: &_, _: &_| {
            let layer = &job.network.spec().layers()[index];
            let (inputs, outputs) = (layer.outputs(), layer.inputs());
            let (mut weights, mut bias) =
                (backend.zeros(outputs * inputs)?, backend.zeros(outputs)?);
            let stream = |stream| RandomStream::Normal { seed: index as u64, stream, std: 0.4 };
            backend.random_fill(stream(1), outputs * inputs, &mut weights)?;
            backend.random_fill(stream(2), outputs, &mut bias)?;
            let backend = backend.clone();
            let fit = LayerFit { first_loss: 0.0, last_loss: 0.0, steps: 0 };
            let decoder = DeviceDecoder { backend, inputs, outputs, weights, bias, activation };
            Ok(Fitted { decoder, half: None, fit })
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
