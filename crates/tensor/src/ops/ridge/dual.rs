//! Dual problem, one unknown weight for each sample: `V = A H` with `A (H H^T + n s^2) = Y^T`, the same decoder by less work where there
//! are fewer samples than inputs (Saunders, Gammerman and Vovk, "Ridge regression learning algorithm in dual variables",
//! ICML 1998).

use ndarray::Array2;

use super::{FitRidge, Problem, cholesky::Cholesky, double, matrix, single};
use crate::{GemmConfig, Result};

/// Writes the weights, and gives the sum of the squared residuals. `None`, and nothing written, where the noise is so small
/// that the rounding of `H H^T` counts: centred samples always depend on each other. What then, [`primal`](super::primal)
/// knows.
///
/// # Errors
/// As [`FitRidge::fit_ridge`].
pub(super) fn solve<B: FitRidge>(
    backend: &B,
    problem: &Problem<'_, B>,
    weights: &mut B::Buffer<f32>,
) -> Result<Option<f64>> {
    let Problem { config, h, target } = *problem;
    let (samples, inputs, outputs) = (config.samples, config.inputs, config.outputs);
    let mut centred = backend.zeros(samples * inputs)?;
    h.centred(backend, 0, samples, &mut centred)?;
    let mut kernel = kernel(backend, samples, inputs, &centred)?;
    problem.check(&kernel)?;
    let penalty = problem.penalty();
    if penalty <= f64::from(f32::EPSILON) * kernel.diag().sum() {
        return Ok(None);
    }
    kernel.diag_mut().mapv_inplace(|x| x + penalty);
    let Ok(factor) = Cholesky::new(kernel) else { return Ok(None) };
    let mut solution = target.transposed(backend, samples)?;
    let residual = factor.solve_rows(&mut solution, |_, a| (penalty * a).powi(2));
    let config = GemmConfig::new(outputs, inputs, samples);
    backend.gemm(config, &backend.upload(&single(&solution))?, &centred, weights)?;
    Ok(Some(residual))
}

/// `H H^T`, `[samples, samples]`, of which only the lower half is defined.
fn kernel<B: FitRidge>(
    backend: &B,
    samples: usize,
    inputs: usize,
    centred: &B::Buffer<f32>,
) -> Result<Array2<f64>> {
    let mut product = backend.zeros(samples * samples)?;
    let config = GemmConfig::new(samples, samples, inputs).transpose_b();
    backend.gram(config, centred, &mut product)?;
    Ok(matrix(samples, double(&backend.read(&product, 0..samples * samples)?)))
}
