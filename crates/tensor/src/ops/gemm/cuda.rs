#![expect(unsafe_code, reason = "kernels take raw addresses; each launch says why it is sound")]

use crate::{
    Backend, Error, Gemm, GemmConfig, Precision, Result,
    cuda::{
        backend::Cuda,
        buffer::CudaBuffer,
        device::Device,
        kernel::{Kernel, Source},
        product::{ColumnMajorProduct, bf16_pitch},
    },
};

pub(crate) static KERNEL_FILES: &[&Source] = &[&SOURCE];
static SOURCE: Source = Source::new("gemm", include_str!("gemm.cu"));
static ROUND_FACTOR: Kernel = Kernel::new(&SOURCE, "round_factor");
static TO_BF16: Kernel = Kernel::new(&SOURCE, "to_bf16");
static SCALE: Kernel = Kernel::new(&SOURCE, "scale");

/// Products are the device's library's. Factors of less than f32's precision are rounded beforehand: what is left has
/// products that are exact in f32 and few enough digits for the tensor cores.
impl<D: Device> Gemm for Cuda<D> {
    fn gemm(
        &self,
        config: GemmConfig,
        a: &CudaBuffer<f32, D>,
        b: &CudaBuffer<f32, D>,
        c: &mut CudaBuffer<f32, D>,
    ) -> Result<()> {
        self.check_gemm(&config, a, b, c)?;
        let GemmConfig { m, n, k, beta, precision, .. } = config;
        if m * n == 0 {
            return Ok(());
        }
        if k == 0 {
            let arguments = [beta.into(), (m * n).into(), c.into()];
            // SAFETY: `check_gemm` saw that `c` is as long.
            return unsafe {
                self.device.launch(&SCALE, self.limits().elements(m * n), &arguments)
            };
        }
        self.check_sizes([m, n, k])?;
        let product = ColumnMajorProduct::of(&config);
        let of_a = if config.transpose_a { [k, m] } else { [m, k] };
        let of_b = if config.transpose_b { [n, k] } else { [k, n] };
        let [a_rounded, b_rounded] =
            [self.factor(precision, of_a, a)?, self.factor(precision, of_b, b)?];
        let a = a_rounded.as_ref().unwrap_or(a).address();
        let b = b_rounded.as_ref().unwrap_or(b).address();
        // SAFETY: `check_gemm` saw that the matrices are as long, and nobody else has `c`.
        unsafe { self.device.product(&product, [b, a, c.address()]) }
    }
}

impl<D: Device> Cuda<D> {
    /// `x` `[rows, cols]` as products of `precision` take it, where that is not as it is.
    pub(crate) fn factor(
        &self,
        precision: Precision,
        [rows, cols]: [usize; 2],
        x: &CudaBuffer<f32, D>,
    ) -> Result<Option<CudaBuffer<f32, D>>> {
        match precision {
            Precision::F32 => Ok(None),
            Precision::Tf32 => self.rounded(precision, rows * cols, x),
            Precision::Bf16 => self.to_bf16([rows, cols, bf16_pitch(cols)], x).map(Some),
        }
    }

    /// The library counts rows and columns in 32 bits.
    pub(crate) fn check_sizes(&self, sizes: [usize; 3]) -> Result<()> {
        match sizes.into_iter().find(|&size| i32::try_from(size).is_err()) {
            None => Ok(()),
            Some(size) => Err(Error::Device {
                backend: self.label(),
                action: format!("multiply matrices with {size} rows or columns"),
                reason: format!("it can have {}; use fewer samples", i32::MAX),
            }),
        }
    }

    /// `x` `[rows, cols]` as bfloat16 numbers, two to an element of the result, with rows `pitch` numbers apart: an even
    /// number, at least `cols`.
    pub(crate) fn to_bf16(
        &self,
        [rows, cols, pitch]: [usize; 3],
        x: &CudaBuffer<f32, D>,
    ) -> Result<CudaBuffer<f32, D>> {
        let mut out = self.scratch(rows * pitch / 2)?;
        let [rows, cols, numbers] = [rows, cols, pitch].map(Into::into);
        let arguments = [rows, cols, numbers, x.into(), (&mut out).into()];
        // SAFETY: `out` has two numbers to an element, and `x` is as long, as the caller saw.
        unsafe {
            self.device.launch(&TO_BF16, self.limits().elements(2 * self.len(&out)), &arguments)
        }?;
        Ok(out)
    }

    /// The first `n` numbers of `x` as factors of `precision`, where that makes a difference.
    pub(crate) fn rounded(
        &self,
        precision: Precision,
        n: usize,
        x: &CudaBuffer<f32, D>,
    ) -> Result<Option<CudaBuffer<f32, D>>> {
        // Half of the last bit kept, and all that are kept.
        let (half, mask) = match precision {
            Precision::F32 => return Ok(None),
            Precision::Tf32 => (0x1000, !0x1fff),
            Precision::Bf16 => (0x8000, !0xffff),
        };
        let mut out = self.scratch(n)?;
        let arguments = [half.into(), mask.into(), n.into(), x.into(), (&mut out).into()];
        // SAFETY: `out` is as long, and `x` too, as `check_gemm` saw.
        unsafe { self.device.launch(&ROUND_FACTOR, self.limits().elements(n), &arguments) }?;
        Ok(Some(out))
    }
}
