//! Many matrix products of one shape.

#[cfg(feature = "conformance")]
pub(super) mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod reference;

use crate::{Gemm, GemmConfig, HostBuffer, Result, backend::expect_len};

/// Products of as many pairs of matrices of the same shape, each kind of matrix one after another in its buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchedGemmConfig {
    /// Each product.
    pub product: GemmConfig,
    /// Number of products.
    pub count: usize,
    /// All have the first `B`.
    pub shares_b: bool,
}

impl BatchedGemmConfig {
    /// Each of `count` products with factors of its own.
    pub const fn new(product: GemmConfig, count: usize) -> Self {
        Self { product, count, shares_b: false }
    }

    /// This shape with one `B` for all.
    #[must_use]
    pub const fn share_b(self) -> Self {
        Self { shares_b: true, ..self }
    }

    /// From one `A`, one `B` and one `C` to the next.
    pub(crate) const fn strides(&self) -> [usize; 3] {
        let GemmConfig { m, n, k, .. } = self.product;
        [m * k, if self.shares_b { 0 } else { k * n }, m * n]
    }
}

/// Many matrix products at once.
pub trait BatchedGemm: Gemm {
    /// `C_i = alpha op(A_i) op(B_i) + beta C_i` for all `i` below `count`. The bits of a result depend on its own factors
    /// and their shape, not on how many others there are.
    ///
    /// # Errors
    /// As [`Gemm::gemm`].
    fn batched_gemm(
        &self,
        config: BatchedGemmConfig,
        a: &Self::Buffer<f32>,
        b: &Self::Buffer<f32>,
        c: &mut Self::Buffer<f32>,
    ) -> Result<()>;

    /// Checks the arguments of [`batched_gemm`](Self::batched_gemm).
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short.
    fn check_batched_gemm(
        &self,
        config: &BatchedGemmConfig,
        a: &Self::Buffer<f32>,
        b: &Self::Buffer<f32>,
        c: &Self::Buffer<f32>,
    ) -> Result<()> {
        const OP: &str = "batched_gemm";
        let BatchedGemmConfig { product: GemmConfig { m, n, k, .. }, count, shares_b } = *config;
        let of_b = if shares_b { count.min(1) } else { count };
        expect_len(OP, "a", count * m * k, self.len(a))?;
        expect_len(OP, "b", of_b * k * n, self.len(b))?;
        expect_len(OP, "c", count * m * n, self.len(c))
    }
}

/// Computes the products one after the other, for backends that compute on the host.
pub(crate) fn each_product(
    config: &BatchedGemmConfig,
    [a, b]: [&HostBuffer<f32>; 2],
    c: &mut HostBuffer<f32>,
    product: impl Fn(GemmConfig, [&[f32]; 2], &mut [f32]) -> Result<()>,
) -> Result<()> {
    let strides @ [_, _, size] = config.strides();
    for index in 0..config.count {
        let [a, b] = [(a, strides[0]), (b, strides[1])]
            .map(|(factors, stride)| &factors.as_slice()[index * stride..]);
        product(config.product, [a, b], &mut c.as_mut_slice()[index * size..][..size])?;
    }
    Ok(())
}
