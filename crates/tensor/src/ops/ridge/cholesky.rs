//! Cholesky factors of f64 matrices on the host, in blocks, so that nearly all of the work is matrix products.
//!
//! Blocks have fixed sizes and each is one task's, so the number of threads changes no bit.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};
use rayon::prelude::*;

use super::product::WidePanels;

/// Columns eliminated at a time.
const BLOCK: usize = 64;
/// Rows a task works on.
const ROW_CHUNK: usize = 64;
/// A pivot below this part of its diagonal element is rounding: the matrix is a sum of f32 products.
const LEAST_PIVOT: f64 = f32::EPSILON as f64;

/// `M = L L^T` for a symmetric positive definite `M`.
pub(crate) struct Cholesky {
    /// `L` on and below the diagonal; above it lies what is left of `M`.
    lower: Array2<f64>,
    blocks: Vec<Block>,
}

/// A block of columns of `L`.
struct Block {
    /// Index of its first column.
    start: usize,
    /// The rows of `L` beside its diagonal block, transposed.
    left: WidePanels,
    /// Inverse of its diagonal block: multiplying by it is faster than substituting, and as accurate for blocks this small.
    inverse: WidePanels,
    /// The same, transposed.
    inverse_transposed: WidePanels,
}

impl Cholesky {
    /// Factors `matrix`, of which it reads only the lower half.
    ///
    /// # Errors
    /// The index of the first column that depends on those before it to f32's precision, or that is not a number.
    pub(crate) fn new(mut matrix: Array2<f64>) -> Result<Self, usize> {
        let n = matrix.nrows();
        let diagonal = matrix.diag().to_vec();
        let mut blocks = Vec::with_capacity(n.div_ceil(BLOCK));
        for start in (0..n).step_by(BLOCK) {
            let end = (start + BLOCK).min(n);
            let (mut above, below) = matrix.view_mut().split_at(Axis(0), end);
            let (known, mut diagonal_block) =
                above.slice_mut(s![start.., ..end]).split_at(Axis(1), start);
            let left = WidePanels::new(known.t());
            left.add_product(-1.0, known.view(), diagonal_block.view_mut());
            factor(&mut diagonal_block, &diagonal[start..end]).map_err(|index| start + index)?;
            let inverse = inverse(diagonal_block.view());
            let (inverse, inverse_transposed) =
                (WidePanels::new(inverse.view()), WidePanels::new(inverse.t()));
            let block = Block { start, left, inverse, inverse_transposed };
            for_row_chunks(below, |rows| block.forward(rows));
            blocks.push(block);
        }
        Ok(Self { lower: matrix, blocks })
    }

    /// Replaces each row `c` of `rows` by the solution of `v M = c`, and returns the sum of `term(c, v)` over all numbers.
    pub(crate) fn solve_rows(
        &self,
        rows: &mut Array2<f64>,
        term: impl Fn(f64, f64) -> f64 + Send + Sync,
    ) -> f64 {
        let below: Vec<_> = self.blocks.par_iter().map(|block| block.below(&self.lower)).collect();
        let sums = for_row_chunks(rows.view_mut(), |mut rows| {
            let given = rows.to_owned();
            for block in &self.blocks {
                block.forward(rows.view_mut());
            }
            for (block, below) in self.blocks.iter().zip(&below).rev() {
                block.backward(rows.view_mut(), below);
            }
            given.iter().zip(&rows).map(|(&c, &v)| term(c, v)).sum::<f64>()
        });
        sums.iter().sum()
    }
}

impl Block {
    /// The columns of `L` below the diagonal block.
    fn below(&self, lower: &Array2<f64>) -> WidePanels {
        let end = self.start + self.inverse.k();
        WidePanels::new(lower.slice(s![end.., self.start..end]))
    }

    /// This block's columns of the solution of `z L^T = c`, those before being known.
    fn forward(&self, rows: ArrayViewMut2<'_, f64>) {
        let (known, mut rest) = rows.split_at(Axis(1), self.start);
        let mut block = rest.slice_mut(s![.., ..self.inverse.k()]);
        self.left.add_product(-1.0, known.view(), block.view_mut());
        multiply(block, &self.inverse_transposed);
    }

