//! The register tile all matrix products are made of.

use super::simd::Lanes;

/// Memory layout of a tile's left factor.
#[derive(Clone, Copy)]
pub(crate) enum Left {
    /// `a[row, k]` at `row * stride + k`: rows are samples.
    Rows {
        /// From row to row.
        stride: usize,
    },
    /// `a[row, k]` at `row + k * stride`: rows are columns of the matrix stored.
    Columns {
        /// From `k` to `k`.
        stride: usize,
    },
    /// As [`pack_tiles`] leaves it: the rows of each tile are read front to back.
    Tiles {
        /// Numbers in a row.
        k: usize,
    },
}

impl Left {
    /// Index of the first number of row `row`.
    pub(crate) const fn row(self, row: usize) -> usize {
        match self {
            Self::Rows { stride } => row * stride,
            Self::Columns { .. } => row,
            Self::Tiles { k } => row * k,
        }
    }
}

/// `ROWS x VECTORS` sums over `k` of `a[row, k] * panel[k, column]`; the panel is read front to back.
///
/// # Safety
/// Inside a kernel of `V`; `a` and `panel` are valid for `ROWS` rows and `VECTORS` vectors over `k`.
#[inline(always)]
pub(crate) unsafe fn tile<V: Lanes, const ROWS: usize, const VECTORS: usize>(
    k: usize,
    a: *const f32,
    left: Left,
    panel: *const f32,
) -> [[V; VECTORS]; ROWS] {
    // SAFETY: as the caller's.
    unsafe {
        match left {
            Left::Rows { stride } => tile_of_rows(k, a, stride, panel),
            // The next columns: far apart in memory as they are, no processor foresees them.
            Left::Columns { stride } => {
                let next = Lines::new(a.wrapping_add(LINE), stride);
                tile_of_columns(k, a, stride, panel, next)
            }
            Left::Tiles { .. } => tile_of_packed(k, a, panel),
        }
    }
}

/// Steps of `k` done per turn of the loop over rows, so that addresses are constants within it.
const UNROLL: usize = 4;

/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn tile_of_rows<V: Lanes, const ROWS: usize, const VECTORS: usize>(
    k: usize,
    a: *const f32,
    stride: usize,
    panel: *const f32,
) -> [[V; VECTORS]; ROWS] {
    // SAFETY: the caller's pointers are valid for the elements addressed here.
    unsafe {
        let mut sums = [[V::zero(); VECTORS]; ROWS];
        let rows: [*const f32; ROWS] = std::array::from_fn(|i| a.add(i * stride));
        let whole = k - k % UNROLL;
        let mut done = 0;
        let mut panel = panel;
        while done < whole {
            for step in 0..UNROLL {
                multiply_add(&mut sums, panel.add(step * VECTORS * V::LEN), |i| {
                    *rows[i].add(done + step)
                });
            }
            panel = panel.add(UNROLL * VECTORS * V::LEN);
            done += UNROLL;
        }
        while done < k {
            multiply_add(&mut sums, panel, |i| *rows[i].add(done));
            panel = panel.add(VECTORS * V::LEN);
            done += 1;
        }
        sums
    }
}

/// As [`tile`] with [`Left::Columns`], prefetching a cache line of `ahead` per step of `k`.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
pub(crate) unsafe fn tile_of_columns<V: Lanes, const ROWS: usize, const VECTORS: usize>(
    k: usize,
    a: *const f32,
    stride: usize,
    panel: *const f32,
    ahead: Lines,
) -> [[V; VECTORS]; ROWS] {
    // SAFETY: the caller's pointers are valid for the elements addressed here.
    unsafe {
        let mut sums = [[V::zero(); VECTORS]; ROWS];
        let (mut a, mut panel) = (a, panel);
        for i in 0..k {
            ahead.prefetch(i);
            multiply_add(&mut sums, panel, |i| *a.add(i));
            panel = panel.add(VECTORS * V::LEN);
            a = a.add(stride);
        }
        sums
    }
}

