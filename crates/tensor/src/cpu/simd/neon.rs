use std::arch::aarch64::{
    float32x4_t, float64x2_t, vaddq_f32, vaddq_s32, vbslq_f32, vcgtq_f32, vcvtnq_s32_f32,
    vdivq_f32, vdupq_n_f32, vdupq_n_f64, vdupq_n_s32, vfmaq_f32, vfmaq_f64, vfmsq_f32, vld1q_f32,
    vld1q_f64, vmaxq_f32, vminq_f32, vmulq_f32, vreinterpretq_f32_s32, vrndnq_f32, vshlq_n_s32,
    vsqrtq_f32, vst1q_f32, vst1q_f64, vsubq_f32,
};

use super::{Lanes, WideLanes, binary, wide_lanes};

/// 4 lanes.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Neon(float32x4_t);

wide_lanes!(
    WideNeon: float64x2_t, 2 lanes, vdupq_n_f64, vld1q_f64, vst1q_f64,
    mul_add(x, factor, summand) = vfmaq_f64(summand, x, factor)
);

impl Lanes for Neon {
    type Wide = WideNeon;
    const LEN: usize = 4;
    const TILE_ROWS: usize = 8;

    binary! {
        add = vaddq_f32;
        sub = vsubq_f32;
        mul = vmulq_f32;
        div = vdivq_f32;
        min = vminq_f32;
        max = vmaxq_f32;
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { Self(vdupq_n_f32(x)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller has made sure of the instructions and of the pointer.
        unsafe { Self(vld1q_f32(from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller has made sure of the instructions and of the pointer.
        unsafe { vst1q_f32(to, self.0) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        let mut lanes = [0.0; 4];
        // SAFETY: the caller's pointer is valid for `n < 4` numbers; `lanes` holds four.
        unsafe {
            std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), n);
            Self::load(lanes.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        let mut lanes = [0.0; 4];
        // SAFETY: the caller's pointer is valid for `n < 4` numbers; `lanes` holds four.
        unsafe {
            self.store(lanes.as_mut_ptr());
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, n);
        }
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, summand: Self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { Self(vfmaq_f32(summand.0, self.0, factor.0)) }
    }

    #[inline(always)]
    unsafe fn neg_mul_add(self, factor: Self, summand: Self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { Self(vfmsq_f32(summand.0, self.0, factor.0)) }
    }

    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { Self(vsqrtq_f32(self.0)) }
    }

    #[inline(always)]
    unsafe fn round(self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { Self(vrndnq_f32(self.0)) }
    }

    #[inline(always)]
    unsafe fn exp2_of_integer(self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe {
            let biased = vaddq_s32(vcvtnq_s32_f32(self.0), vdupq_n_s32(127));
            Self(vreinterpretq_f32_s32(vshlq_n_s32::<23>(biased)))
        }
    }

    #[inline(always)]
    unsafe fn select_greater(self, threshold: Self, above: Self, below: Self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { Self(vbslq_f32(vcgtq_f32(self.0, threshold.0), above.0, below.0)) }
    }
}
