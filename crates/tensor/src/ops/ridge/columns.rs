use ndarray::Array2;
use rayon::prelude::*;

use crate::{Activation, Backend, ColumnMoments, Pointwise, Result};

/// A matrix on the device, `[samples, width]`, and its columns' means.
pub(super) struct Columns<'a, B: Backend> {
    numbers: &'a B::Buffer<f32>,
    pub(super) width: usize,
    pub(super) means: Vec<f64>,
    /// The negative means on the device.
    shift: B::Buffer<f32>,
    /// Sum over all numbers of the squared distance from their column's mean.
    pub(super) squares: f64,
}

impl<'a, B: ColumnMoments + Pointwise> Columns<'a, B> {
    pub(super) fn new(
        backend: &B,
        samples: usize,
        width: usize,
        numbers: &'a B::Buffer<f32>,
    ) -> Result<Self> {
        let (mut means, mut variances) = (backend.zeros(width)?, backend.zeros(width)?);
        backend.column_moments([samples, width], false, numbers, &mut means, &mut variances)?;
        let squares: f64 = backend.read(&variances, 0..width)?.iter().sum();
        let means = backend.read(&means, 0..width)?;
        let shift: Vec<f32> = means.iter().map(|&mean| -mean as f32).collect();
        let shift = backend.upload(&shift)?;
        Ok(Self { numbers, width, means, shift, squares: squares * (samples as f64 - 1.0) })
    }

    /// `rows` samples from `first` on, less the means, in `to`.
    pub(super) fn centred(
        &self,
        backend: &B,
        first: usize,
        rows: usize,
        to: &mut B::Buffer<f32>,
    ) -> Result<()> {
        let width = self.width;
        backend.copy(self.numbers, first * width..(first + rows) * width, to, 0)?;
        backend.bias_activation([rows, width], Activation::Linear, &self.shift, to)
    }

    /// All samples less the means, `[width, samples]`, in f64 on the host.
    pub(super) fn transposed(&self, backend: &B, samples: usize) -> Result<Array2<f64>> {
        let numbers = backend.read(self.numbers, 0..samples * self.width)?;
        let mut columns = Array2::zeros((self.width, samples));
        let rows = columns.as_slice_mut().expect("made in standard order");
        rows.par_chunks_exact_mut(samples).zip(&self.means).enumerate().for_each(
            |(unit, (row, mean))| {
                for (x, sample) in row.iter_mut().zip(numbers.chunks_exact(self.width)) {
                    *x = f64::from(sample[unit]) - mean;
                }
            },
        );
        Ok(columns)
    }
}
