//! Peak speed of a device.

#[cfg(feature = "conformance")]
pub(super) mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod reference;

use std::time::Instant;

use crate::{Gemm, GemmConfig, Precision, RandomFill, RandomStream, Result};

/// Seconds that one product should take at least, so that starting it does not count.
const ENOUGH: f64 = 0.02;
/// Rows and columns of the largest products.
const LARGEST: usize = 8192;

/// Peak speed of a device, to compare kernels with.
pub trait PeakFlops: Gemm + RandomFill {
    /// Floating-point operations per second with factors of `precision`, measured for about `seconds`.
    ///
    /// The default takes the fastest of large products of square matrices.
    ///
    /// # Errors
    /// [`Error::Precision`](crate::Error::Precision) when this device does not have it.
    fn peak_flops(&self, precision: Precision, seconds: f64) -> Result<f64> {
        let prepare = |n| Ok((square_factor(self, n)?, self.zeros(n * n)?));
        fastest_square(seconds, prepare, |n, (factor, product)| {
            self.gemm(GemmConfig::new(n, n, n).precision(precision), factor, factor, product)?;
            self.synchronize()
        })
    }
}

/// A matrix `[n, n]` of numbers other than zeros, which are multiplied faster on some devices.
pub(crate) fn square_factor<B: RandomFill>(backend: &B, n: usize) -> Result<B::Buffer<f32>> {
    let mut factor = backend.zeros(n * n)?;
    let stream = RandomStream::Uniform { seed: 1, stream: 0, bound: 1.0 };
    backend.random_fill(stream, n * n, &mut factor)?;
    Ok(factor)
}

/// Operations per second of the fastest product of matrices `[n, n]`, with `n` so large that starting it does not count:
/// `multiply` waits for one on what `prepare` made.
pub(crate) fn fastest_square<P>(
    seconds: f64,
    prepare: impl Fn(usize) -> Result<P>,
    multiply: impl Fn(usize, &mut P) -> Result<()>,
) -> Result<f64> {
    let mut n = 64;
    loop {
        let mut prepared = prepare(n)?;
        let mut timed = || -> Result<f64> {
            let start = Instant::now();
            multiply(n, &mut prepared)?;
            Ok(start.elapsed().as_secs_f64())
        };
        timed()?;
        let mut fastest = timed()?;
        if fastest < ENOUGH && n < LARGEST {
            n *= 2;
            continue;
        }
        let start = Instant::now();
        while start.elapsed().as_secs_f64() < seconds {
            fastest = fastest.min(timed()?);
        }
        return Ok(2.0 * (n as f64).powi(3) / fastest);
    }
}
