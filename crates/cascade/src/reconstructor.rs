use isobath_architecture::Layer;
use isobath_network::Network;
use ndarray::{Array2, ArrayView2};

use crate::{Decoder, Decoders, Error, Result, sweep::Swept};

/// Task of a cascade: network, samples and initial decoders.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The frozen network.
    pub network: &'a Network,
    /// Depths `1..=layers` are reconstructed from.
    pub layers: usize,
    /// Samples the decoders learn from, `[n, w_0]`.
    pub train: ArrayView2<'a, f32>,
    /// Rows of `train` in the order of the minibatches; as stored if `None`.
    pub order: Option<&'a [u32]>,
    /// Samples that are reconstructed, `[n, w_0]`; not among the training samples, or the result is flattered.
    pub probe: ArrayView2<'a, f32>,
    /// Initial decoders.
    pub initial: InitialDecoders<'a>,
}

/// Amount of work.
#[derive(Clone, Copy, Debug)]
pub struct Extent<'a> {
    /// The layers reconstructed from.
    pub layers: &'a [Layer],
    /// Training samples.
    pub train: usize,
    /// Probe samples.
    pub probe: usize,
}

/// Initial decoders.
#[derive(Clone, Copy, Debug)]
pub enum InitialDecoders<'a> {
    /// Random, from this seed.
    Drawn {
        /// The seed.
        seed: u64,
    },
    /// Given, one for each layer, in any geometry that fits the layer.
    Given(&'a [Decoder]),
}

impl Job<'_> {
    /// Amount of work.
    ///
    /// # Panics
    /// When the network has fewer layers than are asked for; see [`check`](Self::check).
    pub fn extent(&self) -> Extent<'_> {
        let layers = &self.network.spec().layers()[..self.layers];
        Extent { layers, train: self.train_samples(), probe: self.probe.nrows() }
    }

    /// Number of training samples.
    pub fn train_samples(&self) -> usize {
        self.order.map_or(self.train.nrows(), <[u32]>::len)
    }

    /// Checks that layers and samples fit the network.
    ///
    /// # Errors
    /// [`Error::LayerCount`], [`Error::NoSamples`], [`Error::SampleWidth`], [`Error::SampleOrder`], or
    /// [`Error::InitialDecoder`] or [`Error::CircularStride`] for a given decoder.
    pub fn check(&self) -> Result<()> {
        let spec = self.network.spec();
        let (layers, depth) = (self.layers, spec.depth());
        if layers == 0 || layers > depth {
            return Err(Error::LayerCount { layers, depth });
        }
        let expected = spec.layers()[0].inputs();
        for (what, samples) in [("training", self.train), ("probe", self.probe)] {
            if samples.nrows() == 0 {
                return Err(Error::NoSamples { what });
            }
            if samples.ncols() != expected {
                return Err(Error::SampleWidth { what, expected, actual: samples.ncols() });
            }
        }
        let rows = self.train.nrows();
        if let Some(&row) =
            self.order.and_then(|order| order.iter().find(|&&row| row as usize >= rows))
        {
            return Err(Error::SampleOrder { row, rows });
        }
        let InitialDecoders::Given(decoders) = self.initial else { return Ok(()) };
        if decoders.len() < layers {
            return Err(Error::LayerCount { layers: decoders.len(), depth: layers });
        }
        for (number, (layer, decoder)) in (1..=layers).zip(spec.layers().iter().zip(decoders)) {
            decoder.check(number, [layer.outputs(), layer.inputs()])?;
        }
        Ok(())
    }
}

/// Fit of one decoder. Losses are mean squared errors over samples and units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerFit {
    /// On the first minibatch, before any step; of the mean, on all training samples, for a decoder in closed form.
    pub first_loss: f64,
    /// On the last minibatch, before its step; on all training samples for a decoder in closed form.
    pub last_loss: f64,
    /// Steps; 0 for a decoder in closed form.
    pub steps: usize,
}

/// Result of a cascade, down to the last of the job's layers or to the early stop.
#[derive(Debug)]
pub struct Cascade {
    /// `r_l` of the probe samples, first layer first, `[n, w_0]` each.
    pub reconstructions: Vec<Array2<f32>>,
    /// Reconstructions by the decoders after half of their steps, which show how much the result depends on the amount
    /// of training; empty for decoders in closed form.
    pub half: Vec<Array2<f32>>,
    /// `1 - R^2` on the probe samples of the best linear decoder of the first layer. No training of a linear decoder gets
    /// below it, and a decoder far above it is not trained enough. `None` if the probe samples are all equal or no such
    /// decoder can be computed.
    pub linear_error: Option<f64>,
    /// Depths, counted from 1 and at least 2, and `1 - R^2` on the probe samples of the best linear decoder from there to the
    /// input, for inputs that differ by more than the noise of ridge decoders on each activation. Information that it reads is
    /// not lost. Empty for ridge decoders of dense networks.
    pub linear_profile: Vec<(usize, f64)>,
    /// Training of the decoders, first layer first.
    pub fits: Vec<LayerFit>,
    /// Loss of each step of the decoders' training, before the step, first layer first; empty for decoders in closed form.
    pub losses: Vec<Vec<f64>>,
    /// The decoders, first layer first.
    pub decoders: Decoders,
    /// Floating-point operations of the matrix products done.
    pub flops: u64,
}

impl Cascade {
    /// Result of a sweep by `method`.
    pub(crate) fn new(swept: Swept, method: &dyn Reconstructor, job: &Job<'_>) -> Self {
        let done = Job { layers: swept.fits.len(), ..*job };
        Self {
            reconstructions: swept.reconstructions,
            half: swept.half,
            linear_error: swept.linear_error,
            linear_profile: swept.linear_profile,
            fits: swept.fits,
            losses: swept.losses,
            decoders: swept.decoders,
            flops: method.flops(&done.extent()),
        }
    }
}

/// Early stop: given the reconstructions from all layers so far, returns true when deeper layers can be left out.
pub type StopFn<'a> = dyn FnMut(&[Array2<f32>]) -> bool + 'a;

/// A way to reconstruct a network's input from its layers.
pub trait Reconstructor: Send + Sync {
    /// Fits decoders on the frozen network and reconstructs the probe samples from every depth, or down to where `stop`
    /// returns true; it is called after 8 layers and after each further half as many again. It does not change the
    /// numbers of the layers above beyond rounding.
    ///
    /// # Errors
    /// When the job does not fit the network, a decoder diverges or cannot be found, the device fails or the observer
    /// cancels.
    fn cascade(
        &self,
        job: &Job<'_>,
        observer: &dyn Observer,
        stop: Option<&mut StopFn<'_>>,
    ) -> Result<Cascade>;

    /// Runs the cascade on all layers of the job.
    ///
    /// # Errors
    /// As [`cascade`](Self::cascade).
    fn reconstruct(&self, job: &Job<'_>, observer: &dyn Observer) -> Result<Cascade> {
        self.cascade(job, observer, None)
    }

    /// Floating-point operations of the matrix products that [`reconstruct`](Self::reconstruct) will need.
    fn flops(&self, extent: &Extent<'_>) -> u64;
}

/// Receives progress and may cancel the work.
pub trait Observer: Sync {
    /// The share of the work that is done, in `[0, 1]`. It may fall when a cascade is asked for an early result.
    fn progress(&self, share: f64);

    /// Polled between layers and minibatches; `true` ends the work with [`Error::Cancelled`].
    fn cancelled(&self) -> bool {
        false
    }
}

/// Observer that ignores everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn progress(&self, _: f64) {}
}
