use isobath_architecture::{Activation, Layer};
use isobath_network::ForwardBackend;
use isobath_tensor::{FitRidge, RidgeConfig, RidgeFit};

use crate::{
    Cascade, CascadeValidParams, Error, Extent, Job, LayerFit, Observer, Reconstructor, Result,
    StopFn, compose,
    decoder::DeviceDecoder,
    linear_error,
    sweep::{Fitted, Sweep},
};

/// Linear decoders in closed form: the best ones when each activation carries independent noise of a given size, see
/// [`FitRidge::fit_ridge`]. No step size, no minibatches, no random numbers.
///
/// The noise sets the smallest difference between activations that counts. Without it, the decoders would read differences
/// from any depth that no gradient descent can use.
#[derive(Clone, Debug)]
pub struct RidgeCascade<B> {
    backend: B,
    params: CascadeValidParams,
}

impl<B: ForwardBackend + FitRidge> RidgeCascade<B> {
    /// A cascade on `backend`.
    pub const fn new(backend: B, params: CascadeValidParams) -> Self {
        Self { backend, params }
    }

    /// Fits the decoder of layer `index` from the layer's output `h` to its input `target`, both `samples` rows.
    fn fit(
        &self,
        job: &Job<'_>,
        index: usize,
        samples: usize,
        h: &B::Buffer<f32>,
        target: &B::Buffer<f32>,
    ) -> Result<Fitted<B>> {
        let layer = &job.network.spec().layers()[index];
        let (inputs, outputs) = (layer.outputs(), layer.inputs());
        let config = RidgeConfig { samples, inputs, outputs, noise: self.params.noise() };
        let mut weights = self.backend.zeros(outputs * inputs)?;
        let mut bias = self.backend.zeros(outputs)?;
        let fitted = self.backend.fit_ridge(&config, h, target, &mut weights, &mut bias);
        let RidgeFit { constant_error, error } =
            fitted.map_err(|source| Error::Ridge { layer: index + 1, source })?;
        let (backend, activation) = (self.backend.clone(), Activation::Linear);
        let decoder = DeviceDecoder { backend, inputs, outputs, weights, bias, activation };
        let fit = LayerFit { first_loss: constant_error, last_loss: error, steps: 0 };
        Ok(Fitted { decoder, half: None, fit })
    }
}

impl<B: ForwardBackend + FitRidge> Reconstructor for RidgeCascade<B> {
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
        let fitted = self.params.samples(train) as u64;
        let layer = |layer: &Layer| {
            layer.forward_flops() * (fitted + probe as u64) + fit_flops(layer, fitted)
        };
        layers.iter().map(layer).sum::<u64>()
            + linear_error::flops(layers, fitted)
            + compose::flops(layers, probe as u64)
    }
}

/// Floating-point operations of fitting the decoder of `layer` to `samples` samples.
pub(crate) fn fit_flops(layer: &Layer, samples: u64) -> u64 {
    linear_fit_flops([layer.outputs(), layer.inputs()], samples)
}

/// Floating-point operations of fitting a linear decoder from `h` to `outputs` numbers to `samples` samples.
pub(crate) fn linear_fit_flops([h, outputs]: [usize; 2], samples: u64) -> u64 {
    let (h, outputs) = (h as u64, outputs as u64);
    // One unknown for each input, or for each sample where these are fewer.
    let unknowns = samples.min(h);
    let products = 2 * samples * (h * unknowns + h * outputs);
    // The Cholesky factor, and the two triangular solutions for each output.
    products + unknowns.pow(3) / 3 + 2 * unknowns * unknowns * outputs
}
