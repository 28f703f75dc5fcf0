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
pub(crate) mod activation;
#[cfg(target_arch = "x86_64")]
pub(crate) mod amx;
mod eigenvalues;
mod float_mode;
pub(crate) mod logarithm;
pub(crate) mod panel;
mod rows;
pub(crate) mod scratch;
pub(crate) mod simd;
pub(crate) mod tasks;
pub(crate) mod tile;

use std::borrow::Cow;

pub use eigenvalues::symmetric_eigenvalues;
use rayon::prelude::*;
pub use rows::{row_minimum, row_sum};
pub use simd::SimdLevel;

use crate::{Backend, Error, Precision, Result, backend::host_backend};

/// The backend of this machine's cores. Uses the rayon pool it is called in.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    level: SimdLevel,
    /// Rounding of factors where a precision is emulated.
    round: Option<fn(Precision, f32) -> f32>,
}

host_backend!(Cpu, "cpu", |cpu: &Cpu| format!("cpu ({})", cpu.level));

impl Cpu {
    /// The backend with the widest SIMD instructions that this processor has.
    pub fn new() -> Self {
        Self { level: SimdLevel::detect(), round: None }
    }

    /// The backend with the given SIMD instructions; `None` where this processor lacks them.
    pub fn with_level(level: SimdLevel) -> Option<Self> {
        level.is_available().then_some(Self { level, round: None })
    }

    /// This backend with products of every precision, for comparisons: factors are rounded by `round`, usually
    /// [`Precision::round`], and multiplied as f32. That is exact and slow.
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
    /// True if the tile units do products of `precision`.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn uses_tiles(self, precision: Precision) -> bool {
        self.level == SimdLevel::Amx && precision == Precision::Bf16
    }

    /// True if a product of `precision` is a product in f32 of rounded factors.
    pub(crate) const fn emulates(self, precision: Precision) -> bool {
        self.round.is_some() && !precision.is_f32()
    }

    /// `x` as factors of `precision`.
    pub(crate) fn rounded(self, precision: Precision, x: &[f32]) -> Cow<'_, [f32]> {
        if precision.is_f32() {
            return Cow::Borrowed(x);
        }
        let round = self.round.unwrap_or(Precision::round);
        Cow::Owned(x.par_iter().map(|&x| round(precision, x)).collect())
    }

    /// Refuses a precision that the vector units do not have.
    pub(crate) fn check_precision(self, precision: Precision) -> Result<()> {
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
