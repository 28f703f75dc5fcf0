#![expect(unsafe_code, reason = "kernels take raw addresses; each launch says why it is sound")]

use super::{fastest_square, square_factor};
use crate::{
    Backend, GemmConfig, PeakFlops, Precision, Result,
    cuda::{backend::Cuda, device::Device, kernel::Source, product::ColumnMajorProduct},
};

pub(crate) static KERNEL_FILES: &[&Source] = &[];

/// Times products alone: their factors are rounded beforehand.
impl<D: Device> PeakFlops for Cuda<D> {
    fn peak_flops(&self, precision: Precision, seconds: f64) -> Result<f64> {
        let prepare = |n| {
            let plain = square_factor(self, n)?;
            let rounded = self.factor(precision, [n, n], &plain)?;
            Ok((rounded.unwrap_or(plain), self.zeros::<f32>(n * n)?))
        };
        fastest_square(seconds, prepare, |n, (factor, c)| {
            let product = ColumnMajorProduct::of(&GemmConfig::new(n, n, n).precision(precision));
            let addresses = [factor.address(), factor.address(), c.address()];
            // SAFETY: the matrices are as long, and nobody else has `c`.
            unsafe { self.device.product(&product, addresses) }?;
            self.synchronize()
        })
    }
}
