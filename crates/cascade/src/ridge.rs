use isobath_architecture::Layer;
use isobath_network::ForwardBackend;
use isobath_tensor::{FitRidge, GatherRows};

use crate::{
    Cascade, CascadeValidParams, Error, Extent, Job, LayerFit, Observer, Reconstructor, Result,
    StopFn,
    activations::Activations,
    chain, compose,
    device_decoder::DeviceDecoder,
    linear_error,
    linear_fit::{LinearFit, fit_flops},
    segment::Segment,
    sweep::{Fitted, Sweep},
    work::Work,
};

/// Linear decoders in closed form: the best ones when each activation carries independent noise of a given size, see
/// [`FitRidge::fit_ridge`]. No step size, no minibatches, no random numbers.
///
/// The noise sets the smallest difference between activations that counts. Without it, the decoders would read differences
/// from any depth that no gradient descent can use.
///
/// Decoders of convolutions are fitted to patches, one for each pixel of a sample, or to 65,536 of them where there are
/// more, spread evenly over samples and pixels.
#[derive(Clone, Debug)]
pub struct RidgeCascade<B> {
    backend: B,
    params: CascadeValidParams,
    /// True if the best linear decoders are fitted too.
    has_yardstick: bool,
}

impl<B: ForwardBackend + FitRidge + GatherRows> RidgeCascade<B> {
    /// A cascade on `backend`.
    pub const fn new(backend: B, params: CascadeValidParams) -> Self {
        Self { backend, params, has_yardstick: true }
    }

    /// The cascade without the yardstick of linear decoders: [`Cascade::linear_error`] and [`Cascade::linear_profile`] stay
    /// empty.
    #[must_use]
    pub fn without_yardstick(self) -> Self {
        Self { has_yardstick: false, ..self }
    }

    /// Runs the training samples through the only layer of `segment` and fits its decoder.
    fn fit(&self, segment: &Segment<'_, B>, train: &mut Activations<B>) -> Result<Vec<Fitted<B>>> {
        let backend = &self.backend;
        train.forward(backend, self.params.params().forward_precision, &segment.layers[0])?;
        let fit = LinearFit {
            kind: segment.decoders[0][0].kind,
            samples: train.rows,
            noise: self.params.noise(),
        };
        let ([weights, bias], fitted) = fit
            .run(backend, &train.output, &train.input)?
            .map_err(|source| Error::Ridge { layer: segment.first + 1, source })?;
        let decoder = DeviceDecoder::single(backend, segment.decoders[0][0], weights, bias);
        let (first_loss, last_loss) = (fitted.constant_error, fitted.error);
        let fit = LayerFit { first_loss, last_loss, steps: 0 };
        Ok(vec![Fitted { decoder, half: None, fit, losses: Vec::new() }])
    }
}

impl<B: ForwardBackend + FitRidge + GatherRows> Reconstructor for RidgeCascade<B> {
    fn cascade(
        &self,
        job: &Job<'_>,
        observer: &dyn Observer,
        stop: Option<&mut StopFn<'_>>,
    ) -> Result<Cascade> {
        let sweep = Sweep::new(&self.backend, job, &self.params)?;
        let sweep = Sweep { has_yardstick: self.has_yardstick, ..sweep };
        let samples = sweep.samples as u64;
        let fits = sweep.layers().iter().zip(&sweep.decoders).map(|(layer, decoder)| {
            layer.forward_flops() * samples + fit_flops(decoder[0].kind, samples)
        });
        let work = Work::new(observer, fits.collect(), sweep.chain_flops(1));
        let swept = sweep.run(&work, stop, |segment, train| self.fit(segment, train))?;
        Ok(Cascade::new(swept, self, job))
    }

    fn flops(&self, extent: &Extent<'_>) -> u64 {
        let &Extent { layers, train, probe } = extent;
        let (fitted, probe) = (self.params.samples(train) as u64, probe as u64);
        let decoders: Vec<_> =
            layers.iter().map(|layer| self.params.decoder_layers(layer)).collect();
        let layer = |layer: &Layer| layer.forward_flops() * (fitted + probe);
        let fits = decoders.iter().map(|decoder| fit_flops(decoder[0].kind, fitted));
        let reconstructions = if compose::fits(layers) {
            compose::flops(layers, &decoders, probe)
        } else {
            chain::flops(decoders.iter().map(|decoder| decoder[0].kind.products()), probe)
        };
        let samples = self.params.samples(train);
        let yardstick = if self.has_yardstick {
            linear_error::flops(layers, &decoders, samples)
                + linear_error::deep_flops(layers, samples, false)
        } else {
            0
        };
        layers.iter().map(layer).sum::<u64>() + fits.sum::<u64>() + yardstick + reconstructions
    }
}
