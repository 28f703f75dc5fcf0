use super::check_ridge;
use crate::{Error, FitRidge, HostBuffer, Reference, Result, RidgeConfig, RidgeFit};

/// Normal equations, one after the other, everything in f64.
impl FitRidge for Reference {
    fn fit_ridge(
        &self,
        config: &RidgeConfig,
        h: &HostBuffer<f32>,
        target: &HostBuffer<f32>,
        weights: &mut HostBuffer<f32>,
        bias: &mut HostBuffer<f32>,
    ) -> Result<RidgeFit> {
        check_ridge(self, config, h, target, weights, bias)?;
        let &RidgeConfig { samples, inputs, outputs, noise } = config;
        let (h, h_means) = centred(h.as_slice(), samples, inputs);
        let (y, y_means) = centred(target.as_slice(), samples, outputs);
        let product = |a: &[Vec<f64>], i: usize, j: usize| {
            (0..samples).map(|sample| a[sample][i] * h[sample][j]).sum::<f64>()
        };
        let gram: Vec<Vec<f64>> = (0..inputs)
            .map(|i| {
                let penalty = |j| if i == j { samples as f64 * noise * noise } else { 0.0 };
                (0..inputs).map(|j| product(&h, i, j) + penalty(j)).collect()
            })
            .collect();
        let squares = (0..outputs).map(|i| y.iter().map(|y| y[i] * y[i]).sum::<f64>());
        if !gram.iter().flatten().copied().chain(squares).all(f64::is_finite) {
            return Err(Error::NotFinite { op: "fit_ridge" });
        }
        let lower =
            cholesky(&gram).map_err(|index| Error::Indeterminate { unit: index + 1, noise })?;
        let mut errors = RidgeFit { constant_error: 0.0, error: 0.0 };
        let count = (samples * outputs) as f64;
        for i in 0..outputs {
            let row = solve(&lower, (0..inputs).map(|j| product(&y, i, j)).collect());
            let dot = |x: &[f64]| row.iter().zip(x).map(|(v, x)| v * x).sum::<f64>();
            for (h, y) in h.iter().zip(&y) {
                errors.constant_error += y[i].powi(2) / count;
                errors.error += (dot(h) - y[i]).powi(2) / count;
            }
            bias.as_mut_slice()[i] = (y_means[i] - dot(&h_means)) as f32;
            for (weight, v) in weights.as_mut_slice()[i * inputs..].iter_mut().zip(&row) {
                *weight = *v as f32;
            }
        }
        Ok(errors)
    }
}

/// The rows of `x`, `[rows, cols]`, less the columns' means, and the means.
fn centred(x: &[f32], rows: usize, cols: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
    let at = |i: usize, j: usize| f64::from(x[i * cols + j]);
    let mean = |j| (0..rows).map(|i| at(i, j)).sum::<f64>() / rows as f64;
    let means: Vec<f64> = (0..cols).map(mean).collect();
    let row = |i| (0..cols).map(|j| at(i, j) - means[j]).collect();
    ((0..rows).map(row).collect(), means)
}

/// `L` with `L L^T = matrix`, or the index of the first column that depends on those before to f32's precision.
fn cholesky(matrix: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, usize> {
    let mut lower: Vec<Vec<f64>> = Vec::new();
    for (i, row) in matrix.iter().enumerate() {
        let mut factor: Vec<f64> = Vec::new();
        for j in 0..i {
            let product: f64 = (0..j).map(|k| factor[k] * lower[j][k]).sum();
            factor.push((row[j] - product) / lower[j][j]);
        }
        let pivot = row[i] - factor.iter().map(|x| x * x).sum::<f64>();
        if !(pivot > f64::from(f32::EPSILON) * row[i] && pivot.is_finite()) {
            return Err(i);
        }
        factor.push(pivot.sqrt());
        lower.push(factor);
    }
    Ok(lower)
}

/// The solution of `L L^T x = b`.
fn solve(lower: &[Vec<f64>], mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for i in 0..n {
        let known: f64 = (0..i).map(|k| lower[i][k] * b[k]).sum();
        b[i] = (b[i] - known) / lower[i][i];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| lower[k][i] * b[k]).sum();
        b[i] = (b[i] - known) / lower[i][i];
    }
    b
}
