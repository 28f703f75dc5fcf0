use isobath_tensor::{GemmConfig, row_sum, symmetric_eigenvalues};

use super::{Descriptor, Direction, Estimate, EstimatorKind};
use crate::{
    EntropyBackend, Result,
    staging::{Scratch, Staged, Width},
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
        scratch: &mut Scratch<B>,
    ) -> Result<Estimate> {
        let mut floored = 0;
        scratch.upload(layer.backend, layer.samples, |sample, to| {
            floored += usize::from(!direction(sample, to));
        })?;
        let value = entropy(layer.backend, layer.shape(), &scratch.buffer)?;
        Ok(Estimate::Whole { value, floored })
    }
}

/// Eigenvalues below this count as zero: the accuracy of an f32 product of unit-norm rows.
const NEGLIGIBLE: f64 = f32::EPSILON as f64;

/// Entropy of `directions`, `[n, d]`.
fn entropy<B: EntropyBackend>(
    backend: &B,
    shape: [usize; 2],
    directions: &B::Buffer<f32>,
) -> Result<f64> {
    let samples = shape[0];
    if samples == 1 {
        return Ok(0.0);
    }
    let (density, order) = density(backend, shape, directions)?;
    let eigenvalues = symmetric_eigenvalues(density, order);
    let kept = eigenvalues.iter().filter(|&&lambda| lambda > NEGLIGIBLE);
    let sum: f64 = kept.map(|lambda| -lambda * lambda.ln()).sum();
    Ok((sum / (samples as f64).ln()).clamp(0.0, 1.0))
}

/// Returns `X X^T / n`, or `X^T X / n` if that is smaller, and its order. Their nonzero eigenvalues are equal.
fn density<B: EntropyBackend>(
    backend: &B,
    [n, d]: [usize; 2],
    x: &B::Buffer<f32>,
) -> Result<(Vec<f64>, usize)> {
    let order = n.min(d);
    let product = if n <= d {
        GemmConfig::new(n, n, d).transpose_b()
    } else {
        GemmConfig::new(d, d, n).transpose_a()
    };
    let mut density = backend.zeros(order * order)?;
    let config = GemmConfig { alpha: 1.0 / n as f32, ..product };
    backend.gemm(config, x, x, &mut density)?;
    let density = backend.download(&density)?;
    Ok((density.into_iter().map(f64::from).collect(), order))
}

/// Writes a sample minus its mean, scaled to unit norm. Returns false, and writes nothing, if it is constant.
fn direction(sample: &[f32], to: &mut [f32]) -> bool {
    if sample.iter().all(|value| (value - sample[0]).abs() <= 0.0) {
        return false;
    }
    let (mean, norm) = mean_and_norm(sample);
    let scale = 1.0 / norm;
    for (to, &value) in to.iter_mut().zip(sample) {
        *to = ((f64::from(value) - mean) * scale) as f32;
    }
    true
}

fn mean_and_norm(sample: &[f32]) -> (f64, f64) {
    let mean = row_sum(sample, |value| value) / sample.len() as f64;
    (mean, row_sum(sample, |value| (value - mean) * (value - mean)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_have_mean_zero_and_norm_one() {
        let mut found = [0.0; 3];
        assert!(direction(&[1.0, 2.0, 6.0], &mut found));
        let (mean, norm) = mean_and_norm(&found);
        assert!(mean.abs() < 1e-7 && (norm - 1.0).abs() < 1e-7);
        let mut constant = [0.0; 3];
        assert!(!direction(&[4.0, 4.0, 4.0], &mut constant));
        assert!(constant.iter().all(|value| value.abs() <= 0.0));
    }
}
