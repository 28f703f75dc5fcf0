use rayon::prelude::*;

use crate::{ColumnMoments, Cpu, HostBuffer, Result, row_sum};

/// Columns a task sums.
const COLUMN_CHUNK: usize = 64;

impl ColumnMoments for Cpu {
    fn column_moments(
        &self,
        shape @ [rows, cols]: [usize; 2],
        normalise_rows: bool,
        x: &HostBuffer<f32>,
        mean: &mut HostBuffer<f64>,
        variance: &mut HostBuffer<f64>,
    ) -> Result<()> {
        self.check_moments(shape, x, mean, variance)?;
        if cols == 0 {
            return Ok(());
        }
        let rows = x.as_slice()[..rows * cols].chunks_exact(cols);
        let scales: Vec<f64> = rows
            .clone()
            .map(|row| if normalise_rows { row_sum(row, |x| x) } else { 1.0 })
            .map(|sum: f64| if sum == 0.0 { 1.0 } else { 1.0 / sum })
            .collect();
        let mean = mean.as_mut_slice()[..cols].par_chunks_mut(COLUMN_CHUNK);
        let variance = variance.as_mut_slice()[..cols].par_chunks_mut(COLUMN_CHUNK);
        mean.zip(variance).enumerate().for_each(|(index, (mean, variance))| {
            let scaled = || {
                rows.clone().zip(&scales).map(|(row, &scale)| (&row[index * COLUMN_CHUNK..], scale))
            };
            moments(scaled, scales.len(), mean, variance);
        });
        Ok(())
    }
}

/// Moments of the first columns of `rows`, as many as `mean` has.
fn moments<'a, R: Iterator<Item = (&'a [f32], f64)>>(
    rows: impl Fn() -> R,
    count: usize,
    mean: &mut [f64],
    variance: &mut [f64],
) {
    mean.fill(0.0);
    for (row, scale) in rows() {
        for (mean, &x) in mean.iter_mut().zip(row) {
            *mean += f64::from(x) * scale;
        }
    }
    mean.iter_mut().for_each(|mean| *mean /= count as f64);
    variance.fill(0.0);
    for (row, scale) in rows() {
        for ((variance, &mean), &x) in variance.iter_mut().zip(&*mean).zip(row) {
            *variance += (f64::from(x) * scale - mean).powi(2);
        }
    }
    variance.iter_mut().for_each(|variance| *variance /= (count as f64 - 1.0).max(1.0));
}
