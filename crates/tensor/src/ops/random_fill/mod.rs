//! Random numbers on the device.

#[cfg(feature = "conformance")]
pub(super) mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod reference;

use crate::{
    Backend, Result,
    backend::expect_len,
    random::{normal, philox, uniform},
};

/// Stream of random numbers; see [`random`](crate::random).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RandomStream {
    /// Normal with mean 0.
    Normal {
        /// The seed.
        seed: u64,
        /// The stream.
        stream: u64,
        /// The standard deviation.
        std: f64,
    },
    /// Uniform on `(-bound, bound)`.
    Uniform {
        /// The seed.
        seed: u64,
        /// The stream.
        stream: u64,
        /// The bound.
        bound: f64,
    },
}

impl RandomStream {
    /// Writes the stream's elements `4 * block ..` to `out`.
    pub(crate) fn fill_from_block(self, block: u64, out: &mut [f32]) {
        let (seed, stream) = match self {
            Self::Normal { seed, stream, .. } | Self::Uniform { seed, stream, .. } => {
                (seed, stream)
            }
        };
        for (block, out) in (block..).zip(out.chunks_mut(4)) {
            for (out, word) in out.iter_mut().zip(philox(seed, stream, block)) {
                *out = match self {
                    Self::Normal { std, .. } => (std * normal(word)) as f32,
                    Self::Uniform { bound, .. } => (bound * (2.0 * uniform(word) - 1.0)) as f32,
                };
            }
        }
    }

    /// The first `n` elements of the stream.
    pub fn take(self, n: usize) -> Vec<f32> {
        let mut out = vec![0.0; n];
        self.fill_from_block(0, &mut out);
        out
    }
}

/// Drawing random numbers on the device.
pub trait RandomFill: Backend {
    /// Fills the first `n` elements of `out` with elements `0..n` of `stream`. The same numbers on every backend, bit
    /// for bit where the backend computes in f64.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when `out` is too short.
    fn random_fill(
        &self,
        stream: RandomStream,
        n: usize,
        out: &mut Self::Buffer<f32>,
    ) -> Result<()> {
        expect_len("random_fill", "out", n, self.len(out))?;
        self.write(out, 0, &stream.take(n))
    }
}
