use isobath_tensor::{GemmConfig, symmetric_eigenvalues};
use ndarray::{Array2, ArrayView1, ArrayView2};

use super::{Descriptor, Direction, Estimate, EstimatorKind};
use crate::{
    EntropyBackend, Result,
    rows::sum,
    staging::{Staged, Width, upload},
};

/// Von Neumann entropy of the samples' Gram matrix: `-Tr rho ln rho / ln n` with `rho = X X^T / n`. Rows of `X` are the
/// samples minus their mean over units, scaled to unit 2-norm.
///
/// In `[0, 1]`: 0 if all samples are equal up to shift and positive scale, 1 if they are orthogonal. A sample that is constant
/// over its units has no direction; its row is zero and counts as floored. For one sample, `ln n` is 0 and the entropy is
/// defined as 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gram;

impl EstimatorKind for Gram {
    const KIND: &'static str = "gram";
    const RULES: &'static [(&'static str, Self)] = &[];
    const WIDTH: Width = Width::Any;

    fn descriptor(self) -> Descriptor {
        Descriptor {
            id: "gram".into(),
            label: "Gram entropy",
            unit: "",
            direction: Direction::Falls,
            source: "Gram matrix of centred unit samples; -Tr rho ln rho / ln n",
        }
    }

    fn estimate<B: EntropyBackend>(
        self,
        _inputs: &Staged<'_, B>,
        layer: &Staged<'_, B>,
        _divergences: &[f64],
    ) -> Result<Estimate> {
        let (directions, floored) = directions(layer.samples);
        Ok(Estimate::Whole { value: entropy(layer.backend, directions.view())?, floored })
    }
}

/// Eigenvalues below this count as zero: the accuracy of an f32 product of unit-norm rows.
const NEGLIGIBLE: f64 = f32::EPSILON as f64;

fn entropy<B: EntropyBackend>(backend: &B, directions: ArrayView2<'_, f32>) -> Result<f64> {
    let samples = directions.nrows() as f64;
    if directions.nrows() == 1 {
        return Ok(0.0);
    }
    let (density, order) = density(backend, directions)?;
    let eigenvalues = symmetric_eigenvalues(density, order);
    let kept = eigenvalues.iter().filter(|&&lambda| lambda > NEGLIGIBLE);
    let sum: f64 = kept.map(|lambda| -lambda * lambda.ln()).sum();
    Ok((sum / samples.ln()).clamp(0.0, 1.0))
}

/// Returns `X X^T / n`, or `X^T X / n` if that is smaller, and its order. Their nonzero eigenvalues are equal.
fn density<B: EntropyBackend>(
    backend: &B,
    directions: ArrayView2<'_, f32>,
) -> Result<(Vec<f64>, usize)> {
    let (n, d) = directions.dim();
    let order = n.min(d);
    let product = if n <= d {
        GemmConfig::new(n, n, d).transpose_b()
    } else {
        GemmConfig::new(d, d, n).transpose_a()
    };
    let x = upload(backend, directions)?;
    let mut density = backend.zeros(order * order)?;
    let config = GemmConfig { alpha: 1.0 / n as f32, ..product };
    backend.gemm(config, &x, &x, &mut density)?;
    let density = backend.download(&density)?;
    Ok((density.into_iter().map(f64::from).collect(), order))
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
        let scale = 1.0 / norm;
        direction.zip_mut_with(&sample, |to, &from| {
            *to = ((f64::from(from) - mean) * scale) as f32;
        });
    }
    (directions, constant)
}

fn mean_and_norm(sample: ArrayView1<'_, f32>) -> (f64, f64) {
    let mean = sum(sample, |value| value) / sample.len() as f64;
    (mean, sum(sample, |value| (value - mean) * (value - mean)).sqrt())
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
