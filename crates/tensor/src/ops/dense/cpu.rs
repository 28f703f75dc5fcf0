use super::check_dense;
use crate::{
    Cpu, Dense, DenseConfig, HostBuffer, Result,
    cpu::{panel::Strides, tile::Left},
    ops::gemm::cpu::{Epilogue, Packed, Part, Product},
};
#[cfg(target_arch = "x86_64")]
use crate::{cpu::amx::Factor, ops::gemm::cpu::multiply};

/// In less than f32's precision, layers have factors that are rounded beforehand where the tile units have no such
/// products: that shows what it changes and saves no time.
impl Dense for Cpu {
    fn dense(
        &self,
        config: DenseConfig,
        x: &HostBuffer<f32>,
        weights: &HostBuffer<f32>,
        bias: &HostBuffer<f32>,
        y: &mut HostBuffer<f32>,
    ) -> Result<()> {
        check_dense(self, &config, x, weights, bias, y)?;
        let DenseConfig { rows, inputs, outputs, activation, precision } = config;
        let epilogue = Epilogue::Activate { bias: bias.as_slice(), activation };
        #[cfg(target_arch = "x86_64")]
        if self.uses_tiles(precision) {
            let left = Factor::new(x.as_slice(), [rows, inputs], true);
            let right = Factor::new(weights.as_slice(), [outputs, inputs], true);
            multiply(left, right, epilogue, y.as_mut_slice());
            return Ok(());
        }
        let x = self.rounded(precision, &x.as_slice()[..rows * inputs]);
        let weights = self.rounded(precision, &weights.as_slice()[..outputs * inputs]);
        let strides = Strides { k: 1, column: inputs };
        let packed = Packed::new(self.level(), &weights, strides, inputs, outputs);
        let (left, part) = (Left::Rows { stride: inputs }, Part::Whole);
        let product = Product { a: &x, left, columns: &packed, epilogue, part };
        product.run(self.level(), rows, y.as_mut_slice());
        Ok(())
    }
}
