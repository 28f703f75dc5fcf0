use std::arch::x86_64::{
    __m256, __m256d, __m256i, __m512, __m512d, __mmask16, _CMP_GT_OQ, _MM_FROUND_NO_EXC,
    _MM_FROUND_TO_NEAREST_INT, _mm256_add_epi32, _mm256_add_ps, _mm256_blendv_ps,
    _mm256_castsi256_ps, _mm256_cmp_ps, _mm256_cmpgt_epi32, _mm256_cvtps_epi32, _mm256_div_ps,
    _mm256_fmadd_pd, _mm256_fmadd_ps, _mm256_fnmadd_ps, _mm256_loadu_pd, _mm256_loadu_ps,
    _mm256_maskload_ps, _mm256_maskstore_ps, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps,
    _mm256_round_ps, _mm256_set1_epi32, _mm256_set1_pd, _mm256_set1_ps, _mm256_setr_epi32,
    _mm256_slli_epi32, _mm256_sqrt_ps, _mm256_storeu_pd, _mm256_storeu_ps, _mm256_sub_ps,
    _mm512_add_ps, _mm512_cmp_ps_mask, _mm512_div_ps, _mm512_fmadd_pd, _mm512_fmadd_ps,
    _mm512_fnmadd_ps, _mm512_loadu_pd, _mm512_loadu_ps, _mm512_mask_blend_ps,
    _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps,
    _mm512_rcp14_ps, _mm512_roundscale_ps, _mm512_rsqrt14_ps, _mm512_scalef_ps, _mm512_set1_pd,
    _mm512_set1_ps, _mm512_sqrt_ps, _mm512_storeu_pd, _mm512_storeu_ps, _mm512_sub_ps,
};

use super::{Lanes, WideLanes, binary, wide_lanes};

const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

/// 16 lanes.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Avx512(pub(crate) __m512);

wide_lanes!(
    WideAvx512: __m512d, 8 lanes, _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd,
    mul_add(x, factor, summand) = _mm512_fmadd_pd(x, factor, summand)
);

impl Lanes for Avx512 {
    type Wide = WideAvx512;
    const LEN: usize = 16;
    const TILE_ROWS: usize = 8;

