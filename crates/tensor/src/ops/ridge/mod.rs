//! Linear decoders in closed form.

mod cholesky;
mod columns;
#[cfg(feature = "conformance")]
pub(super) mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod dual;
mod primal;
mod product;
mod reference;

use ndarray::Array2;
use rayon::prelude::*;

use crate::{
    Backend, ColumnMoments, Error, Gemm, Pointwise, Result,
    backend::{expect_len, expect_positive},
};

use columns::Columns;

/// Shape and regularisation of one linear decoder `g(h) = V h + c` from a layer's output `h` to its input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RidgeConfig {
    /// Number of samples, `n`.
    pub samples: usize,
    /// Width of the decoder's input, `w_l`.
    pub inputs: usize,
    /// Width of the reconstruction, `w_{l-1}`.
    pub outputs: usize,
    /// `s`: the standard deviation of the noise that each input is taken to carry, at least 0.
    pub noise: f64,
}

/// Mean squared errors over samples and units, on the samples of the fit and without added noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RidgeFit {
    /// Error of the best constant, the target's mean.
    pub constant_error: f64,
    /// Error of the decoder.
    pub error: f64,
}

const OP: &str = "fit_ridge";

/// Linear decoders in closed form.
///
/// The default takes Gram and cross products from the backend's own f32 [`Gemm`], a thousand centred samples at a time,
/// adds them up in f64 and solves on the host in f64; with fewer samples than inputs it solves for the samples' weights
/// instead (the dual problem), which is smaller. What limits its accuracy is the rounding inside one of these
/// products, about 1e-6 of the product of two inputs' standard deviations; `noise^2` should be well above a millionth of
/// the inputs' variance.
pub trait FitRidge: Gemm + ColumnMoments + Pointwise {
    /// `V, c = argmin sum_i ||V h_i + c - y_i||^2 + n s^2 ||V||^2`: the best linear decoder of `h + s z` with independent
    /// standard normal `z`. `h` is `[samples, inputs]`, `target` (`y`) `[samples, outputs]`, `weights` (`V`)
    /// `[outputs, inputs]`, `bias` (`c`) `[outputs]`. The intercept `c` is not penalised.
    ///
    /// # Errors
    /// [`Error::Shape`] when a buffer is too short, [`Error::Empty`] when a size is zero, [`Error::NotFinite`] when a
    /// number is not or overflows when squared, [`Error::Indeterminate`] when an
    /// input is, to f32's precision, a combination of those before it and `noise` too small to tell them apart.
    fn fit_ridge(
        &self,
        config: &RidgeConfig,
        h: &Self::Buffer<f32>,
        target: &Self::Buffer<f32>,
        weights: &mut Self::Buffer<f32>,
        bias: &mut Self::Buffer<f32>,
    ) -> Result<RidgeFit> {
        check_ridge(self, config, h, target, weights, bias)?;
        fit_by_parts(self, config, h, target, weights, bias)
    }
}

pub(crate) fn check_ridge<B: Backend>(
    backend: &B,
    config: &RidgeConfig,
    h: &B::Buffer<f32>,
    target: &B::Buffer<f32>,
    weights: &B::Buffer<f32>,
    bias: &B::Buffer<f32>,
) -> Result<()> {
    let RidgeConfig { samples, inputs, outputs, .. } = *config;
    for (argument, size) in [("samples", samples), ("inputs", inputs), ("outputs", outputs)] {
        expect_positive(OP, argument, size)?;
    }
    expect_len(OP, "h", samples * inputs, backend.len(h))?;
    expect_len(OP, "target", samples * outputs, backend.len(target))?;
    expect_len(OP, "weights", outputs * inputs, backend.len(weights))?;
    expect_len(OP, "bias", outputs, backend.len(bias))
}

fn fit_by_parts<B: FitRidge>(
    backend: &B,
    config: &RidgeConfig,
    h: &B::Buffer<f32>,
    target: &B::Buffer<f32>,
    weights: &mut B::Buffer<f32>,
    bias: &mut B::Buffer<f32>,
) -> Result<RidgeFit> {
    let RidgeConfig { samples, inputs, outputs, .. } = *config;
    let h = Columns::new(backend, samples, inputs, h)?;
    let target = Columns::new(backend, samples, outputs, target)?;
    let problem = Problem { config, h: &h, target: &target };
    let smaller = if samples < inputs { dual::solve(backend, &problem, weights)? } else { None };
    let residual = match smaller {
        Some(residual) => residual,
        None => primal::solve(backend, &problem, weights)?,
    };
    let intercept = |(row, mean): (&[f32], &f64)| {
        (mean - row.iter().zip(&h.means).map(|(&v, m)| f64::from(v) * m).sum::<f64>()) as f32
    };
    let v = backend.read(weights, 0..outputs * inputs)?;
    let c: Vec<f32> = v.par_chunks_exact(inputs).zip(&target.means).map(intercept).collect();
    backend.write(bias, 0, &c)?;
    let count = (samples * outputs) as f64;
    let (constant_error, error) = (target.squares / count, (residual / count).max(0.0));
    Ok(RidgeFit { constant_error, error })
}

/// Converts numbers to f64.
fn double(numbers: &[f32]) -> Vec<f64> {
    numbers.par_iter().map(|&x| f64::from(x)).collect()
}

/// Arranges numbers as a matrix of `rows` rows.
fn matrix(rows: usize, numbers: Vec<f64>) -> Array2<f64> {
    Array2::from_shape_vec((rows, numbers.len() / rows), numbers).expect("rows of equal length")
}

/// Converts a matrix to f32, row by row.
fn single(matrix: &Array2<f64>) -> Vec<f32> {
    let numbers = matrix.as_slice().expect("made in standard order");
    numbers.par_iter().map(|&x| x as f32).collect()
}

/// Least-squares problem.
struct Problem<'a, B: Backend> {
    config: &'a RidgeConfig,
    h: &'a Columns<'a, B>,
    target: &'a Columns<'a, B>,
}

impl<B: Backend> Problem<'_, B> {
    /// `n s^2`
    fn penalty(&self) -> f64 {
        self.config.samples as f64 * self.config.noise * self.config.noise
    }

    /// Checks what a product of centred activations with themselves shows of them.
    fn check(&self, product: &Array2<f64>) -> Result<()> {
        if product.diag().sum().is_finite() && self.target.squares.is_finite() {
            Ok(())
        } else {
            Err(Error::NotFinite { op: OP })
        }
    }
}
