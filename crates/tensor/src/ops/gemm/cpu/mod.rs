//! Matrix products: packed panels and register tiles on vectors, or the tile units where the processor has them.

#[cfg(target_arch = "x86_64")]
mod amx;
mod epilogue;
mod panels;

#[cfg(target_arch = "x86_64")]
pub(crate) use amx::multiply;
pub(crate) use epilogue::Epilogue;
pub(crate) use panels::{Packed, Part, Product};

#[cfg(target_arch = "x86_64")]
use crate::cpu::amx::Factor;
use crate::{
    Cpu, Gemm, GemmConfig, HostBuffer, Precision, Result,
    cpu::{panel::Strides, tile::Left},
};

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
        let GemmConfig { m, n, k, transpose_a, transpose_b, alpha, beta, precision } = config;
        if self.emulates(precision) {
            let [a, b] = [a, b].map(|x| self.rounded(precision, x));
            return self.product_of(part, config.precision(Precision::F32), [&a, &b], c);
        }
        let epilogue = Epilogue::Scale { alpha, beta };
        #[cfg(target_arch = "x86_64")]
        if self.uses_tiles(precision) {
            let left = Factor::new(a, [m, k], !transpose_a);
            let right = Factor::new(b, [n, k], transpose_b);
            multiply(left, right, epilogue, c);
            return Ok(());
        }
        self.check_precision(precision)?;
        let strides =
            if transpose_b { Strides { k: 1, column: k } } else { Strides { k: n, column: 1 } };
        let packed = Packed::new(self.level(), b, strides, k, n);
        let product = Product {
            a,
            left: if transpose_a { Left::Columns { stride: m } } else { Left::Rows { stride: k } },
            columns: &packed,
            epilogue,
            part,
        };
        product.run(self.level(), m, c);
        Ok(())
    }
}
