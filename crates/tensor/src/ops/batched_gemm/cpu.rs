use super::each_product;
use crate::{BatchedGemm, BatchedGemmConfig, Cpu, HostBuffer, Result};

impl BatchedGemm for Cpu {
    fn batched_gemm(
        &self,
        config: BatchedGemmConfig,
        a: &HostBuffer<f32>,
        b: &HostBuffer<f32>,
        c: &mut HostBuffer<f32>,
    ) -> Result<()> {
        self.check_batched_gemm(&config, a, b, c)?;
        each_product(&config, [a, b], c, |product, factors, c| self.product(product, factors, c))
    }
}
