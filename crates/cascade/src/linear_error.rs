//! Error of the best linear decoder of the first layer, the yardstick for trained decoders.

use isobath_architecture::{Activation, Layer};
use isobath_network::ForwardBackend;
use isobath_tensor::{FitRidge, RidgeConfig};
use ndarray::{ArrayView2, Axis};

use crate::{Result, decoder::DeviceDecoder, ridge::fit_flops};

/// Maximum number of samples for the fit.
const SAMPLES: usize = 2000;

/// Noise on the activations that the fit assumes: far below any difference that training resolves, and large enough for
/// f32.
const NOISE: f64 = 1e-3;

/// Fits a linear decoder from the first layer's output to its input and returns its `1 - R^2` on the probe samples.
///
/// `shape` is `[samples, outputs of the layer, inputs of the layer]`, `train` the output and the input of the layer on the
/// training samples, `probe_output` its output on the probe samples `probe`. `None` if the probe samples are all equal or
/// the fit fails.
///
/// # Errors
/// When the device fails.
pub(crate) fn best_linear_error<B: ForwardBackend + FitRidge>(
    backend: &B,
    [samples, inputs, outputs]: [usize; 3],
    [h, target]: [&B::Buffer<f32>; 2],
    probe_output: &B::Buffer<f32>,
    probe: ArrayView2<'_, f32>,
) -> Result<Option<f64>> {
    let config = RidgeConfig { samples: samples.min(SAMPLES), inputs, outputs, noise: NOISE };
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
