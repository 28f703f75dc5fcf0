//! f32 numbers as sums of bfloat16 numbers.

use std::arch::x86_64::{
    __m512, _mm512_add_epi32, _mm512_and_si512, _mm512_castps_si512, _mm512_castsi512_ps,
    _mm512_or_si512, _mm512_set1_epi32, _mm512_srli_epi32, _mm512_store_ps, _mm512_sub_ps,
};

use super::sizes::TILE;

/// Half a unit in the last place of a bfloat16.
const HALF: i32 = 0x8000;
/// The bits of a bfloat16.
const BITS: i32 = 0xffff_0000_u32 as i32;

/// Splits two vectors into `PIECES` pieces each and writes them as pairs, piece `i` to `out + i * TILE`.
///
/// A piece is what is left, rounded to the nearest bfloat16 (ties away from zero). Three pieces of 8 bits hold all 24 of
/// an f32, as long as the last is no denormal, and denormals are zero in kernels: the third is what is left as it is.
///
/// # Safety
/// The processor has AVX-512; `out` is aligned to cache lines and valid for the vectors written.
#[inline(always)]
pub(crate) unsafe fn store_pairs<const PIECES: usize>(
    mut low: __m512,
    mut high: __m512,
    out: *mut f32,
) {
    // SAFETY: as the caller's.
    unsafe {
        for piece in 0..PIECES {
            let is_exact = piece == 2;
            let (rounded_low, rounded_high) =
                if is_exact { (low, high) } else { (round(low), round(high)) };
            // The low half of each number is zero, so the two interleave by a shift and an or.
            let shifted = _mm512_srli_epi32::<16>(_mm512_castps_si512(rounded_low));
            let pairs = _mm512_or_si512(shifted, _mm512_castps_si512(rounded_high));
            _mm512_store_ps(out.add(piece * TILE), _mm512_castsi512_ps(pairs));
            low = _mm512_sub_ps(low, rounded_low);
            high = _mm512_sub_ps(high, rounded_high);
        }
    }
}

/// The nearest bfloat16, as an f32.
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
