#![expect(unsafe_code, reason = "a SIMD kernel; each block says why it is sound")]
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]
#![expect(clippy::float_cmp, reason = "factors of exactly 0 and 1 are special cases, not results")]

#[cfg(target_arch = "x86_64")]
use crate::cpu::activation::value_of;
use crate::{Activation, cpu::simd::Lanes};

/// Last step from sums to the result.
#[derive(Clone, Copy)]
pub(crate) enum Epilogue<'a> {
    Scale { alpha: f32, beta: f32 },
    Activate { bias: &'a [f32], activation: Activation },
}

#[cfg(target_arch = "x86_64")]
impl Epilogue<'_> {
    /// Writes a vector of sums, from column `column` of the result on, to `c`, or as many of its lanes as `c` has.
    ///
    /// # Safety
    /// Inside a kernel of `V`.
    #[inline(always)]
    pub(crate) unsafe fn finish<V: Lanes>(self, sum: V, column: usize, c: &mut [f32]) {
        // SAFETY: no more than `c.len()` lanes are read or written.
        unsafe {
            match self {
                Self::Scale { .. } => store(sum, self, c),
                Self::Activate { bias, activation } => {
                    let bias = &bias[column..][..c.len()];
                    let bias = if c.len() >= V::LEN {
                        V::load(bias.as_ptr())
                    } else {
                        V::load_first(bias.as_ptr(), bias.len())
                    };
                    store(value_of(activation, sum.add(bias)), self, c);
                }
            }
        }
    }
}

/// Writes a vector of sums to the front of `c`, or as many of its lanes as there are.
///
/// # Safety
/// Inside a kernel of `V`.
#[inline(always)]
pub(super) unsafe fn store<V: Lanes>(sum: V, epilogue: Epilogue<'_>, c: &mut [f32]) {
    // SAFETY: no more than `c.len()` lanes are read or written.
    unsafe {
        let full = c.len() >= V::LEN;
        let value = match epilogue {
            Epilogue::Scale { alpha, beta } if alpha != 1.0 || beta != 0.0 => {
                let scaled = sum.mul(V::splat(alpha));
                let old =
                    || if full { V::load(c.as_ptr()) } else { V::load_first(c.as_ptr(), c.len()) };
                if beta == 0.0 { scaled } else { V::splat(beta).mul_add(old(), scaled) }
            }
            _ => sum,
        };
        if full { value.store(c.as_mut_ptr()) } else { value.store_first(c.as_mut_ptr(), c.len()) }
    }
}
