//! Reconstructions of ridge decoders from infinitely wide networks.

use anyhow::Result;
use isobath_entropy::{EstimatorSpec, Profile};
use isobath_meanfield::{Ridge, RidgeTheory, Theory};
use isobath_tensor::Cpu;
use ndarray::{Array2, ArrayView2, Axis};

use super::super::out_of_range;

/// Prediction at one weight variance.
pub(in crate::commands::meanfield) struct Prediction {
    pub(in crate::commands::meanfield) sigma_w2: f64,
    /// `1 - R^2` of one decoder from each layer to the input.
    pub(in crate::commands::meanfield) direct: Vec<f64>,
    /// `1 - R^2` of the chain of decoders.
    pub(in crate::commands::meanfield) chained: Vec<f64>,
    /// Profile of every estimator on the mean chained reconstructions.
    pub(in crate::commands::meanfield) profiles: Vec<Profile>,
    /// Ridge of each layer.
    pub(in crate::commands::meanfield) lambda: Vec<f64>,
}

impl Prediction {
    /// Reconstructs the second of `samples` from `depth` layers, with decoders trained on the first.
    ///
    /// # Errors
    /// If a setting is outside its range, lengths overflow or the noise is too small for the kernel's rounding.
    pub(super) fn new(
        theory: Theory,
        ridge: Ridge,
        [train, probe]: [ArrayView2<'_, f32>; 2],
        depth: usize,
        estimators: &[EstimatorSpec],
    ) -> Result<Self> {
        let mut layers = RidgeTheory::new(theory, ridge, train, probe).map_err(out_of_range)?;
        let deviation = deviation(probe);
        let (mut direct, mut chained, mut lambda) = (Vec::new(), Vec::new(), Vec::new());
        let mut spreads = [Vec::new(), Vec::new()];
        for _ in 0..depth {
            let layer = layers.next_layer()?;
            direct.push(layer.direct);
            chained.push(layer.chained);
            lambda.push(layer.lambda);
            spreads[0].push(layer.direct_variance.sum() / deviation);
            spreads[1].push(layer.chained_variance.sum() / deviation);
        }
        let profile = |spec: &EstimatorSpec, layers: &[Array2<f32>]| {
            let views: Vec<_> = layers.iter().map(|layer| layer.view()).collect();
            spec.build(Cpu::new()).profile(probe, &views)
        };
        // Reconstructions of finite networks spread around the mean, which adds to the mean squared error.
        let error = |layers: &[Array2<f32>], spread: &[f64]| {
            let mean = profile(&EstimatorSpec::RECONSTRUCTION_ERROR, layers)?.values;
            Ok::<_, isobath_entropy::Error>(
                mean.iter().zip(spread).map(|(e, s)| e + s).collect::<Vec<_>>(),
            )
        };
        Ok(Self {
            sigma_w2: theory.sigma_w2(),
            direct: error(&direct, &spreads[0])?,
            chained: error(&chained, &spreads[1])?,
            profiles: estimators
                .iter()
                .map(|spec| profile(spec, &chained))
                .collect::<isobath_entropy::Result<Vec<_>>>()?,
            lambda,
        })
    }

    /// Expected value over networks of the `index`-th estimator in each layer.
    pub(in crate::commands::meanfield) fn values(&self, index: usize) -> &[f64] {
        let profile = &self.profiles[index];
        let is_error = profile.estimator == EstimatorSpec::RECONSTRUCTION_ERROR;
        if is_error { &self.chained } else { &profile.values }
    }
}

/// `sum_i |x_i - mean|^2`
fn deviation(x: ArrayView2<'_, f32>) -> f64 {
    let x = x.mapv(f64::from);
    let mean = x.sum_axis(Axis(0)) / x.nrows() as f64;
    (x - mean).mapv(|x| x * x).sum()
}
