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
