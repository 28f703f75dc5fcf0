//! Reconstructions of ridge decoders from real networks: those of crate `network`, decoded by crate `cascade`.
//!
//! A layer of `w` units with noise of standard deviation `s` on each activation has the ridge `lambda = n s^2 / w` per
//! unit of kernel. Networks of width `w` use the noise `s sqrt(w / width)`, so that `lambda`, and with it the
//! infinite-width limit, is the same for all widths.

use anyhow::{Context, Result};
use isobath_architecture::{MlpParams, Variances, WidthRule};
use isobath_cascade::{CascadeParams, CascadeValidParams, InitialDecoders, Job, Method, Silent};
use isobath_network::Network;
use isobath_tensor::Cpu;
use ndarray::ArrayView2;

use isobath_experiment::RidgeFigure;
use isobath_runner::Progress;

/// Measurements at one width.
pub(in crate::commands::meanfield) struct Measured {
    pub(in crate::commands::meanfield) width: usize,
    /// Standard deviation of the noise on each activation.
    pub(in crate::commands::meanfield) noise: f64,
    /// Profile of each estimator, layer by layer.
    pub(in crate::commands::meanfield) profiles: Vec<Vec<Mean>>,
}

/// A mean over networks and its standard error.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(in crate::commands::meanfield) struct Mean {
    pub(in crate::commands::meanfield) mean: f64,
    pub(in crate::commands::meanfield) error: f64,
}

impl Mean {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let n = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / n;
        let variance = values.map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Self { mean, error: (variance / n).sqrt() }
    }
}

/// Reconstructs the second of `samples` from real networks of weight variance `sigma_w2` with the settings of
/// `figure`; its noise refers to `width` units.
///
/// # Errors
/// If a decoder cannot be fitted or a number is not finite.
pub(super) fn measure(
    figure: &RidgeFigure,
    sigma_w2: f64,
    width: usize,
    samples: [ArrayView2<'_, f32>; 2],
    progress: &Progress,
) -> Result<Vec<Measured>> {
    let variances = Variances::new(sigma_w2, figure.sigma_b2)?;
    let measured = figure.measure.iter().map(|&measured| {
        let noise = figure.noise * (measured as f64 / width as f64).sqrt();
        let params = CascadeParams {
            method: Method::Ridge,
            noise: Some(noise),
            max_samples: Some(figure.train),
            ..CascadeParams::default()
        };
        let params = params.check()?;
        let shape = WidthRule::Fixed(measured);
        let spec = MlpParams::new(figure.depth + 1, shape, figure.activation);
        let spec = spec.check(samples[0].ncols(), 2)?.spec();
        // Every width uses its own networks; otherwise errors of different widths would be correlated.
        let seed =
            |index: usize| figure.seed.wrapping_add(((measured as u64) << 32) + index as u64);
        let networks = (0..figure.networks).map(|index| {
            let network = Network::random(spec.clone(), variances, seed(index));
            let profiles = profiles_of(&network, figure, &params, samples);
            progress.message(format!("width {measured}, sigma_w2 = {sigma_w2}"));
            progress.advance(work(measured));
            profiles.with_context(|| format!("network {} of width {measured}", index + 1))
        });
        let networks = networks.collect::<Result<Vec<_>>>()?;
        let profile = |estimator: usize| {
            let layer = |l| Mean::of(networks.iter().map(|profiles| profiles[estimator][l]));
            (0..figure.depth).map(layer).collect()
        };
        let profiles = (0..figure.estimators.len()).map(profile).collect();
        Ok(Measured { width: measured, noise, profiles })
    });
    measured.collect()
}

/// Approximate work per network of this width, in arbitrary units.
pub(super) const fn work(width: usize) -> u64 {
    let width = width as u64;
    width * width + 100 * width
}

/// Values of every estimator, layer by layer.
fn profiles_of(
    network: &Network,
    figure: &RidgeFigure,
    params: &CascadeValidParams,
    [train, probe]: [ArrayView2<'_, f32>; 2],
) -> Result<Vec<Vec<f64>>> {
    let initial = InitialDecoders::Drawn { seed: figure.seed };
    let job = Job { network, layers: figure.depth, train, order: None, probe, initial };
    let reconstructions =
        params.clone().build(Cpu::new()).reconstruct(&job, &Silent)?.reconstructions;
    let layers: Vec<_> = reconstructions.iter().map(|layer| layer.view()).collect();
    let profile = |spec: &isobath_entropy::EstimatorSpec| {
        Ok(spec.build(Cpu::new()).profile(probe, &layers)?.values)
    };
    figure.estimators.iter().map(profile).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_standard_error() {
        let Mean { mean, error } = Mean::of([1.0, 2.0, 3.0, 4.0].into_iter());
        assert!((mean - 2.5).abs() < 1e-15);
        assert!((error - (5.0_f64 / 3.0 / 4.0).sqrt()).abs() < 1e-15);
    }
}