/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn tile_of_packed<V: Lanes, const ROWS: usize, const VECTORS: usize>(
    k: usize,
    a: *const f32,
    panel: *const f32,
) -> [[V; VECTORS]; ROWS] {
    // SAFETY: the caller's pointers are valid for the elements addressed here.
    unsafe {
        let mut sums = [[V::zero(); VECTORS]; ROWS];
        let (mut a, mut panel) = (a, panel);
        for _ in 0..k {
            multiply_add(&mut sums, panel, |i| *a.add(i));
            panel = panel.add(VECTORS * V::LEN);
            a = a.add(ROWS);
        }
        sums
    }
}

/// Copies `rows` columns of a matrix, `stride` numbers from `k` to `k`, into tiles, `[k][rows of the tile]` each, one behind
/// the other.
///
/// # Safety
/// Inside a kernel of `V`; `from` is valid for `rows` numbers at each of the `k` places.
#[inline(always)]
pub(crate) unsafe fn pack_tiles<V: Lanes>(
    [rows, k]: [usize; 2],
    from: *const f32,
    stride: usize,
    to: &mut [f32],
) {
    /// Steps of `k` copied for all tiles before the next ones: lines of these fit a set of the nearest cache even where
    /// the stride is a power of two.
    const BLOCK: usize = 8;
    for first in (0..k).step_by(BLOCK) {
        let steps = first..k.min(first + BLOCK);
        for_row_tiles!(V, 1, rows, |row, COUNT| {
            let tile = &mut to[row * k..][..COUNT * k];
            for i in steps.clone() {
                // SAFETY: the caller's pointer is valid for the rows of the tile.
                let column =
                    unsafe { from.add(i * stride + row).cast::<[f32; COUNT]>().read_unaligned() };
                tile[i * COUNT..][..COUNT].copy_from_slice(&column);
            }
        });
    }
}

/// Numbers in a cache line.
pub(crate) const LINE: usize = 16;

/// Cache lines to be prefetched during a product, `stride` numbers apart.
#[derive(Clone, Copy)]
pub(crate) struct Lines {
    first: *const f32,
    stride: usize,
}

impl Lines {
    /// The lines need not be valid.
    pub(crate) const fn new(first: *const f32, stride: usize) -> Self {
        Self { first, stride }
    }

    #[inline(always)]
    fn prefetch(self, i: usize) {
        prefetch(self.first.wrapping_add(i * self.stride));
    }
}

/// Prefetches the cache line at `at`. The address need not be valid.
#[inline(always)]
pub(crate) fn prefetch(at: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing and faults nowhere; SSE is part of x86-64.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// As [`prefetch`], for a line that is to be written.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn prefetch_to_write(at: *const f32) {
    // SAFETY: a prefetch reads nothing and faults nowhere; a processor without it takes it for an empty instruction.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_ET0 }>(at.cast());
    }
}

/// As [`prefetch`], into the cache nearest to the core.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn prefetch_nearest(at: *const f32) {
    // SAFETY: a prefetch reads nothing and faults nowhere; SSE is part of x86-64.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
}

/// Adds the products of `ROWS` numbers and `VECTORS` vectors.
///
/// # Safety
/// Inside a kernel of `V`; `panel` is valid for the vectors.
#[inline(always)]
pub(crate) unsafe fn multiply_add<V: Lanes, const ROWS: usize, const VECTORS: usize>(
    sums: &mut [[V; VECTORS]; ROWS],
    panel: *const f32,
    a: impl Fn(usize) -> f32,
) {
    // SAFETY: as the caller's.
    unsafe {
        // One read of all vectors. Loads in a closure are not always inlined.
        let columns = panel.cast::<[V; VECTORS]>().read_unaligned();
        for (i, sums) in sums.iter_mut().enumerate() {
            let x = V::splat(a(i));
            for (sum, &column) in sums.iter_mut().zip(&columns) {
                *sum = x.mul_add(column, *sum);
            }
        }
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
        if <$lanes>::TILE_ROWS == 6 {
            const $count: usize = 6;
            while $row + 6 <= rows {
                $body
                $row += 6;
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
pub(crate) use for_row_tiles;
