//! Random orthogonal matrices.

use isobath_tensor::random::{StandardNormal, StreamRng};
use ndarray::{Array2, ArrayViewMut2, Axis, s};
use ndarray_rand::rand_distr::Distribution;

/// Columns that are made orthogonal to all earlier ones by products of matrices.
const BLOCK: usize = 32;

/// A matrix of `[rows, columns]` whose rows or columns, whichever are the fewer, are orthonormal: uniformly distributed
/// (Haar) over such matrices. Row-major.
pub(crate) fn semi_orthogonal([rows, columns]: [usize; 2], rng: &mut StreamRng) -> Vec<f64> {
    let (long, short) = (rows.max(columns), rows.min(columns));
    let mut matrix = Array2::from_shape_simple_fn((long, short), || StandardNormal.sample(rng));
    orthonormalise(&mut matrix);
    let matrix = if rows >= columns { matrix.view() } else { matrix.t() };
    matrix.iter().copied().collect()
}

/// Gram-Schmidt orthonormalisation of the columns, every step done twice, which is enough for rounding errors (Giraud,
/// Langou and Rozloznik, Comput. Math. Appl. 50 (2005)). Normal numbers give a uniform distribution (Stewart, SIAM J.
/// Numer. Anal. 17 (1980)).
fn orthonormalise(matrix: &mut Array2<f64>) {
    let columns = matrix.ncols();
    for start in (0..columns).step_by(BLOCK) {
        let (done, rest) = matrix.view_mut().split_at(Axis(1), start);
        let end = (columns - start).min(BLOCK);
        let (mut block, _) = rest.split_at(Axis(1), end);
        for _ in 0..2 {
            let shares = done.t().dot(&block);
            block -= &done.dot(&shares);
            orthonormalise_block(&mut block);
        }
    }
}

fn orthonormalise_block(block: &mut ArrayViewMut2<'_, f64>) {
    for index in 0..block.ncols() {
        let (done, mut rest) = block.multi_slice_mut((s![.., ..index], s![.., index..]));
        let mut column = rest.column_mut(0);
        for _ in 0..2 {
            let shares = done.t().dot(&column);
            column -= &done.dot(&shares);
        }
        let norm = column.dot(&column).sqrt();
        column /= norm;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewer_of_rows_and_columns_are_orthonormal() {
        for shape @ [rows, columns] in [[70, 70], [100, 37], [5, 80], [1, 1], [1, 3]] {
            let numbers = semi_orthogonal(shape, &mut StreamRng::new(3, 5));
            let matrix = Array2::from_shape_vec((rows, columns), numbers).unwrap();
            let product =
                if rows >= columns { matrix.t().dot(&matrix) } else { matrix.dot(&matrix.t()) };
            let identity = Array2::<f64>::eye(rows.min(columns));
            let most = (product - identity).iter().fold(0.0, |a: f64, b| a.max(b.abs()));
            assert!(most < 1e-14, "{shape:?} {most}");
        }
    }

    #[test]
    fn determinants_have_both_signs() {
        // A Gram-Schmidt matrix of normal numbers is a rotation or a reflection with equal probability.
        let determinant = |stream| {
            let m = semi_orthogonal([2, 2], &mut StreamRng::new(1, stream));
            m[0] * m[3] - m[1] * m[2]
        };
        let positive = (0..400).filter(|&stream| determinant(stream) > 0.0).count();
        assert!((140..=260).contains(&positive), "{positive}");
    }
}
