//! Entropy of a layer over a batch.

#[cfg(feature = "conformance")]
pub(super) mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod reference;

use std::f64::consts::{E, PI};

use crate::{Backend, Result, backend::expect_len};

/// The entropy of a layer over a batch, as a regulariser of training (Peer et al., arXiv:2208.01134).
///
/// The defaults go through host memory in f64.
pub trait BatchEntropy: Backend {
    /// `H = mean_i 0.5 ln(pi e s_i^2 + 1)` of `h` `[units, samples]` in nats, `s_i` the standard deviation of unit `i`
    /// over the samples, unbiased; zero for a single sample.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when the buffer is too short.
    fn batch_entropy(&self, [units, samples]: [usize; 2], h: &Self::Buffer<f32>) -> Result<f64> {
        check_batch_entropy(self, [units, samples], h)?;
        let h = self.read(h, 0..units * samples)?;
        let entropy = |row: &[f32]| 0.5 * (PI * E * moments(row).1).ln_1p();
        Ok(h.chunks_exact(samples.max(1)).map(entropy).sum::<f64>() / units.max(1) as f64)
    }

    /// `delta <- delta + factor dH/dh` for `delta` and `h` `[units, samples]`, where
    /// `dH/dh_ij = pi e (h_ij - mean_i) / (units (samples - 1) (pi e s_i^2 + 1))`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short.
    fn add_batch_entropy_gradient(
        &self,
        [units, samples]: [usize; 2],
        factor: f64,
        h: &Self::Buffer<f32>,
        delta: &mut Self::Buffer<f32>,
    ) -> Result<()> {
        check_batch_entropy_gradient(self, [units, samples], h, delta)?;
        let h = self.read(h, 0..units * samples)?;
        let mut sum = self.read(delta, 0..units * samples)?;
        let scale = factor * PI * E / (units as f64 * (samples as f64 - 1.0).max(1.0));
        let rows = sum.chunks_exact_mut(samples.max(1)).zip(h.chunks_exact(samples.max(1)));
        for (delta, h) in rows {
            let (mean, variance) = moments(h);
            let slope = scale / (PI * E * variance + 1.0);
            for (delta, &h) in delta.iter_mut().zip(h) {
                *delta = (f64::from(*delta) + slope * (f64::from(h) - mean)) as f32;
            }
        }
        self.write(delta, 0, &sum)
    }
}

pub(crate) fn check_batch_entropy<B: Backend>(
    backend: &B,
    [units, samples]: [usize; 2],
    h: &B::Buffer<f32>,
) -> Result<()> {
    expect_len("batch_entropy", "h", units * samples, backend.len(h))
}

pub(crate) fn check_batch_entropy_gradient<B: Backend>(
    backend: &B,
    [units, samples]: [usize; 2],
    h: &B::Buffer<f32>,
    delta: &B::Buffer<f32>,
) -> Result<()> {
    const OP: &str = "add_batch_entropy_gradient";
    expect_len(OP, "h", units * samples, backend.len(h))?;
    expect_len(OP, "delta", units * samples, backend.len(delta))
}

/// Mean and unbiased variance.
fn moments(row: &[f32]) -> (f64, f64) {
    let n = row.len() as f64;
    let mean = row.iter().map(|&h| f64::from(h)).sum::<f64>() / n;
    let squares: f64 = row.iter().map(|&h| (f64::from(h) - mean).powi(2)).sum();
    (mean, squares / (n - 1.0).max(1.0))
}
