use isobath_tensor::DivergenceKind;
use ndarray::ArrayView2;

use super::{Direction, EntropyEstimator, sample_divergence::divergences};
use crate::{
    EntropyBackend, Error, Profile, Result,
    staging::{self, Width},
};

/// `1 - R^2` of the reconstructions against the predictor that knows only each pixel's mean over the probe samples:
/// 0 for perfect ones, 1 for those that are no better than the mean, above 1 for worse.
///
/// A sample's own value is its squared error over the mean squared deviation of all samples, so that the mean over the
/// samples is `1 - R^2`.
#[derive(Clone, Debug)]
pub(crate) struct ReconstructionError<B> {
    pub(crate) backend: B,
    pub(crate) name: String,
}

impl<B: EntropyBackend> EntropyEstimator for ReconstructionError<B> {
    fn name(&self) -> &str {
        &self.name
    }

    fn direction(&self) -> Direction {
        Direction::Rises
    }

    fn profile(
        &self,
        inputs: ArrayView2<'_, f32>,
        layers: &[ArrayView2<'_, f32>],
    ) -> Result<Profile> {
        staging::check(inputs, layers, Width::AsInputs)?;
        let deviation = self.mean_squared_deviation(inputs)?;
        let errors = divergences(&self.backend, DivergenceKind::SquaredError, inputs, layers)?;
        Ok(Profile::from_samples(&self.name, errors / deviation))
    }
}

impl<B: EntropyBackend> ReconstructionError<B> {
    /// `(1/n) sum_i |x_i - mean|^2`
    fn mean_squared_deviation(&self, inputs: ArrayView2<'_, f32>) -> Result<f64> {
        let samples = inputs.nrows();
        let (_, variance) = staging::column_moments(&self.backend, inputs, false)?;
        let deviation = variance.iter().sum::<f64>() * (samples as f64 - 1.0) / samples as f64;
        if deviation > 0.0 { Ok(deviation) } else { Err(Error::ConstantInputs { samples }) }
    }
}
