use isobath_tensor::{GemmConfig, symmetric_eigenvalues};
use ndarray::{Array2, ArrayView1, ArrayView2};

use super::{Descriptor, Direction, EntropyEstimator, EstimatorKind};
use crate::{
    EntropyBackend, EstimatorSpec, Profile, Result,
    staging::{self, Width},
};

/// Von Neumann entropy of the samples' Gram matrix, in `[0, 1]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gram;

impl EstimatorKind for Gram {
    const KIND: &'static str = "gram";
    const RULES: &'static [(&'static str, Self)] = &[];

    fn descriptor(self) -> Descriptor {
        Descriptor {
            id: "gram".into(),
            label: "Gram entropy",
            unit: "",
            direction: Direction::Falls,
            source: "Gram matrix of centred unit samples; -Tr rho ln rho / ln n",
        }
    }

    fn build<B: EntropyBackend>(self, backend: B) -> Box<dyn EntropyEstimator> {
        Box::new(GramEstimator { backend })
    }
}

/// Eigenvalues below this count as zero: the accuracy of an f32 product of unit-norm rows.
const NEGLIGIBLE: f64 = f32::EPSILON as f64;

/// `-Tr rho ln rho / ln n` with `rho = X X^T / n`. Rows of `X` are the samples minus their mean over units, scaled to unit
/// 2-norm.
///
/// In `[0, 1]`: 0 if all samples are equal up to shift and positive scale, 1 if they are orthogonal. A sample that is constant
/// over its units has no direction; its row is zero and counts as floored. For one sample, `ln n` is 0 and the entropy is
/// defined as 0.
#[derive(Clone, Debug)]
struct GramEstimator<B> {
    backend: B,
}

impl<B: EntropyBackend> EntropyEstimator for GramEstimator<B> {
    fn spec(&self) -> EstimatorSpec {
        EstimatorSpec::Gram(Gram)
    }

    fn profile(
        &self,
        inputs: ArrayView2<'_, f32>,
        layers: &[ArrayView2<'_, f32>],
    ) -> Result<Profile> {
        staging::check(inputs, layers, Width::Any)?;
        let values = layers.iter().map(|layer| {
            let (directions, floored) = directions(*layer);
            Ok((self.entropy(directions.view())?, floored))
        });
        Ok(Profile::from_layers(self.spec(), values.collect::<Result<Vec<_>>>()?))
    }
}

impl<B: EntropyBackend> GramEstimator<B> {
    fn entropy(&self, directions: ArrayView2<'_, f32>) -> Result<f64> {
        let samples = directions.nrows() as f64;
        if directions.nrows() == 1 {
            return Ok(0.0);
        }
        let (density, order) = self.density(directions)?;
        let eigenvalues = symmetric_eigenvalues(density, order);
        let kept = eigenvalues.iter().filter(|&&lambda| lambda > NEGLIGIBLE);
        let sum: f64 = kept.map(|lambda| -lambda * lambda.ln()).sum();
        Ok((sum / samples.ln()).clamp(0.0, 1.0))
    }

    /// Returns `X X^T / n`, or `X^T X / n` if that is smaller, and its order. Their nonzero eigenvalues are equal.
    fn density(&self, directions: ArrayView2<'_, f32>) -> Result<(Vec<f64>, usize)> {
        let (n, d) = directions.dim();
        let order = n.min(d);
        let product = if n <= d {
            GemmConfig::new(n, n, d).transpose_b()
        } else {
            GemmConfig::new(d, d, n).transpose_a()
        };
        let x = staging::upload(&self.backend, directions)?;
        let mut density = self.backend.zeros(order * order)?;
        let config = GemmConfig { alpha: 1.0 / n as f32, ..product };
        self.backend.gemm(config, &x, &x, &mut density)?;
        let density = self.backend.download(&density)?;
        Ok((density.into_iter().map(f64::from).collect(), order))
    }
}

/// Returns each sample minus its mean, scaled to unit norm, and the number of constant samples.
fn directions(layer: ArrayView2<'_, f32>) -> (Array2<f32>, usize) {
    let mut directions = Array2::zeros(layer.dim());
    let mut constant = 0;
    for (sample, mut direction) in layer.outer_iter().zip(directions.outer_iter_mut()) {
        if sample.iter().all(|value| (value - sample[0]).abs() <= 0.0) {
            constant += 1;
            continue;
        }
        let (mean, norm) = mean_and_norm(sample);
        direction.zip_mut_with(&sample, |to, &from| *to = ((f64::from(from) - mean) / norm) as f32);
    }
    (directions, constant)
}

fn mean_and_norm(sample: ArrayView1<'_, f32>) -> (f64, f64) {
    let mean = sum(sample, |value| value) / sample.len() as f64;
    (mean, sum(sample, |value| (value - mean) * (value - mean)).sqrt())
}

/// Sum of `term` over the units in eight parts, which the compiler vectorises.
fn sum(sample: ArrayView1<'_, f32>, term: impl Fn(f64) -> f64) -> f64 {
    const LANES: usize = 8;
    let Some(values) = sample.to_slice() else {
        return sample.iter().map(|&value| term(f64::from(value))).sum();
    };
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut parts = [0.0; LANES];
    for chunk in chunks {
        for (part, &value) in parts.iter_mut().zip(chunk) {
            *part += term(f64::from(value));
        }
    }
    parts.iter().sum::<f64>() + rest.iter().map(|&value| term(f64::from(value))).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn directions_have_mean_zero_and_norm_one() {
        let (directions, constant) = directions(array![[1.0, 2.0, 6.0], [4.0, 4.0, 4.0]].view());
        assert_eq!(constant, 1);
        let (mean, norm) = mean_and_norm(directions.row(0));
        assert!(mean.abs() < 1e-7 && (norm - 1.0).abs() < 1e-7);
        assert_eq!(directions.row(1), array![0.0, 0.0, 0.0]);
    }
}
