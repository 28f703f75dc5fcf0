//! Primal problem, one unknown weight for each input: `V (H^T H + n s^2) = Y^T H`.

use ndarray::Array2;
use rayon::prelude::*;

use super::{Columns, FitRidge, Problem, cholesky::Cholesky, double, matrix, single};
use crate::{Error, GemmConfig, Result};

/// Writes the weights, and gives the sum of the squared residuals.
///
/// # Errors
/// As [`FitRidge::fit_ridge`].
pub(super) fn solve<B: FitRidge>(
    backend: &B,
    problem: &Problem<'_, B>,
    weights: &mut B::Buffer<f32>,
) -> Result<f64> {
    let Problem { config, h, target } = *problem;
    let Products { mut gram, mut cross } = products(backend, config.samples, h, target)?;
    problem.check(&gram)?;
    let penalty = problem.penalty();
    gram.diag_mut().mapv_inplace(|x| x + penalty);
    let indeterminate = |index| Error::Indeterminate { unit: index + 1, noise: config.noise };
    let factor = Cholesky::new(gram).map_err(indeterminate)?;
    // With V (G + p I) = C the residual ||Y - V H||^2 is ||Y||^2 - tr(V C^T) - p ||V||^2.
    let explained = factor.solve_rows(&mut cross, |c, v| v * c + penalty * v * v);
    backend.write(weights, 0, &single(&cross))?;
    Ok(target.squares - explained)
}

/// Second moments of centred samples, not divided by their number.
struct Products {
    /// `H^T H`, `[inputs, inputs]`, of which only the lower half is defined.
    gram: Array2<f64>,
    /// `Y^T H`, `[outputs, inputs]`
    cross: Array2<f64>,
}

fn products<B: FitRidge>(
    backend: &B,
    samples: usize,
    h: &Columns<'_, B>,
    target: &Columns<'_, B>,
) -> Result<Products> {
    /// Samples summed in f32 before they go into an f64 sum.
    const CHUNK: usize = 1024;
    let rows = CHUNK.min(samples);
    let (inputs, outputs) = (h.width, target.width);
    let (mut part_h, mut part_y) = (backend.zeros(rows * inputs)?, backend.zeros(rows * outputs)?);
    let mut product = backend.zeros(inputs.max(outputs) * inputs)?;
    let (mut gram, mut cross) = (Vec::new(), Vec::new());
    for first in (0..samples).step_by(CHUNK) {
        let rows = rows.min(samples - first);
        h.centred(backend, first, rows, &mut part_h)?;
        target.centred(backend, first, rows, &mut part_y)?;
        let config = |width| GemmConfig::new(width, inputs, rows).transpose_a();
        backend.gram(config(inputs), &part_h, &mut product)?;
        add_to(&mut gram, &backend.read(&product, 0..inputs * inputs)?);
        backend.gemm(config(outputs), &part_y, &part_h, &mut product)?;
        add_to(&mut cross, &backend.read(&product, 0..outputs * inputs)?);
    }
    Ok(Products { gram: matrix(inputs, gram), cross: matrix(outputs, cross) })
}

/// Adds `part` to `sum`, which is empty at first.
fn add_to(sum: &mut Vec<f64>, part: &[f32]) {
    /// Numbers a task adds.
    const CHUNK: usize = 16 * 1024;
    if sum.is_empty() {
        *sum = double(part);
        return;
    }
    sum.par_chunks_mut(CHUNK).zip(part.par_chunks(CHUNK)).for_each(|(sum, part)| {
        for (sum, &part) in sum.iter_mut().zip(part) {
            *sum += f64::from(part);
        }
    });
}
