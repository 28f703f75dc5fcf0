//! Errors of the best linear decoders from a layer to the input, the yardstick for trained decoders.

use isobath_architecture::{Activation, Layer};
use isobath_network::ForwardBackend;
use isobath_tensor::{FitRidge, RidgeConfig};
use ndarray::{ArrayView2, Axis};

use crate::{
    Result,
    decoder::DeviceDecoder,
    ridge::{fit_flops, linear_fit_flops},
};

/// Maximum number of samples for the fit of the first layer.
const SAMPLES: usize = 2000;

/// Maximum number of samples for the fits of deeper layers.
pub(crate) const DEEP_SAMPLES: usize = 1000;

/// Noise on the activations that the fit of the first layer assumes: far below any difference that training resolves, and
/// large enough for f32.
pub(crate) const FIRST_NOISE: f64 = 1e-3;

/// Noise on the activations that the fits of deeper layers assume: that of ridge decoders. Differences below it count as
/// lost, whether or not arithmetic still has them.
pub(crate) const DEEP_NOISE: f64 = 0.03;

/// True for the layers, counted from 1, whose linear decoders are fitted: the powers of two and the last.
pub(crate) const fn is_checked(layer: usize, last: usize) -> bool {
    layer == last || layer.is_power_of_two()
}

/// Fits a linear decoder from a layer's output to the input of the network and returns its `1 - R^2` on the probe samples.
///
/// `shape` is `[samples, outputs of the layer, inputs of the network]`, `[h, target]` the output of the layer and the input
/// of the network for the training samples, `probe_output` the layer's output for the probe samples `probe`. `None` if the
/// probe samples are all equal or the fit fails.
///
/// # Errors
/// When the device fails.
pub(crate) fn best_linear_error<B: ForwardBackend + FitRidge>(
    backend: &B,
    noise: f64,
    [samples, inputs, outputs]: [usize; 3],
    [h, target]: [&B::Buffer<f32>; 2],
    probe_output: &B::Buffer<f32>,
    probe: ArrayView2<'_, f32>,
) -> Result<Option<f64>> {
    let config = RidgeConfig { samples: samples.min(SAMPLES), inputs, outputs, noise };
    let mut weights = backend.zeros(outputs * inputs)?;
    let mut bias = backend.zeros(outputs)?;
    if backend.fit_ridge(&config, h, target, &mut weights, &mut bias).is_err() {
        return Ok(None);
    }
    let (backend, activation) = (backend.clone(), Activation::Linear);
    let decoder = DeviceDecoder { backend, inputs, outputs, weights, bias, activation };
    let mut reconstruction = decoder.backend.zeros(probe.nrows() * outputs)?;
    decoder.apply(probe.nrows(), probe_output, &mut reconstruction)?;
    Ok(unexplained(probe, &decoder.backend.download(&reconstruction)?))
}

/// Floating-point operations of [`best_linear_error`] on the first of `layers`, with `samples` training samples.
pub(crate) fn flops(layers: &[Layer], samples: u64) -> u64 {
    layers.first().map_or(0, |layer| fit_flops(layer, samples.min(SAMPLES as u64)))
}

/// Floating-point operations of [`best_linear_error`] on the deeper of `layers` that are checked.
pub(crate) fn deep_flops(layers: &[Layer], samples: u64) -> u64 {
    let (samples, inputs) =
        (samples.min(DEEP_SAMPLES as u64), layers.first().map_or(0, Layer::inputs));
    let checked =
        (2..).zip(layers.iter().skip(1)).filter(|(depth, _)| is_checked(*depth, layers.len()));
    checked.map(|(_, layer)| linear_fit_flops([layer.outputs(), inputs], samples)).sum()
}

/// `1 - R^2` of `reconstruction`, row by row as `probe`; `None` if all samples of `probe` are equal or a number is not
/// finite.
fn unexplained(probe: ArrayView2<'_, f32>, reconstruction: &[f32]) -> Option<f64> {
    let wide = probe.mapv(f64::from);
    let mean = wide.mean_axis(Axis(0))?;
    let variation = (&wide - &mean).mapv(|difference| difference.powi(2)).sum();
    let square = |(x, &y): (&f64, &f32)| (x - f64::from(y)).powi(2);
    let error = wide.iter().zip(reconstruction).map(square).sum::<f64>() / variation;
    error.is_finite().then_some(error)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn unexplained_variance_of_exact_mean_and_constant_samples() {
        let probe = array![[0.0_f32, 1.0], [1.0, 3.0]];
        assert_eq!(unexplained(probe.view(), &[0.0, 1.0, 1.0, 3.0]), Some(0.0));
        assert_eq!(unexplained(probe.view(), &[0.5, 2.0, 0.5, 2.0]), Some(1.0));
        assert_eq!(unexplained(array![[1.0_f32], [1.0]].view(), &[1.0, 1.0]), None);
    }
}
