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
    /// Whether `A` is stored `[k, m]`, and `B` `[n, k]`.
    pub transposed: [bool; 2],
    /// From one column to the next of `A`, `B` and `C` as stored.
    pub leading: [usize; 3],
    /// Factor of the product.
    pub alpha: f32,
    /// Factor of the old `C`.
    pub beta: f32,
    /// Whether the factors, rounded already, may be multiplied by tensor cores as TF32.
    pub tensor_cores: bool,
}

impl ColumnMajorProduct {
    /// The product that gives `config`'s result in row-major memory, with `config`'s `B` as `A` and its `A` as `B`:
    /// a row-major matrix is its transpose in column-major order, and `(A B)^T = B^T A^T`.
    pub fn of(config: &GemmConfig) -> Self {
        let GemmConfig { m, n, k, transpose_a, transpose_b, alpha, beta, precision } = *config;
        Self {
            m: n,
            n: m,
            k,
            transposed: [transpose_b, transpose_a],
            leading: [if transpose_b { k } else { n }, if transpose_a { m } else { k }, n],
            alpha,
            beta,
            tensor_cores: precision != Precision::F32,
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
    fn only_rounded_factors_go_to_the_tensor_cores() {
        let on_tensor_cores = |precision| {
            ColumnMajorProduct::of(&GemmConfig::new(1, 1, 1).precision(precision)).tensor_cores
        };
        assert!(!on_tensor_cores(Precision::F32));
        assert!(on_tensor_cores(Precision::Tf32) && on_tensor_cores(Precision::Bf16));
    }
}
