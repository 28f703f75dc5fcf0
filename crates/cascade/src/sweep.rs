//! The sweep through the layers that all methods share: samples through a layer, its decoder, and on.

use ndarray::{Array2, ArrayView2, s};
use tensor::{Activation, Backend, Dense, RandomFill};

use crate::{
    Decoder, Decoders, Enough, Error, Job, LayerFit, Observer, Result, chain, compose::Composed,
};

/// What a sweep leaves behind.
pub(crate) struct Swept {
    pub(crate) reconstructions: Vec<Array2<f32>>,
    pub(crate) fits: Vec<LayerFit>,
    pub(crate) decoders: Decoders,
}

/// Goes through the layers with the first `samples` training samples and the probe samples. `fit` finds the decoder of
/// a layer, counted from 0, from the training samples' activations behind it and before it.
///
/// # Errors
/// Those of `fit`, and when the job does not fit the network, the device fails or the observer cancels.
pub(crate) fn sweep<B: Dense + RandomFill>(
    backend: &B,
    job: &Job<'_>,
    samples: usize,
    observer: &dyn Observer,
    mut enough: Option<&mut Enough<'_>>,
    fit: impl Fn(usize, &B::Buffer<f32>, &B::Buffer<f32>) -> Result<(Decoder, LayerFit)>,
) -> Result<Swept> {
    job.check()?;
    let mut train = Activations::new(backend, job, job.train.slice(s![..samples, ..]))?;
    let mut probe = Activations::new(backend, job, job.probe)?;
    let mut decoders = Decoders::with_limit(Decoders::DEFAULT_LIMIT);
    let (mut fits, mut probe_activations) = (Vec::new(), Vec::new());
    let (mut reconstructions, mut composed) = (Vec::new(), Composed::new());
    let mut asked_at = FIRST_ASKED;
    for index in 0..job.layers {
        if observer.cancelled() {
            return Err(Error::Cancelled);
        }
        let layer = job.network.upload_layer(backend, index)?;
        for activations in [&mut train, &mut probe] {
            let Activations { rows, input, output } = activations;
            layer.forward(backend, *rows, input, output)?;
        }
        let (decoder, layer_fit) = fit(index, &train.output, &train.input)?;
        if decoder.activation == Activation::Linear {
            reconstructions.push(composed.push(backend, &decoder, &probe.output, probe.rows)?);
        } else {
            probe_activations.push(backend.read(&probe.output, 0..probe.rows * decoder.inputs())?);
        }
        decoders.push(decoder)?;
        fits.push(layer_fit);
        train.advance();
        probe.advance();
        observer.layer_done(index + 1, job.layers);
        let asks = enough.is_some() && index + 1 == asked_at;
        if !probe_activations.is_empty() && (asks || index + 1 == job.layers) {
            let rows = job.probe.nrows();
            let new = &probe_activations;
            reconstructions.extend(chain::reconstruct(backend, &decoders, new, rows, observer)?);
            probe_activations.clear();
        }
        if asks && enough.as_mut().is_some_and(|enough| enough(&reconstructions)) {
            break;
        }
        if asks {
            asked_at += asked_at / 2;
        }
    }
    Ok(Swept { reconstructions, fits, decoders })
}

/// Layers after which it is asked for the first time whether they are enough; from then on after half as many again.
const FIRST_ASKED: usize = 8;

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
