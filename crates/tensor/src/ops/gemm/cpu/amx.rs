//! Products of whole matrices on the tile units.
#![expect(unsafe_code, reason = "a SIMD kernel; each block says why it is sound")]
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]

use rayon::prelude::*;

use super::epilogue::Epilogue;
use crate::cpu::{
    amx::{
        DEPTH, SIDE, TILE,
        pack::{Factor, Side, transpose_in_place},
        tiles::{self, Fetch, OtherWork, Tiles, multiply_tiles, store_sums, zero_sums},
    },
    panel::Aligned,
    scratch::Scratch,
    simd::{Kernel, Lanes, SimdLevel},
    tile::prefetch_to_write,
};

/// Blocks of `k` that are prefetched.
const AHEAD: usize = 4;

/// Rows of the result a task computes: its left factor fits the cache of a core.
const ROW_CHUNK: usize = 128;

/// `c = epilogue(left right^T)` for `left` `[rows, k]` and `right` `[columns, k]`, both rounded to bfloat16.
pub(crate) fn multiply(left: Factor<'_>, right: Factor<'_>, epilogue: Epilogue<'_>, c: &mut [f32]) {
    let (rows, columns) = (left.x, right.x);
    if rows == 0 || columns == 0 {
        return;
    }
    // At least one, so that a product without terms is zero and not left alone.
    let blocks = left.k.div_ceil(DEPTH).max(1);
    let roles = Roles::cheapest(&left, &right);
    let packed = pack_whole(right, roles.right, blocks);
    let chunk_rows = ROW_CHUNK.min(rows);
    let pair = 2 * TILE;
    let chunks = c[..rows * columns].par_chunks_mut(chunk_rows * columns).enumerate();
    chunks.for_each_init(
        || Scratch::of(chunk_rows.div_ceil(2 * SIDE) * blocks * pair),
        |scratch, (index, c)| {
            SimdLevel::Amx.run(Rows {
                left,
                right: &packed,
                roles,
                blocks,
                columns,
                epilogue,
                first_row: index * chunk_rows,
                scratch,
                c,
            });
        },
    );
}

/// Operands of the tile unit. With left and right exchanged its sums come out transposed, which may
/// cost less than to transpose a factor.
#[derive(Clone, Copy)]
struct Roles {
    left: Side,
    right: Side,
}

impl Roles {
    const AS_THEY_ARE: Self = Self { left: Side::Left, right: Side::Right };
    const EXCHANGED: Self = Self { left: Side::Right, right: Side::Left };

    /// Those with the fewest transpositions of 16 by 16 numbers.
    fn cheapest(left: &Factor<'_>, right: &Factor<'_>) -> Self {
        // Two squares of numbers are one of pairs.
        let factor = |factor: &Factor<'_>, side| {
            if factor.is_transposed(side) { factor.x * factor.k / 2 } else { 0 }
        };
        let cost = |roles: Self| factor(left, roles.left) + factor(right, roles.right);
        if cost(Self::EXCHANGED) + left.x * right.x < cost(Self::AS_THEY_ARE) {
            Self::EXCHANGED
        } else {
            Self::AS_THEY_ARE
        }
    }

    fn is_exchanged(self) -> bool {
        self.left == Side::Right
    }
}

/// `[pair of column tiles][k block][2]` of tiles.
fn pack_whole(factor: Factor<'_>, side: Side, blocks: usize) -> Scratch {
    let pair = blocks * 2 * TILE;
    let pairs = factor.x.div_ceil(2 * SIDE);
    let mut packed = Scratch::of(pairs * pair);
    packed.as_mut_slice().par_chunks_mut(pair).enumerate().for_each(|(index, out)| {
        SimdLevel::Amx.run(PackPair { factor, side, blocks, index, out });
    });
    packed
}

/// Packs a pair of tiles of `x` for all of `k`: `[k block][2]`.
struct PackPair<'a> {
    factor: Factor<'a>,
    side: Side,
    blocks: usize,
    index: usize,
    out: &'a mut [f32],
}

impl Kernel for PackPair<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Self { factor, side, blocks, index, out } = self;
        for (place, out) in out.chunks_exact_mut(TILE).enumerate() {
            let (x_tile, block) = (2 * index + place % 2, place / 2);
            // Beyond the last block the next pair begins.
            let later = block + AHEAD;
            let next = if later < blocks { [0, later] } else { [2, later - blocks] };
            let ahead = factor.distance([0, block * DEPTH], [next[0] * SIDE, next[1] * DEPTH]);
            // SAFETY: this level has AVX-512; `out` holds the tile, at a multiple of a tile in aligned memory.
            unsafe { factor.pack(side, x_tile, block, Some(ahead), out.as_mut_ptr()) };
        }
    }
}

/// Some whole rows of the result.
struct Rows<'a> {
    left: Factor<'a>,
    right: &'a Scratch,
    roles: Roles,
    blocks: usize,
    columns: usize,
    epilogue: Epilogue<'a>,
    first_row: usize,
    scratch: &'a mut Scratch,
    c: &'a mut [f32],
}

