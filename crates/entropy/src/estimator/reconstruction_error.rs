use isobath_tensor::DivergenceKind;
use ndarray::ArrayView1;

use super::{Descriptor, Direction, Estimate, EstimatorKind};
use crate::{
    EntropyBackend, Error, Result,
    staging::{Scratch, Staged, Width},
};

/// `1 - R^2` of the reconstructions, relative to each pixel's mean over the probe samples.
///
/// 0 for perfect reconstructions, 1 for the mean image, above 1 for worse ones. A sample's value is its squared error over the
/// mean squared deviation of all samples, so that the mean over samples is `1 - R^2`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReconstructionError;

impl EstimatorKind for ReconstructionError {
    const KIND: &'static str = "reconstruction-error";
    const RULES: &'static [(&'static str, Self)] = &[];
    const WIDTH: Width = Width::AsInputs;

    fn descriptor(self) -> Descriptor {
        Descriptor {
            id: "reconstruction-error".into(),
            label: "reconstruction error 1 \u{2212} R²",
            unit: "",
            direction: Direction::Rises,
            source: "1 - R^2 against the mean of each pixel",
        }
    }

    fn divergence(self) -> Option<DivergenceKind> {
        Some(DivergenceKind::SquaredError)
    }

    fn estimate<B: EntropyBackend>(
        self,
        inputs: &Staged<'_, B>,
        _layer: &Staged<'_, B>,
        divergences: &[f64],
        _scratch: &mut Scratch<B>,
    ) -> Result<Estimate> {
        let deviation = mean_squared_deviation(inputs)?;
        Ok(Estimate::PerSample(divergences.iter().map(|error| error / deviation).collect()))
    }

    /// Squared deviation of each sample from the mean image over the mean squared deviation. A resample's `1 - R^2` is the
    /// sum of its errors over the sum of these, so that errors and deviations are those of the same samples.
    fn weights<B: EntropyBackend>(self, inputs: &Staged<'_, B>) -> Result<Option<Vec<f64>>> {
        let (deviation, mean) = (mean_squared_deviation(inputs)?, &inputs.moments()?.mean);
        let weight = |sample: ArrayView1<'_, f32>| {
            let units = sample.iter().zip(mean);
            units.map(|(x, mean)| (f64::from(*x) - mean).powi(2)).sum::<f64>() / deviation
        };
        Ok(Some(inputs.samples.outer_iter().map(weight).collect()))
    }
}

/// `(1/n) sum_i |x_i - mean|^2`
fn mean_squared_deviation<B: EntropyBackend>(inputs: &Staged<'_, B>) -> Result<f64> {
    let samples = inputs.samples.nrows();
    let sum: f64 = inputs.moments()?.variance.iter().sum();
    let deviation = sum * (samples as f64 - 1.0) / samples as f64;
    if deviation > 0.0 { Ok(deviation) } else { Err(Error::ConstantInputs { samples }) }
}