    binary! {
        add = _mm512_add_ps;
        sub = _mm512_sub_ps;
        mul = _mm512_mul_ps;
        div = _mm512_div_ps;
        min = _mm512_min_ps;
        max = _mm512_max_ps;
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { Self(_mm512_set1_ps(x)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller has made sure of the instructions and of the pointer.
        unsafe { Self(_mm512_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller has made sure of the instructions and of the pointer.
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        // SAFETY: the caller has made sure of the instructions and of the pointer.
        unsafe { Self(_mm512_maskz_loadu_ps(first_lanes(n), from)) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        // SAFETY: the caller has made sure of the instructions and of the pointer.
        unsafe { _mm512_mask_storeu_ps(to, first_lanes(n), self.0) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, summand: Self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { Self(_mm512_fmadd_ps(self.0, factor.0, summand.0)) }
    }

    #[inline(always)]
    unsafe fn neg_mul_add(self, factor: Self, summand: Self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { Self(_mm512_fnmadd_ps(self.0, factor.0, summand.0)) }
    }

    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { Self(_mm512_sqrt_ps(self.0)) }
    }

    #[inline(always)]
    unsafe fn round(self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { Self(_mm512_roundscale_ps::<NEAREST>(self.0)) }
    }

    #[inline(always)]
    unsafe fn quick_div(self, other: Self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe {
            // 14 bits of the inverse, doubled by one step of Newton's iteration.
            let inverse = _mm512_rcp14_ps(other.0);
            let missing = _mm512_fnmadd_ps(other.0, inverse, _mm512_set1_ps(1.0));
            Self(_mm512_mul_ps(self.0, _mm512_fmadd_ps(inverse, missing, inverse)))
        }
    }

    #[inline(always)]
    unsafe fn div_by_root(self, square: Self, offset: Self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe {
            // Above zero, so that its inverse root is finite. Far below any offset that matters.
            let square = _mm512_max_ps(square.0, _mm512_set1_ps(f32::MIN_POSITIVE));
            // Root and inverse to 14 bits each, then both doubled by a step of Newton's iteration.
            let inverse_root = _mm512_rsqrt14_ps(square);
            let rough = _mm512_mul_ps(square, inverse_root);
            let inverse = _mm512_rcp14_ps(_mm512_add_ps(rough, offset.0));
            let missing = _mm512_fnmadd_ps(rough, rough, square);
            let root =
                _mm512_fmadd_ps(_mm512_mul_ps(inverse_root, _mm512_set1_ps(0.5)), missing, rough);
            let missing =
                _mm512_fnmadd_ps(_mm512_add_ps(root, offset.0), inverse, _mm512_set1_ps(1.0));
            Self(_mm512_mul_ps(self.0, _mm512_fmadd_ps(inverse, missing, inverse)))
        }
    }

    #[inline(always)]
    unsafe fn exp2_of_integer(self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { Self(_mm512_scalef_ps(_mm512_set1_ps(1.0), self.0)) }
    }

    #[inline(always)]
    unsafe fn select_greater(self, threshold: Self, above: Self, below: Self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe {
            let greater = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, threshold.0);
            Self(_mm512_mask_blend_ps(greater, below.0, above.0))
        }
    }
}

#[inline(always)]
fn first_lanes(n: usize) -> __mmask16 {
    (1 << n) - 1
}

/// 8 lanes.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Avx2(__m256);

wide_lanes!(
    WideAvx2: __m256d, 4 lanes, _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd,
    mul_add(x, factor, summand) = _mm256_fmadd_pd(x, factor, summand)
);

impl Lanes for Avx2 {
    type Wide = WideAvx2;
    const LEN: usize = 8;
    const TILE_ROWS: usize = 6;

    binary! {
        add = _mm256_add_ps;
        sub = _mm256_sub_ps;
        mul = _mm256_mul_ps;
        div = _mm256_div_ps;
        min = _mm256_min_ps;
        max = _mm256_max_ps;
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { Self(_mm256_set1_ps(x)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller has made sure of the instructions and of the pointer.
        unsafe { Self(_mm256_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller has made sure of the instructions and of the pointer.
        unsafe { _mm256_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        // SAFETY: the caller has made sure of the instructions and of the pointer.
        unsafe { Self(_mm256_maskload_ps(from, mask_of_first(n))) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        // SAFETY: the caller has made sure of the instructions and of the pointer.
        unsafe { _mm256_maskstore_ps(to, mask_of_first(n), self.0) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, summand: Self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { Self(_mm256_fmadd_ps(self.0, factor.0, summand.0)) }
    }

    #[inline(always)]
    unsafe fn neg_mul_add(self, factor: Self, summand: Self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { Self(_mm256_fnmadd_ps(self.0, factor.0, summand.0)) }
    }

    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { Self(_mm256_sqrt_ps(self.0)) }
    }

    #[inline(always)]
    unsafe fn round(self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { Self(_mm256_round_ps::<NEAREST>(self.0)) }
    }

    #[inline(always)]
    unsafe fn exp2_of_integer(self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe {
            let biased = _mm256_add_epi32(_mm256_cvtps_epi32(self.0), _mm256_set1_epi32(127));
            Self(_mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased)))
        }
    }

    #[inline(always)]
    unsafe fn select_greater(self, threshold: Self, above: Self, below: Self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe {
            let greater = _mm256_cmp_ps::<_CMP_GT_OQ>(self.0, threshold.0);
            Self(_mm256_blendv_ps(below.0, above.0, greater))
        }
    }
}

/// All bits set in the first `n` lanes.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn mask_of_first(n: usize) -> __m256i {
    // SAFETY: as the caller's.
    unsafe {
        _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
    }
}
