use std::arch::x86_64::{
    __m512, _mm512_castpd_ps, _mm512_castps_pd, _mm512_shuffle_f32x4, _mm512_unpackhi_pd,
    _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};

use super::sizes::SIDE;

/// The transpose of a square of 32-bit numbers. Written out so that it stays in registers.
///
/// # Safety
/// The processor has AVX-512.
#[inline(always)]
pub(crate) unsafe fn transpose(rows: [__m512; SIDE]) -> [__m512; SIDE] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = rows;
    // SAFETY: as the caller's.
    unsafe {
        let [a0, a1, a2, a3] = transpose_quarters([a, b, c, d]);
        let [b0, b1, b2, b3] = transpose_quarters([e, f, g, h]);
        let [c0, c1, c2, c3] = transpose_quarters([i, j, k, l]);
        let [d0, d1, d2, d3] = transpose_quarters([m, n, o, p]);
        let [r0, r4, r8, r12] = gather_quarters([a0, b0, c0, d0]);
        let [r1, r5, r9, r13] = gather_quarters([a1, b1, c1, d1]);
        let [r2, r6, r10, r14] = gather_quarters([a2, b2, c2, d2]);
        let [r3, r7, r11, r15] = gather_quarters([a3, b3, c3, d3]);
        [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15]
    }
}

/// Transposes the 4 by 4 square that each quarter of four rows makes.
///
/// # Safety
/// The processor has AVX-512.
#[inline(always)]
unsafe fn transpose_quarters([a, b, c, d]: [__m512; 4]) -> [__m512; 4] {
    // SAFETY: as the caller's.
    unsafe {
        let front = (
            _mm512_castps_pd(_mm512_unpacklo_ps(a, b)),
            _mm512_castps_pd(_mm512_unpackhi_ps(a, b)),
        );
        let back = (
            _mm512_castps_pd(_mm512_unpacklo_ps(c, d)),
            _mm512_castps_pd(_mm512_unpackhi_ps(c, d)),
        );
        [
            _mm512_castpd_ps(_mm512_unpacklo_pd(front.0, back.0)),
            _mm512_castpd_ps(_mm512_unpackhi_pd(front.0, back.0)),
            _mm512_castpd_ps(_mm512_unpacklo_pd(front.1, back.1)),
            _mm512_castpd_ps(_mm512_unpackhi_pd(front.1, back.1)),
        ]
    }
}

/// The first quarters of four rows one after the other, then the second, the third, the fourth.
///
/// # Safety
/// The processor has AVX-512.
#[inline(always)]
unsafe fn gather_quarters([a, b, c, d]: [__m512; 4]) -> [__m512; 4] {
    // SAFETY: as the caller's.
    unsafe {
        let (front_even, front_odd) = (even(a, b), odd(a, b));
        let (back_even, back_odd) = (even(c, d), odd(c, d));
        [
            even(front_even, back_even),
            even(front_odd, back_odd),
            odd(front_even, back_even),
            odd(front_odd, back_odd),
        ]
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