    /// This block's columns of the solution of `v L = z`, those behind being known.
    fn backward(&self, rows: ArrayViewMut2<'_, f64>, below: &WidePanels) {
        let (mut first, known) = rows.split_at(Axis(1), self.start + self.inverse.k());
        let mut block = first.slice_mut(s![.., self.start..]);
        below.add_product(-1.0, known.view(), block.view_mut());
        multiply(block, &self.inverse);
    }
}

/// Results of `task` for fixed chunks of the rows, on all threads.
fn for_row_chunks<T: Send>(
    mut rows: ArrayViewMut2<'_, f64>,
    task: impl Fn(ArrayViewMut2<'_, f64>) -> T + Send + Sync,
) -> Vec<T> {
    let chunks: Vec<_> = rows.axis_chunks_iter_mut(Axis(0), ROW_CHUNK).collect();
    chunks.into_par_iter().map(task).collect()
}

/// `block <- block factor`
fn multiply(mut block: ArrayViewMut2<'_, f64>, factor: &WidePanels) {
    let old = block.to_owned();
    block.fill(0.0);
    factor.add_product(1.0, old.view(), block);
}

/// Replaces the lower half of a small matrix by its factor. `diagonal` is that of the whole matrix before it was reduced.
fn factor(block: &mut ArrayViewMut2<'_, f64>, diagonal: &[f64]) -> Result<(), usize> {
    for j in 0..block.nrows() {
        let pivot = block[[j, j]] - (0..j).map(|k| block[[j, k]].powi(2)).sum::<f64>();
        // Written so that a NaN fails too.
        if !(pivot > LEAST_PIVOT * diagonal[j] && pivot.is_finite()) {
            return Err(j);
        }
        let root = pivot.sqrt();
        block[[j, j]] = root;
        for i in j + 1..block.nrows() {
            let product: f64 = (0..j).map(|k| block[[i, k]] * block[[j, k]]).sum();
            block[[i, j]] = (block[[i, j]] - product) / root;
        }
    }
    Ok(())
}

/// The inverse of the lower half of a small matrix, with zeros above the diagonal.
fn inverse(lower: ArrayView2<'_, f64>) -> Array2<f64> {
    let n = lower.nrows();
    let mut inverse = Array2::zeros((n, n));
    for j in 0..n {
        inverse[[j, j]] = 1.0 / lower[[j, j]];
        for i in j + 1..n {
            let product: f64 = (j..i).map(|k| lower[[i, k]] * inverse[[k, j]]).sum();
            inverse[[i, j]] = -product / lower[[i, i]];
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RandomStream;

    fn normal(stream: u64, shape: (usize, usize)) -> Array2<f64> {
        let numbers = RandomStream::Normal { seed: 1, stream, std: 1.0 }.take(shape.0 * shape.1);
        Array2::from_shape_vec(shape, numbers).unwrap().mapv(f64::from)
    }

    #[track_caller]
    fn check(n: usize, rows: usize) {
        let x = normal(1, (n, n));
        let matrix = x.dot(&x.t()) + Array2::<f64>::eye(n) * (0.1 * n as f64);
        let solution = normal(2, (rows, n));
        let mut solved = solution.dot(&matrix);
        let given = solved.clone();
        let sum = Cholesky::new(matrix).unwrap().solve_rows(&mut solved, |c, v| c + 2.0 * v);
        let expected = given.sum() + 2.0 * solved.sum();
        assert!((sum - expected).abs() < 1e-9 * (1.0 + given.mapv(f64::abs).sum()));
        let error = (&solved - &solution).mapv(f64::abs).fold(0.0, |a: f64, &b| a.max(b));
        assert!(error < 1e-11, "{n} x {n}, {rows} rows: {error:e}");
    }

    #[test]
    fn solutions_around_block_edges() {
        for n in [1, 2, 63, 64, 65, 127, 128, 129, 200] {
            check(n, 3);
        }
        for rows in [1, 63, 64, 65, 130] {
            check(70, rows);
        }
    }

    #[test]
    fn dependent_columns_are_named() {
        for dependent in [1, 63, 64, 99] {
            let mut x = normal(1, (100, 150));
            let sum = &x.row(0) * 0.5 + x.row(dependent - 1);
            x.row_mut(dependent).assign(&sum);
            assert_eq!(Cholesky::new(x.dot(&x.t())).err(), Some(dependent));
        }
        assert_eq!(Cholesky::new(Array2::from_elem((1, 1), f64::NAN)).err(), Some(0));
        assert_eq!(Cholesky::new(Array2::zeros((3, 3))).err(), Some(0));
    }
}
