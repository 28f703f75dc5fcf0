//! Matrix products: packed panels and register tiles on vectors, or the tile units where the processor has them.

#[cfg(target_arch = "x86_64")]
mod amx;
mod epilogue;
mod panels;

#[cfg(target_arch = "x86_64")]
pub(crate) use amx::multiply;
pub(crate) use epilogue::Epilogue;
pub(crate) use panels::{Packed, Part, Product, Rows};

#[cfg(target_arch = "x86_64")]
use crate::cpu::amx::Factor;
use crate::{Cpu, Gemm, GemmConfig, HostBuffer, Precision, Result};

impl Gemm for Cpu {
    fn gemm(
        &self,
        config: GemmConfig,
        a: &HostBuffer<f32>,
        b: &HostBuffer<f32>,
        c: &mut HostBuffer<f32>,
    ) -> Result<()> {
        self.check_gemm(&config, a, b, c)?;
        self.product(config, [a.as_slice(), b.as_slice()], c.as_mut_slice())
    }

    fn gram(&self, config: GemmConfig, a: &HostBuffer<f32>, c: &mut HostBuffer<f32>) -> Result<()> {
        self.check_gemm(&config, a, a, c)?;
        self.product_of(Part::Lower, config, [a.as_slice(); 2], c.as_mut_slice())
    }
}

impl Cpu {
    /// [`Gemm::gemm`] of factors that are long enough.
    pub(crate) fn product(
        self,
        config: GemmConfig,
        factors: [&[f32]; 2],
        c: &mut [f32],
    ) -> Result<()> {
        self.product_of(Part::Whole, config, factors, c)
    }

    fn product_of(
        self,
        part: Part,
        config: GemmConfig,
        [a, b]: [&[f32]; 2],
        c: &mut [f32],
    ) -> Result<()> {
        let precision = config.precision;
        if self.emulates(precision) {
            let [a, b] = [a, b].map(|x| self.rounded(precision, x));
            return self.product_of(part, config.precision(Precision::F32), [&a, &b], c);
        }
        #[cfg(target_arch = "x86_64")]
        if self.uses_tiles(precision) {
            let GemmConfig { m, n, k, transpose_a, transpose_b, alpha, beta, .. } = config;
            let epilogue = Epilogue::Scale { alpha, beta };
            let left = Factor::new(a, [m, k], !transpose_a);
            let right = Factor::new(b, [n, k], transpose_b);
            multiply(left, right, epilogue, c);
            return Ok(());
        }
        self.check_precision(precision)?;
        let packed = Packed::of(self.level(), &config, b);
        let product = Product { part, ..packed.product(&config, a) };
        product.run(self.level(), config.m, c);
        Ok(())
    }
}
