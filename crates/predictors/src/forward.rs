//! Forward pass of a batch, one layer in memory at a time.

use isobath_network::{Batch as BatchShape, DeviceLayer, Layout, Network, Trace, Workspace};
use isobath_tensor::Backend;
use isobath_trainer::TrainerBackend;
use ndarray::{Array2, ArrayView2};

use crate::{Prediction, PredictorOutput, Result, Subject, batch::Batch, predictor::defined};

/// A layer after its forward pass. Matrices are [`Layout::UnitsMajor`].
#[derive(Debug)]
pub(crate) struct Applied<B: Backend> {
    pub(crate) layer: DeviceLayer<B>,
    pub(crate) trace: Trace<B>,
    pub(crate) workspace: Workspace<B>,
}

impl<B: TrainerBackend> Applied<B> {
    /// Applies layer `index`, counted from 0, to `input` `[inputs, samples]`.
    pub(crate) fn new(
        backend: &B,
        network: &Network,
        index: usize,
        samples: usize,
        input: &B::Buffer<f32>,
    ) -> Result<Self> {
        let layer = network.upload_layer(backend, index)?;
        let shape = &network.spec().layers()[index..=index];
        let mut trace = Trace::of_layer(backend, &shape[0], 1, samples)?;
        let mut workspace = Workspace::new(backend, shape, 1, samples)?;
        let batch = BatchShape::new(samples, Layout::UnitsMajor);
        layer.forward_traced(backend, batch, input, &mut trace, &mut workspace)?;
        Ok(Self { layer, trace, workspace })
    }
}

/// Input of a network's readout: those of the last hidden layer, or the input of a network without.
#[derive(Debug)]
pub(crate) struct Seen<'a, B: Backend> {
    /// Layer that gave it; `None` for the network's input.
    pub(crate) layer: Option<&'a Applied<B>>,
    /// On the device.
    pub(crate) buffer: &'a B::Buffer<f32>,
    /// In host memory, `[units, samples]`, finite.
    pub(crate) h: ArrayView2<'a, f32>,
}

impl<B: Backend> Seen<'_, B> {
    /// Inner products of the samples, `[samples, samples]`, in f64, and their floating-point operations.
    pub(crate) fn gram(&self) -> (Array2<f64>, u64) {
        let (units, samples) = self.h.dim();
        let h = self.h.mapv(f64::from);
        (h.t().dot(&h), 2 * (units * samples * samples) as u64)
    }
}

/// `N` scores of a layer, and the floating-point operations they took beyond the forward pass.
pub(crate) type Look<const N: usize> = ([f64; N], u64);

/// Output of a [`Scope::Family`](crate::Scope::Family) predictor that reads the readout's input: profiles of `N` scores,
/// for networks of 1 layer (whose readout sees the input) up to the subject's depth.
///
/// From the first layer on whose activations are not finite, all scores are negative infinity.
pub(crate) fn profiles<const N: usize, B: TrainerBackend>(
    backend: &B,
    subject: &Subject<'_>,
    samples: usize,
    mut look: impl FnMut(&Seen<'_, B>) -> Result<Look<N>>,
) -> Result<PredictorOutput> {
    let batch = Batch::new(subject, samples, 2)?;
    let (network, n) = (subject.network, batch.len());
    let depth = network.spec().depth();
    let mut profiles = vec![Vec::with_capacity(depth); N];
    let mut flops = 0;
    let input = backend.upload(batch.samples.as_slice().expect("in standard order"))?;
    let mut applied: Option<Applied<B>> = None;
    for (index, layer) in network.spec().layers().iter().enumerate() {
        let buffer = applied.as_ref().map_or(&input, |applied| &applied.trace.output);
        let h = backend.read(buffer, 0..layer.inputs() * n)?;
        if h.iter().any(|h| !h.is_finite()) {
            break;
        }
        let h = ArrayView2::from_shape((layer.inputs(), n), &h).expect("as long as it was read");
        let (scores, spent) = look(&Seen { layer: applied.as_ref(), buffer, h })?;
        profiles.iter_mut().zip(scores).for_each(|(profile, score)| profile.push(defined(score)));
        flops += spent;
        if index + 1 < depth {
            applied = Some(Applied::new(backend, network, index, n, buffer)?);
            flops += layer.forward_flops() * n as u64;
        }
    }
    profiles.iter_mut().for_each(|profile| profile.resize(depth, f64::NEG_INFINITY));
    Ok(PredictorOutput {
        predictions: profiles.into_iter().map(Prediction::Profile).collect(),
        flops,
    })
}
