//! The register tile all matrix products are made of.

use super::simd::Lanes;

/// `ROWS x VECTORS` sums over `k` of `a[row, k] * panel[k, column]`.
///
/// `a` is read at `a + row * row_stride + k * k_stride`, the panel front to back.
///
/// # Safety
/// Inside a kernel of `V`; `a` and `panel` are valid for `ROWS` rows and `VECTORS` vectors over `k`.
#[inline(always)]
pub(super) unsafe fn tile<V: Lanes, const ROWS: usize, const VECTORS: usize>(
    k: usize,
    a: *const f32,
    [row_stride, k_stride]: [usize; 2],
    panel: *const f32,
) -> [[V; VECTORS]; ROWS] {
    // SAFETY: the caller's pointers are valid for the elements addressed here.
    unsafe {
        let mut sums = [[V::zero(); VECTORS]; ROWS];
        let mut panel = panel;
        let mut a = a;
        for _ in 0..k {
            let mut columns = [V::zero(); VECTORS];
            for (j, column) in columns.iter_mut().enumerate() {
                *column = V::load(panel.add(j * V::LEN));
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let x = V::splat(*a.add(i * row_stride));
                for (sum, &column) in sums.iter_mut().zip(&columns) {
                    *sum = x.mul_add(column, *sum);
                }
            }
            panel = panel.add(VECTORS * V::LEN);
            a = a.add(k_stride);
        }
        sums
    }
}

/// Calls `tile` for all rows in steps the registers allow, and hands each to `store(first_row, sums)`.
///
/// # Safety
/// As [`tile`], for `rows` rows.
macro_rules! for_row_tiles {
    ($lanes:ty, $vectors:tt, $rows:expr, |$row:ident, $count:ident| $body:block) => {{
        let rows: usize = $rows;
        let mut $row = 0;
        if <$lanes>::TILE_ROWS == 8 {
            const $count: usize = 8;
            while $row + 8 <= rows {
                $body
                $row += 8;
            }
        }
        {
            const $count: usize = 4;
            while $row + 4 <= rows {
                $body
                $row += 4;
            }
        }
        {
            const $count: usize = 1;
            while $row < rows {
                $body
                $row += 1;
            }
        }
    }};
}
pub(super) use for_row_tiles;