impl Rows<'_> {
    /// Place of the sums of the block after this pair of columns and rows.
    #[inline(always)]
    fn place_after(&self, [column_pair, row_pair]: [usize; 2], row_pairs: usize) -> *const f32 {
        let [column_pair, row_pair] = if row_pair + 1 < row_pairs {
            [column_pair, row_pair + 1]
        } else {
            [column_pair + 1, 0]
        };
        self.c.as_ptr().wrapping_add(2 * SIDE * (row_pair * self.columns + column_pair))
    }
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let rows = self.c.len() / self.columns;
        let pair = self.blocks * 2 * TILE;
        let row_pairs = rows.div_ceil(2 * SIDE);
        for index in 0..row_pairs {
            let out = &mut self.scratch.as_mut_slice()[index * pair..][..pair];
            let index = self.first_row / (2 * SIDE) + index;
            let Self { left: factor, blocks, .. } = self;
            let pack = PackPair { factor, side: self.roles.left, blocks, index, out };
            // SAFETY: inside a kernel of V.
            unsafe { pack.run::<V>() };
        }
        // SAFETY: this level has tiles.
        let _tiles = unsafe { Tiles::new() };
        let mut sums = Aligned::zeros(4 * TILE);
        let share = pair.div_ceil(row_pairs);
        for (column_pair, right) in (0..).zip(self.right.as_slice().chunks_exact(pair)) {
            for row_pair in 0..row_pairs {
                let left = &self.scratch.as_slice()[row_pair * pair..][..pair];
                let first_row = row_pair * 2 * SIDE;
                let last_row = rows.min(first_row + 2 * SIDE);
                // SAFETY: there are tiles; both factors hold `blocks` pairs of tiles, `sums` four tiles.
                unsafe {
                    let parts = self.blocks;
                    let next = Next {
                        // Each pair of rows prefetches its share of the next columns.
                        right: Fetch {
                            next: right.as_ptr().wrapping_add(pair + row_pair * share),
                            lines: share.div_ceil(SIDE * parts),
                        },
                        c: self.place_after([column_pair, row_pair], row_pairs),
                        stride: self.columns,
                        rows: (2 * SIDE).div_ceil(parts),
                        left: 2 * SIDE,
                    };
                    let (left, right) = (left.as_ptr(), right.as_ptr());
                    let to = sums.as_mut_slice().as_mut_ptr();
                    if self.roles.is_exchanged() {
                        sum_products(self.blocks, right, left, next);
                        store_transposed_sums(to);
                    } else {
                        sum_products(self.blocks, left, right, next);
                        store_sums(to);
                    }
                }
                for row in first_row..last_row {
                    for half in 0..2 {
                        let column = (2 * column_pair + half) * SIDE;
                        if column >= self.columns {
                            break;
                        }
                        let count = (self.columns - column).min(SIDE);
                        let tile = 2 * ((row - first_row) / SIDE) + half;
                        let sum = &sums.as_slice()[tile * TILE + row % SIDE * SIDE..][..SIDE];
                        let c = &mut self.c[row * self.columns + column..][..count];
                        // SAFETY: inside a kernel of V, whose 16 lanes `sum` holds.
                        unsafe { self.epilogue.finish(V::load(sum.as_ptr()), column, c) };
                    }
                }
            }
        }
    }
}

/// Memory to prefetch while the tile unit multiplies: the right factor's next columns, and the rows of the result that the
/// next sums are for.
struct Next {
    right: Fetch,
    c: *const f32,
    stride: usize,
    /// Rows of the result in a part.
    rows: usize,
    /// Rows left to prefetch.
    left: usize,
}

impl OtherWork for Next {
    #[inline(always)]
    unsafe fn part(&mut self) {
        // SAFETY: as the caller's.
        unsafe { self.right.part() };
        for _ in 0..self.rows.min(self.left) {
            prefetch_to_write(self.c);
            prefetch_to_write(self.c.wrapping_add(SIDE));
            self.c = self.c.wrapping_add(self.stride);
        }
        self.left = self.left.saturating_sub(self.rows);
    }
}

/// Leaves the products of two by two tiles in registers 0 to 3.
///
/// # Safety
/// There are [`Tiles`]; `left` and `right` are valid for `blocks` pairs of tiles.
#[inline(always)]
unsafe fn sum_products(blocks: usize, left: *const f32, right: *const f32, mut other: Next) {
    // SAFETY: as the caller's.
    unsafe {
        zero_sums();
        for block in 0..blocks {
            let (a, b) = (left.add(2 * block * TILE), right.add(2 * block * TILE));
            multiply_tiles([a, a.add(TILE)], [b, b.add(TILE)], &mut other);
        }
    }
}

/// Writes the two by two tiles as those of the transposed product.
///
/// # Safety
/// There are [`Tiles`]; `to` is valid for four.
#[inline(always)]
unsafe fn store_transposed_sums(to: *mut f32) {
    // SAFETY: as the caller's.
    unsafe {
        tiles::store::<0>(to);
        tiles::store::<2>(to.add(TILE));
        tiles::store::<1>(to.add(2 * TILE));
        tiles::store::<3>(to.add(3 * TILE));
        for tile in 0..4 {
            transpose_in_place(to.add(tile * TILE));
        }
    }
}
