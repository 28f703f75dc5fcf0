use isobath_tensor::DivergenceKind;
use ndarray::ArrayView2;

use super::{
    Descriptor, Direction, EntropyEstimator, EstimatorKind, sample_divergence::divergences,
};
use crate::{
    EntropyBackend, Error, EstimatorSpec, Profile, Result,
    staging::{self, Width},
};

/// `1 - R^2` of the reconstructions, 0 for perfect ones and 1 for the mean image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReconstructionError;

impl EstimatorKind for ReconstructionError {
    const KIND: &'static str = "reconstruction-error";
    const RULES: &'static [(&'static str, Self)] = &[];

    fn descriptor(self) -> Descriptor {
        Descriptor {
            id: "reconstruction-error".into(),
            label: "reconstruction error 1 \u{2212} R²",
            unit: "",
            direction: Direction::Rises,
            source: "1 - R^2 against the mean of each pixel",
        }
    }

    fn build<B: EntropyBackend>(self, backend: B) -> Box<dyn EntropyEstimator> {
        Box::new(ReconstructionErrorEstimator { backend })
    }
}

/// `1 - R^2` of the reconstructions, relative to each pixel's mean over the probe samples.
///
/// 0 for perfect reconstructions, 1 for the mean image, above 1 for worse ones. A sample's value is its squared error over the
/// mean squared deviation of all samples, so that the mean over samples is `1 - R^2`.
#[derive(Clone, Debug)]
struct ReconstructionErrorEstimator<B> {
    backend: B,
}

impl<B: EntropyBackend> EntropyEstimator for ReconstructionErrorEstimator<B> {
    fn spec(&self) -> EstimatorSpec {
        EstimatorSpec::ReconstructionError(ReconstructionError)
    }

    fn profile(
        &self,
        inputs: ArrayView2<'_, f32>,
        layers: &[ArrayView2<'_, f32>],
    ) -> Result<Profile> {
        staging::check(inputs, layers, Width::AsInputs)?;
        let deviation = self.mean_squared_deviation(inputs)?;
        let errors = divergences(&self.backend, DivergenceKind::SquaredError, inputs, layers)?;
        Ok(Profile::from_samples(self.spec(), errors / deviation))
    }
}

impl<B: EntropyBackend> ReconstructionErrorEstimator<B> {
    /// Returns `(1/n) sum_i |x_i - mean|^2`.
    fn mean_squared_deviation(&self, inputs: ArrayView2<'_, f32>) -> Result<f64> {
        let samples = inputs.nrows();
        let (_, variance) = staging::column_moments(&self.backend, inputs, false)?;
        let deviation = variance.iter().sum::<f64>() * (samples as f64 - 1.0) / samples as f64;
        if deviation > 0.0 { Ok(deviation) } else { Err(Error::ConstantInputs { samples }) }
    }
}
