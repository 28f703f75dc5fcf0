use std::arch::x86_64::{
    __m512, _mm512_castpd_ps, _mm512_castps_pd, _mm512_shuffle_f32x4, _mm512_unpackhi_pd,
    _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};

use super::SIDE;

/// The transpose of a square of 32-bit numbers.
///
/// # Safety
/// The processor has AVX-512.
#[inline(always)]
pub(super) unsafe fn transpose(rows: [__m512; SIDE]) -> [__m512; SIDE] {
    // SAFETY: as the caller's.
    unsafe {
        // Within each quarter of the lanes: 4 x 4 squares.
        let mut a = rows;
        for i in (0..SIDE).step_by(2) {
            a[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
            a[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
        }
        let mut b = a;
        for i in (0..SIDE).step_by(4) {
            let (x, y) = (_mm512_castps_pd(a[i]), _mm512_castps_pd(a[i + 2]));
            b[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(x, y));
            b[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(x, y));
            let (x, y) = (_mm512_castps_pd(a[i + 1]), _mm512_castps_pd(a[i + 3]));
            b[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(x, y));
            b[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(x, y));
        }
        // The quarters among each other.
        let mut out = b;
        for i in 0..4 {
            let (front_even, front_odd) = (even(b[i], b[i + 4]), odd(b[i], b[i + 4]));
            let (back_even, back_odd) = (even(b[i + 8], b[i + 12]), odd(b[i + 8], b[i + 12]));
            out[i] = even(front_even, back_even);
            out[i + 4] = even(front_odd, back_odd);
            out[i + 8] = odd(front_even, back_even);
            out[i + 12] = odd(front_odd, back_odd);
        }
        out
    }
}

/// Quarters 0 and 2 of both.
///
/// # Safety
/// The processor has AVX-512.
#[inline(always)]
unsafe fn even(x: __m512, y: __m512) -> __m512 {
    // SAFETY: as the caller's.
    unsafe { _mm512_shuffle_f32x4::<0b10_00_10_00>(x, y) }
}

/// Quarters 1 and 3 of both.
///
/// # Safety
/// The processor has AVX-512.
#[inline(always)]
unsafe fn odd(x: __m512, y: __m512) -> __m512 {
    // SAFETY: as the caller's.
    unsafe { _mm512_shuffle_f32x4::<0b11_01_11_01>(x, y) }
}
