//! Matrices rounded and cut into tiles.

use std::arch::x86_64::{
    __m512, _mm512_load_ps, _mm512_loadu_ps, _mm512_maskz_loadu_ps, _mm512_setzero_ps,
    _mm512_store_ps,
};

use super::{
    pairs::store_pairs,
    sizes::{DEPTH, SIDE},
    transpose::transpose,
};
use crate::cpu::tile::prefetch;

/// A matrix `[x, k]` as it lies in memory: `k` is summed over, `x` are the rows of a left or the columns of a right
/// factor.
#[derive(Clone, Copy)]
pub(crate) struct Factor<'a> {
    pub(crate) numbers: &'a [f32],
    /// From row to row of memory.
    pub(crate) stride: usize,
    /// True if neighbours in memory are neighbours in `k`, rather than in `x`.
    pub(crate) k_is_contiguous: bool,
    pub(crate) x: usize,
    pub(crate) k: usize,
}

/// Factor of a product.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

impl<'a> Factor<'a> {
    /// The whole of a matrix that lies in memory as `[x, k]` where `k_is_contiguous`, otherwise as `[k, x]`.
    pub(crate) fn new(numbers: &'a [f32], [x, k]: [usize; 2], k_is_contiguous: bool) -> Self {
        Self { numbers, stride: if k_is_contiguous { k } else { x }, k_is_contiguous, x, k }
    }
}

impl Factor<'_> {
    /// True if tiles of this matrix have to be transposed on the way from memory.
    pub(crate) fn is_transposed(&self, side: Side) -> bool {
        self.k_is_contiguous != (side == Side::Left)
    }

    /// Writes the tile of `x` from `16 x_tile` and `k` from `32 k_block` on, zeros beyond the matrix. Asks for the memory
    /// that lies `ahead` of each vector, if given.
    ///
    /// # Safety
    /// The processor has AVX-512; `out` is aligned to cache lines and valid for a tile.
    #[inline(always)]
    pub(crate) unsafe fn pack(
        &self,
        side: Side,
        x_tile: usize,
        k_block: usize,
        ahead: Option<isize>,
        out: *mut f32,
    ) {
        let (x, k) = (x_tile * SIDE, k_block * DEPTH);
        // SAFETY: as the caller's; `row` reads within the matrix only.
        unsafe {
            let memory = if self.k_is_contiguous { [x, k] } else { [k, x] };
            // Where the second half of each pair lies in memory.
            let across = if self.k_is_contiguous { SIDE } else { SIDE * self.stride };
            if x + SIDE <= self.x && k + DEPTH <= self.k {
                let from = self.numbers[memory[0] * self.stride + memory[1]..].as_ptr();
                for i in 0..SIDE {
                    let from = from.add(i * self.stride);
                    let (low, high) = (_mm512_loadu_ps(from), _mm512_loadu_ps(from.add(across)));
                    if let Some(ahead) = ahead {
                        prefetch(from.wrapping_offset(ahead));
                        prefetch(from.wrapping_offset(ahead).wrapping_add(across));
                    }
                    store_pairs(low, high, out.add(i * SIDE));
                }
            } else {
                for i in 0..SIDE {
                    let (low, high) = if self.k_is_contiguous {
                        (
                            self.row(x + i, self.x, k, self.k),
                            self.row(x + i, self.x, k + SIDE, self.k),
                        )
                    } else {
                        (
                            self.row(k + i, self.k, x, self.x),
                            self.row(k + SIDE + i, self.k, x, self.x),
                        )
                    };
                    store_pairs(low, high, out.add(i * SIDE));
                }
            }
            // What lies now in a row is 16 pairs of one x, or 16 x of one pair.
            if self.is_transposed(side) {
                transpose_in_place(out);
            }
        }
    }

    /// Distance in memory from one place of the matrix to another.
    pub(crate) fn distance(&self, from: [usize; 2], to: [usize; 2]) -> isize {
        let place = |[x, k]: [usize; 2]| {
            if self.k_is_contiguous { x * self.stride + k } else { k * self.stride + x }
        };
        place(to) as isize - place(from) as isize
    }

    /// 16 numbers of row `row` from `column` on, zeros beyond `rows` and `columns`.
    ///
    /// # Safety
    /// The processor has AVX-512.
    #[inline(always)]
    unsafe fn row(&self, row: usize, rows: usize, column: usize, columns: usize) -> __m512 {
        // SAFETY: only numbers of the matrix are read, which the slice holds.
        unsafe {
            if row >= rows || column >= columns {
                return _mm512_setzero_ps();
            }
            let count = (columns - column).min(SIDE);
            let from = self.numbers[row * self.stride + column..][..count].as_ptr();
            _mm512_maskz_loadu_ps(((1_u32 << count) - 1) as u16, from)
        }
    }

    /// Writes the 16 rows of `k` of the tile, for each of 16 `x`, not rounded; memory holds `[x][k]` and gets `[k][x]`.
    ///
    /// # Safety
    /// As [`pack`](Self::pack).
    #[inline(always)]
    pub(crate) unsafe fn transpose(
        &self,
        x_tile: usize,
        k_tile: usize,
        out: *mut f32,
        stride: usize,
    ) {
        debug_assert!(self.k_is_contiguous, "memory holds rows of k");
        // SAFETY: as the caller's.
        unsafe {
            let rows =
                std::array::from_fn(|i| self.row(x_tile * SIDE + i, self.x, k_tile * SIDE, self.k));
            for (i, row) in transpose(rows).into_iter().enumerate() {
                _mm512_store_ps(out.add(i * stride), row);
            }
        }
    }
}

/// # Safety
/// As [`Factor::pack`].
#[inline(always)]
pub(crate) unsafe fn transpose_in_place(tile: *mut f32) {
    // SAFETY: as the caller's.
    unsafe {
        let mut rows = [_mm512_setzero_ps(); SIDE];
        for (i, row) in rows.iter_mut().enumerate() {
            *row = _mm512_load_ps(tile.add(i * SIDE));
        }
        for (i, row) in transpose(rows).into_iter().enumerate() {
            _mm512_store_ps(tile.add(i * SIDE), row);
        }
    }
}
