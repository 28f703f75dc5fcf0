//! Matrix products.

#[cfg(feature = "conformance")]
pub(super) mod conformance;
pub(crate) mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
pub(crate) mod reference;

use crate::{Backend, Precision, Result, backend::expect_len};

/// Shape of `C = alpha op(A) op(B) + beta C`, `C` being `[m, n]`, row-major and dense.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GemmConfig {
    /// Rows of `C`.
    pub m: usize,
    /// Columns of `C`.
    pub n: usize,
    /// Length of the sums.
    pub k: usize,
    /// `A` is stored `[k, m]` instead of `[m, k]`.
    pub transpose_a: bool,
    /// `B` is stored `[n, k]` instead of `[k, n]`.
    pub transpose_b: bool,
    /// Factor of the product.
    pub alpha: f32,
    /// Factor of the old `C`; with 0 the old `C` is not read, NaN included.
    pub beta: f32,
    /// Precision of the factors.
    pub precision: Precision,
}

impl GemmConfig {
    /// `C = A B` with `A` `[m, k]` and `B` `[k, n]`.
    pub const fn new(m: usize, n: usize, k: usize) -> Self {
        Self {
            m,
            n,
            k,
            transpose_a: false,
            transpose_b: false,
            alpha: 1.0,
            beta: 0.0,
            precision: Precision::F32,
        }
    }

    /// This product with `A` stored `[k, m]`.
    #[must_use]
    pub const fn transpose_a(self) -> Self {
        Self { transpose_a: true, ..self }
    }

    /// This product with `B` stored `[n, k]`.
    #[must_use]
    pub const fn transpose_b(self) -> Self {
        Self { transpose_b: true, ..self }
    }

    /// This product with factors of `precision`.
    #[must_use]
    pub const fn precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }
}

/// Matrix products.
pub trait Gemm: Backend {
    /// `C = alpha op(A) op(B) + beta C`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short, [`Error::Precision`](crate::Error::Precision) when
    /// this device does not have it.
    fn gemm(
        &self,
        config: GemmConfig,
        a: &Self::Buffer<f32>,
        b: &Self::Buffer<f32>,
        c: &mut Self::Buffer<f32>,
    ) -> Result<()>;

    /// The lower half of `C = alpha op(A) op(A)^T + beta C`, including the diagonal; `config` describes the whole product with
    /// `B = A`. The elements above the diagonal are undefined afterwards.
    ///
    /// # Errors
    /// As [`gemm`](Self::gemm).
    fn gram(
        &self,
        config: GemmConfig,
        a: &Self::Buffer<f32>,
        c: &mut Self::Buffer<f32>,
    ) -> Result<()> {
        self.gemm(config, a, a, c)
    }

    /// Checks the arguments of [`gemm`](Self::gemm).
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short.
    fn check_gemm(
        &self,
        config: &GemmConfig,
        a: &Self::Buffer<f32>,
        b: &Self::Buffer<f32>,
        c: &Self::Buffer<f32>,
    ) -> Result<()> {
        let GemmConfig { m, n, k, .. } = *config;
        expect_len("gemm", "a", m * k, self.len(a))?;
        expect_len("gemm", "b", k * n, self.len(b))?;
        expect_len("gemm", "c", m * n, self.len(c))
    }
}
