use ndarray::Array2;
use rayon::prelude::*;

use crate::{
    Backend, ColumnMoments, Error, Gemm, GemmConfig, Result,
    backend::{expect_len, expect_positive},
    cholesky::Cholesky,
};

/// Shape and regularisation of one linear decoder `g(h) = V h + c` from a layer's output `h` to its input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RidgeConfig {
    /// Samples there are, `n`.
    pub samples: usize,
    /// Width of what is decoded, `w_l`.
    pub inputs: usize,
    /// Width of what is reconstructed, `w_{l-1}`.
    pub outputs: usize,
    /// `s`: the standard deviation of the noise that each input is taken to carry, at least 0.
    pub noise: f64,
}

/// Mean squared errors over samples and units, on the samples of the fit and without added noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RidgeFit {
    /// Of the best constant, the target's mean.
    pub constant_error: f64,
    /// Of the decoder.
    pub error: f64,
}

const OP: &str = "fit_ridge";

/// Linear decoders in closed form.
///
/// The default takes Gram and cross products from the backend's own f32 [`Gemm`], a thousand centred samples at a time,
/// adds them up in f64 and solves on the host in f64. What limits its accuracy is the rounding inside one of these
/// products, about 1e-6 of the product of two inputs' standard deviations; `noise^2` should be well above a millionth of
/// the inputs' variance.
pub trait FitRidge: Gemm + ColumnMoments {
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
    let RidgeConfig { samples, inputs, outputs, noise } = *config;
    let h = Columns::new(backend, samples, inputs, h)?;
    let target = Columns::new(backend, samples, outputs, target)?;
    let Products { mut gram, cross } = products(backend, samples, &h, &target)?;
    if !gram.diag().sum().is_finite() || !target.squares.is_finite() {
        return Err(Error::NotFinite { op: OP });
    }
    let penalty = samples as f64 * noise * noise;
    gram.diag_mut().mapv_inplace(|x| x + penalty);
    let factor =
        Cholesky::new(gram).map_err(|index| Error::Indeterminate { unit: index + 1, noise })?;
    let mut solution = cross.clone();
    factor.solve_rows(&mut solution);
    let intercept = |(row, mean): (ndarray::ArrayView1<'_, f64>, &f64)| {
        (mean - row.iter().zip(&h.means).map(|(v, m)| v * m).sum::<f64>()) as f32
    };
    let c: Vec<f32> = solution.outer_iter().zip(&target.means).map(intercept).collect();
    let v: Vec<f32> = solution.iter().map(|&v| v as f32).collect();
    backend.write(weights, 0, &v)?;
    backend.write(bias, 0, &c)?;
    // With V (G + p I) = C the residual ||Y - V H||^2 is ||Y||^2 - tr(V C^T) - p ||V||^2.
    let explained: f64 =
        solution.iter().zip(&cross).map(|(v, c)| v * c + penalty * v * v).sum::<f64>();
    let count = (samples * outputs) as f64;
    let total = target.squares;
    Ok(RidgeFit { constant_error: total / count, error: ((total - explained) / count).max(0.0) })
}

/// A matrix on the device, `[samples, width]`, and its columns' means.
struct Columns<'a, B: Backend> {
    numbers: &'a B::Buffer<f32>,
    width: usize,
    means: Vec<f64>,
    /// Sum over all numbers of the squared distance from their column's mean.
    squares: f64,
}

impl<'a, B: ColumnMoments> Columns<'a, B> {
    fn new(backend: &B, samples: usize, width: usize, numbers: &'a B::Buffer<f32>) -> Result<Self> {
        let (mut means, mut variances) = (backend.zeros(width)?, backend.zeros(width)?);
        backend.column_moments([samples, width], false, numbers, &mut means, &mut variances)?;
        let squares: f64 = backend.read(&variances, 0..width)?.iter().sum();
        let means = backend.read(&means, 0..width)?;
        Ok(Self { numbers, width, means, squares: squares * (samples as f64 - 1.0) })
    }

    /// `rows` samples from `first` on, less the means, in `to`.
    fn centred(
        &self,
        backend: &B,
        first: usize,
        rows: usize,
        to: &mut B::Buffer<f32>,
    ) -> Result<()> {
        let width = self.width;
        let mut numbers = backend.read(self.numbers, first * width..(first + rows) * width)?;
        numbers.par_chunks_exact_mut(width).for_each(|row| {
            for (x, mean) in row.iter_mut().zip(&self.means) {
                *x = (f64::from(*x) - mean) as f32;
            }
        });
        backend.write(to, 0, &numbers)
    }
}

/// Second moments of centred samples, not divided by their number.
struct Products {
    /// `H^T H`, `[inputs, inputs]`
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
    let mut gram = Array2::zeros((inputs, inputs));
    let mut cross = Array2::zeros((outputs, inputs));
    for first in (0..samples).step_by(CHUNK) {
        let rows = rows.min(samples - first);
        h.centred(backend, first, rows, &mut part_h)?;
        target.centred(backend, first, rows, &mut part_y)?;
        let mut add = |left: &B::Buffer<f32>, width: usize, sum: &mut Array2<f64>| {
            let config = GemmConfig::new(width, inputs, rows).transpose_a();
            backend.gemm(config, left, &part_h, &mut product)?;
            add_to(sum, &backend.read(&product, 0..width * inputs)?);
            Ok(())
        };
        add(&part_h, inputs, &mut gram)?;
        add(&part_y, outputs, &mut cross)?;
    }
    Ok(Products { gram, cross })
}

fn add_to(sum: &mut Array2<f64>, part: &[f32]) {
    /// Numbers a task adds.
    const CHUNK: usize = 16 * 1024;
    let sum = sum.as_slice_mut().expect("made in standard order");
    sum.par_chunks_mut(CHUNK).zip(part.par_chunks(CHUNK)).for_each(|(sum, part)| {
        for (sum, &part) in sum.iter_mut().zip(part) {
            *sum += f64::from(part);
        }
    });
}
