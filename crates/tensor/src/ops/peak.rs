use std::time::Instant;

use crate::{Gemm, GemmConfig, Precision, RandomFill, RandomStream, Result};

/// Seconds that one product should take at least, so that starting it does not count.
const ENOUGH: f64 = 0.02;
/// Rows and columns of the largest products.
const LARGEST: usize = 8192;

/// What a device can do at most: the yardstick kernels are held against.
pub trait PeakFlops: Gemm + RandomFill {
    /// Floating-point operations per second with factors of `precision`, measured for about `seconds`.
    ///
    /// The default takes the fastest of large products of square matrices.
    ///
    /// # Errors
    /// [`Error::Precision`](crate::Error::Precision) when this device does not have it.
    fn peak_flops(&self, precision: Precision, seconds: f64) -> Result<f64> {
        let mut n = 64;
        loop {
            let (mut factor, mut product) = (self.zeros(n * n)?, self.zeros(n * n)?);
            // Zeros are multiplied faster than other numbers on some devices.
            let stream = RandomStream::Uniform { seed: 1, stream: 0, bound: 1.0 };
            self.random_fill(stream, n * n, &mut factor)?;
            let config = GemmConfig::new(n, n, n).precision(precision);
            let mut multiply = || -> Result<f64> {
                let start = Instant::now();
                self.gemm(config, &factor, &factor, &mut product)?;
                self.synchronize()?;
                Ok(start.elapsed().as_secs_f64())
            };
            multiply()?;
            let mut fastest = multiply()?;
            if fastest < ENOUGH && n < LARGEST {
                n *= 2;
                continue;
            }
            let start = Instant::now();
            while start.elapsed().as_secs_f64() < seconds {
                fastest = fastest.min(multiply()?);
            }
            return Ok(2.0 * (n as f64).powi(3) / fastest);
        }
    }
}
