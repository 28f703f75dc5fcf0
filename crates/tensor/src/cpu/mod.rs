//! The backend of this machine's cores: SIMD kernels chosen at run time, work shared among threads by rayon.
//!
//! Every element of a result is one chain of operations in a fixed order, so how the work is cut changes no bit of it.
#![expect(
    unsafe_code,
    reason = "SIMD intrinsics and pointer arithmetic of the kernels; each block says why it is sound"
)]
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]
#![expect(clippy::float_cmp, reason = "factors of exactly 0 and 1 are special cases, not results")]

#[cfg(target_arch = "x86_64")]
mod amx;
mod backward;
mod decoder;
mod divergence;
mod float_mode;
mod gemm;
mod math;
mod moments;
mod panel;
mod peak;
mod pointwise;
#[cfg(target_arch = "x86_64")]
mod scratch;
mod simd;
mod step;
mod tile;

use std::borrow::Cow;

use rayon::prelude::*;
pub use simd::SimdLevel;

use crate::{
    Backend, Error, FitRidge, HostBuffer, Precision, RandomFill, RandomStream, Result,
    backend::{expect_len, host_backend},
    ops::replay::replay_by_doing,
};

/// The backend of this machine's cores. Uses the rayon pool it is called in.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    level: SimdLevel,
    /// How factors are rounded where that is emulated.
    round: Option<fn(Precision, f32) -> f32>,
}

host_backend!(Cpu, "cpu", |cpu: &Cpu| format!("cpu ({})", cpu.level));
replay_by_doing!(Cpu);

impl Cpu {
    /// With the widest SIMD instructions this processor has.
    pub fn new() -> Self {
        Self { level: SimdLevel::detect(), round: None }
    }

    /// With the given SIMD instructions; `None` where this processor lacks them.
    pub fn with_level(level: SimdLevel) -> Option<Self> {
        level.is_available().then_some(Self { level, round: None })
    }

    /// With products of every precision, for those who hold others against them: factors are rounded as `round` has it,
    /// usually [`Precision::round`], and multiplied as f32. That is exact and slow.
    #[must_use]
    pub const fn rounding(self, round: fn(Precision, f32) -> f32) -> Self {
        Self { round: Some(round), ..self }
    }

    /// The SIMD instructions in use.
    pub const fn level(&self) -> SimdLevel {
        self.level
    }
}

impl Cpu {
    /// How many pieces of bfloat16 a number is split into where the tile units do a product of these sizes; `None` where
    /// the vector units do it.
    #[cfg(target_arch = "x86_64")]
    fn pieces(self, precision: Precision, sizes: &[usize]) -> Option<usize> {
        /// Below this, packing costs more than it saves.
        const LEAST: usize = 32;
        match precision {
            _ if self.level != SimdLevel::Amx => None,
            Precision::Bf16 => Some(1),
            Precision::Tf32 => None,
            Precision::F32 => sizes.iter().all(|&size| size >= LEAST).then_some(3),
        }
    }

    /// Whether every product of `precision` is one of f32 with factors rounded beforehand.
    const fn emulates(self, precision: Precision) -> bool {
        self.round.is_some() && !precision.is_f32()
    }

    /// `x` as factors of `precision`.
    fn rounded(self, precision: Precision, x: &[f32]) -> Cow<'_, [f32]> {
        if precision.is_f32() {
            return Cow::Borrowed(x);
        }
        let round = self.round.unwrap_or(Precision::round);
        Cow::Owned(x.par_iter().map(|&x| round(precision, x)).collect())
    }

    /// Refuses what neither the vector units nor, where they were asked before, the tile units do.
    fn check_precision(self, precision: Precision) -> Result<()> {
        match precision {
            Precision::F32 => Ok(()),
            Precision::Tf32 | Precision::Bf16 => {
                Err(Error::Precision { backend: self.description(), precision })
            }
        }
    }
}

impl Default for Cpu {
    fn default() -> Self {
        Self::new()
    }
}

impl FitRidge for Cpu {}

impl RandomFill for Cpu {
    fn random_fill(&self, stream: RandomStream, n: usize, out: &mut HostBuffer<f32>) -> Result<()> {
        /// Elements a task draws: some 100 microseconds of work, a multiple of a block's four.
        const CHUNK: usize = 16 * 1024;
        expect_len("random_fill", "out", n, out.as_slice().len())?;
        let chunks = out.as_mut_slice()[..n].par_chunks_mut(CHUNK).enumerate();
        chunks.for_each(|(index, chunk)| stream.fill_from_block((index * CHUNK / 4) as u64, chunk));
        Ok(())
    }
}
