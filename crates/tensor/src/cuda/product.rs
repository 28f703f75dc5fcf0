use crate::{GemmConfig, Precision};

/// `C = alpha op(A) op(B) + beta C` of column-major matrices, as the BLAS has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColumnMajorProduct {
    /// Rows of `C`.
    pub m: usize,
    /// Columns of `C`.
    pub n: usize,
    /// Length of the sums.
    pub k: usize,
    /// True for an `A` stored as `[k, m]`, and for a `B` stored as `[n, k]`.
    pub transposed: [bool; 2],
    /// From one column to the next of `A`, `B` and `C` as stored.
    pub leading: [usize; 3],
    /// Factor of the product.
    pub alpha: f32,
    /// Factor of the old `C`.
    pub beta: f32,
    /// Type of the factors: f32 numbers, f32 numbers rounded to TF32 already, or bfloat16 numbers of two bytes.
    pub factors: Precision,
}

/// From one row of `cols` bfloat16 numbers to the next: rows begin where tensor cores read best.
pub(crate) const fn bf16_pitch(cols: usize) -> usize {
    cols.next_multiple_of(8)
}

impl ColumnMajorProduct {
    /// The product that gives `config`'s result in row-major memory, with `config`'s `B` as `A` and its `A` as `B`:
    /// a row-major matrix is its transpose in column-major order, and `(A B)^T = B^T A^T`.
    pub fn of(config: &GemmConfig) -> Self {
        let GemmConfig { m, n, k, transpose_a, transpose_b, alpha, beta, precision } = *config;
        let pitch = |cols| if precision == Precision::Bf16 { bf16_pitch(cols) } else { cols };
        Self {
            m: n,
            n: m,
            k,
            transposed: [transpose_b, transpose_a],
            leading: [
                pitch(if transpose_b { k } else { n }),
                pitch(if transpose_a { m } else { k }),
                n,
            ],
            alpha,
            beta,
            factors: precision,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Backend, Gemm, RandomStream, Reference};

    /// Column-major loops.
    fn multiply(product: &ColumnMajorProduct, a: &[f32], b: &[f32], c: &mut [f32]) {
        let at = |matrix: &[f32], index: usize, row: usize, column: usize| {
            let [row, column] =
                if product.transposed[index] { [column, row] } else { [row, column] };
            matrix[row + column * product.leading[index]]
        };
        for j in 0..product.n {
            for i in 0..product.m {
                let sum: f32 = (0..product.k).map(|l| at(a, 0, i, l) * at(b, 1, l, j)).sum();
                let c = &mut c[i + j * product.leading[2]];
                *c = product.alpha * sum + product.beta * *c;
            }
        }
    }

    #[track_caller]
    fn check(config: GemmConfig) {
        let GemmConfig { m, n, k, .. } = config;
        let draw = |stream, n| RandomStream::Normal { seed: 7, stream, std: 1.0 }.take(n);
        let (a, b, mut c) = (draw(1, m * k), draw(2, k * n), draw(3, m * n));
        let mut expected = Reference.upload(&c).unwrap();
        Reference.gemm(config, &a.clone().into(), &b.clone().into(), &mut expected).unwrap();
        multiply(&ColumnMajorProduct::of(&config), &b, &a, &mut c);
        for (c, expected) in c.iter().zip(expected.as_slice()) {
            assert!((c - expected).abs() < 1e-5, "{config:?}: {c} instead of {expected}");
        }
    }

    #[test]
    fn a_row_major_product_is_the_transposed_column_major_one() {
        for [m, n, k] in [[2, 3, 5], [5, 3, 2], [1, 4, 1]] {
            for (transpose_a, transpose_b) in
                [(false, false), (false, true), (true, false), (true, true)]
            {
                let plain = GemmConfig { transpose_a, transpose_b, ..GemmConfig::new(m, n, k) };
                check(plain);
                check(GemmConfig { alpha: -0.5, beta: 2.0, ..plain });
            }
        }
    }

    #[test]
    fn rows_of_bfloat16_numbers_are_aligned_to_16_bytes() {
        let product = ColumnMajorProduct::of(&GemmConfig::new(3, 5, 7).precision(Precision::Bf16));
        assert_eq!(product.leading, [8, 8, 5]);
        let product = ColumnMajorProduct::of(&GemmConfig::new(3, 16, 9).precision(Precision::Bf16));
        assert_eq!(product.leading, [16, 16, 16]);
    }
}
