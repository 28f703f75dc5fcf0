//! Blocked Cholesky factorisation of symmetric positive definite matrices; matrix products dominate the cost.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, linalg::general_mat_mul, s};

use crate::{Error, Result};

/// Lower triangular factor `L` with `L L^T = A`.
pub(crate) struct Cholesky {
    lower: Array2<f64>,
}

const BLOCK: usize = 64;

impl Cholesky {
    /// Factorises `a`; only the lower triangle is read.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`] with the first row whose pivot is not positive.
    pub(crate) fn new(a: Array2<f64>) -> Result<Self> {
        let mut lower = a;
        let n = lower.nrows();
        for start in (0..n).step_by(BLOCK) {
            let end = (start + BLOCK).min(n);
            factorise(lower.slice_mut(s![start..end, start..end]))
                .map_err(|row| Error::NotPositiveDefinite { row: start + row, rows: n })?;
            let diagonal_block = lower.slice(s![start..end, start..end]).to_owned();
            solve_rows(lower.slice_mut(s![end.., start..end]), diagonal_block.view());
            // Update of the columns to the right of the block, one block of columns at a time.
            let panel = lower.slice(s![end.., start..end]).to_owned();
            for column in (end..n).step_by(BLOCK) {
                let last = (column + BLOCK).min(n);
                let across = panel.slice(s![column - end..last - end, ..]);
                let below = panel.slice(s![column - end.., ..]);
                let mut rest = lower.slice_mut(s![column.., column..last]);
                general_mat_mul(-1.0, &below, &across.t(), 1.0, &mut rest);
            }
        }
        Ok(Self { lower })
    }

    /// Replaces `b`, `[n, m]`, with `A^-1 b`.
    ///
    /// # Panics
    /// If `b` and `A` differ in the number of rows.
    pub(crate) fn solve(&self, b: &mut Array2<f64>) {
        let n = self.lower.nrows();
        assert_eq!(b.nrows(), n, "right-hand sides as long as the matrix");
        for start in (0..n).step_by(BLOCK) {
            let end = (start + BLOCK).min(n);
            let (done, mut rows) = b.view_mut().split_at(ndarray::Axis(0), start);
            let mut rows = rows.slice_mut(s![..end - start, ..]);
            general_mat_mul(
                -1.0,
                &self.lower.slice(s![start..end, ..start]),
                &done,
                1.0,
                &mut rows,
            );
            forward_substitute(self.diagonal_block(start, end), rows);
        }
        for start in (0..n).step_by(BLOCK).rev() {
            let end = (start + BLOCK).min(n);
            let (mut rows, done) = b.view_mut().split_at(ndarray::Axis(0), end);
            let mut rows = rows.slice_mut(s![start.., ..]);
            let below = self.lower.slice(s![end.., start..end]);
            general_mat_mul(-1.0, &below.t(), &done, 1.0, &mut rows);
            back_substitute(self.diagonal_block(start, end), rows);
        }
    }

    fn diagonal_block(&self, start: usize, end: usize) -> ArrayView2<'_, f64> {
        self.lower.slice(s![start..end, start..end])
    }
}

/// Factorises a small matrix in place; `Err` holds the row whose pivot is not positive.
fn factorise(mut a: ArrayViewMut2<'_, f64>) -> Result<(), usize> {
    for j in 0..a.nrows() {
        let square: f64 = (0..j).map(|k| a[[j, k]] * a[[j, k]]).sum();
        let pivot = a[[j, j]] - square;
        if !(pivot > 0.0 && pivot.is_finite()) {
            return Err(j);
        }
        a[[j, j]] = pivot.sqrt();
        for i in j + 1..a.nrows() {
            let product: f64 = (0..j).map(|k| a[[i, k]] * a[[j, k]]).sum();
            a[[i, j]] = (a[[i, j]] - product) / a[[j, j]];
        }
    }
    Ok(())
}

/// `rows <- rows L^-T`
fn solve_rows(mut rows: ArrayViewMut2<'_, f64>, lower: ArrayView2<'_, f64>) {
    for mut row in rows.rows_mut() {
        for j in 0..row.len() {
            let product: f64 = (0..j).map(|k| row[k] * lower[[j, k]]).sum();
            row[j] = (row[j] - product) / lower[[j, j]];
        }
    }
}

/// `b <- L^-1 b`
fn forward_substitute(lower: ArrayView2<'_, f64>, mut b: ArrayViewMut2<'_, f64>) {
    for i in 0..b.nrows() {
        let (above, mut rest) = b.view_mut().split_at(ndarray::Axis(0), i);
        let mut row = rest.row_mut(0);
        for (k, other) in above.rows().into_iter().enumerate() {
            row.scaled_add(-lower[[i, k]], &other);
        }
        row /= lower[[i, i]];
    }
}

/// `b <- L^-T b`
fn back_substitute(lower: ArrayView2<'_, f64>, mut b: ArrayViewMut2<'_, f64>) {
    for i in (0..b.nrows()).rev() {
        let (mut above, below) = b.view_mut().split_at(ndarray::Axis(0), i + 1);
        let mut row = above.row_mut(i);
        for (k, other) in below.rows().into_iter().enumerate() {
            row.scaled_add(-lower[[i + 1 + k, i]], &other);
        }
        row /= lower[[i, i]];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normal_rng::NormalRng;

    fn random(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
        let mut normal = NormalRng::new(seed);
        Array2::from_shape_simple_fn((rows, columns), || normal.draw())
    }

    /// Sizes below, at and above multiples of the block.
    #[test]
    fn solutions_satisfy_the_equation() {
        for n in [1, 2, 63, 64, 65, 150, 200] {
            let factor = random(n, n + 5, n as u64);
            let a = factor.dot(&factor.t()) + Array2::<f64>::eye(n);
            let expected = random(n, 3, 99);
            let mut found = a.dot(&expected);
            Cholesky::new(a).unwrap().solve(&mut found);
            let error = (&found - &expected).iter().fold(0.0_f64, |worst, x| worst.max(x.abs()));
            assert!(error < 1e-9, "{n}: {error}");
        }
    }

    #[test]
    fn reads_only_the_lower_triangle() {
        let factor = random(70, 80, 1);
        let a = factor.dot(&factor.t());
        let mut half = a.clone();
        half.indexed_iter_mut().filter(|((i, j), _)| j > i).for_each(|(_, x)| *x = f64::NAN);
        let (mut x, mut y) = (random(70, 2, 2), random(70, 2, 2));
        Cholesky::new(a).unwrap().solve(&mut x);
        Cholesky::new(half).unwrap().solve(&mut y);
        assert_eq!(x, y);
    }

    #[test]
    fn reports_the_row_of_a_bad_pivot() {
        let mut a = Array2::<f64>::eye(100);
        a[[80, 80]] = -1.0;
        let error = Cholesky::new(a).err().unwrap();
        assert_eq!(error, Error::NotPositiveDefinite { row: 80, rows: 100 });
    }
}
