use super::each_product;
use crate::{
    BatchedGemm, BatchedGemmConfig, HostBuffer, Reference, Result, ops::gemm::reference::product,
};

impl BatchedGemm for Reference {
    fn batched_gemm(
        &self,
        config: BatchedGemmConfig,
        a: &HostBuffer<f32>,
        b: &HostBuffer<f32>,
        c: &mut HostBuffer<f32>,
    ) -> Result<()> {
        self.check_batched_gemm(&config, a, b, c)?;
        each_product(&config, [a, b], c, |config, factors, c| {
            product(config, factors, c);
            Ok(())
        })
    }
}
