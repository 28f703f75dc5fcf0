//! f32 numbers rounded to bfloat16, in pairs.

use std::arch::x86_64::{
    __m512, _mm512_add_epi32, _mm512_and_si512, _mm512_castps_si512, _mm512_castsi512_ps,
    _mm512_or_si512, _mm512_set1_epi32, _mm512_srli_epi32, _mm512_store_ps,
};

/// Half a unit in the last place of a bfloat16.
const HALF: i32 = 0x8000;
/// The bits of a bfloat16.
const BITS: i32 = 0xffff_0000_u32 as i32;

/// Rounds two vectors to bfloat16 and writes them as pairs.
///
/// # Safety
/// The processor has AVX-512; `out` is aligned to cache lines and valid for a vector.
#[inline(always)]
pub(crate) unsafe fn store_pairs(low: __m512, high: __m512, out: *mut f32) {
    // SAFETY: as the caller's.
    unsafe {
        // The low half of each number is zero, so the two interleave by a shift and an or.
        let shifted = _mm512_srli_epi32::<16>(_mm512_castps_si512(round(low)));
        let pairs = _mm512_or_si512(shifted, _mm512_castps_si512(round(high)));
        _mm512_store_ps(out, _mm512_castsi512_ps(pairs));
    }
}

/// The nearest bfloat16 (ties away from zero), as an f32.
///
/// # Safety
/// The processor has AVX-512.
#[inline(always)]
unsafe fn round(x: __m512) -> __m512 {
    // SAFETY: as the caller's.
    unsafe {
        let moved = _mm512_add_epi32(_mm512_castps_si512(x), _mm512_set1_epi32(HALF));
        _mm512_castsi512_ps(_mm512_and_si512(moved, _mm512_set1_epi32(BITS)))
    }
}
