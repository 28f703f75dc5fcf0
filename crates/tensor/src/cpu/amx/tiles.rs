//! The tile registers.
//!
//! The compiler does not use them, so what one of these functions leaves in a register stays there.

use std::arch::asm;

use super::sizes::{SIDE, TILE};
use crate::cpu::tile::prefetch;

/// Palette, then the bytes of a row and the rows of each of eight registers.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Eight registers of 16 rows of 64 bytes, until dropped.
pub(crate) struct Tiles(());

impl Tiles {
    /// # Safety
    /// [`is_available`](super::is_available).
    pub(crate) unsafe fn new() -> Self {
        let mut configuration = Configuration {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            row_bytes: [0; 16],
            rows: [0; 16],
        };
        configuration.row_bytes[..8].fill(64);
        configuration.rows[..8].fill(SIDE as u8);
        // SAFETY: reads 64 bytes; the layout is palette 1's.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const configuration, options(nostack, preserves_flags, readonly));
        }
        Self(())
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: there are tiles to release.
        unsafe { asm!("tilerelease", options(nostack, preserves_flags, nomem)) };
    }
}

/// Sets register `T` to zero.
///
/// # Safety
/// There are [`Tiles`].
#[inline(always)]
pub(crate) unsafe fn zero<const T: u8>() {
    // SAFETY: as the caller's.
    unsafe { asm!("tilezero tmm{}", const T, options(nostack, preserves_flags, nomem)) };
}

/// Loads register `T` from rows that follow each other.
///
/// # Safety
/// There are [`Tiles`]; `from` is valid for one.
#[inline(always)]
pub(crate) unsafe fn load<const T: u8>(from: *const f32) {
    // SAFETY: as the caller's.
    unsafe {
        asm!(
            "tileloadd tmm{}, [{} + {} * 1]", const T, in(reg) from, in(reg) size_of::<[f32; SIDE]>(),
            options(nostack, preserves_flags, readonly)
        );
    }
}

/// Stores register `T` in rows that follow each other.
///
/// # Safety
/// There are [`Tiles`]; `to` is valid for one.
#[inline(always)]
pub(crate) unsafe fn store<const T: u8>(to: *mut f32) {
    // SAFETY: as the caller's.
    unsafe {
        asm!(
            "tilestored [{} + {} * 1], tmm{}", in(reg) to, in(reg) size_of::<[f32; SIDE]>(), const T,
            options(nostack, preserves_flags)
        );
    }
}

/// `C += A B` on registers.
///
/// # Safety
/// There are [`Tiles`].
#[inline(always)]
pub(crate) unsafe fn multiply_add<const C: u8, const A: u8, const B: u8>() {
    // SAFETY: as the caller's.
    unsafe {
        asm!(
            "tdpbf16ps tmm{}, tmm{}, tmm{}", const C, const A, const B,
            options(nostack, preserves_flags, nomem)
        );
    }
}

/// Sets the four sums, registers 0 to 3, to zero.
///
/// # Safety
/// There are [`Tiles`].
#[inline(always)]
pub(crate) unsafe fn zero_sums() {
    // SAFETY: as the caller's.
    unsafe {
        zero::<0>();
        zero::<1>();
        zero::<2>();
        zero::<3>();
    }
}

/// Stores the four sums one after another.
///
/// # Safety
/// There are [`Tiles`]; `to` is valid for four.
#[inline(always)]
pub(crate) unsafe fn store_sums(to: *mut f32) {
    // SAFETY: as the caller's.
    unsafe {
        store::<0>(to);
        store::<1>(to.add(TILE));
        store::<2>(to.add(2 * TILE));
        store::<3>(to.add(3 * TILE));
    }
}

/// Work for the vector units while the tile unit multiplies. A trait because closures are not compiled for the kernel's
/// instructions.
pub(crate) trait OtherWork {
    /// Does a part.
    ///
    /// # Safety
    /// The processor has AVX-512, and what the implementation asks for.
    unsafe fn part(&mut self);
}

/// Asks for memory ahead of its use, `lines` cache lines in a part.
pub(crate) struct Fetch {
    pub(crate) next: *const f32,
    pub(crate) lines: usize,
}

impl OtherWork for Fetch {
    #[inline(always)]
    unsafe fn part(&mut self) {
        for _ in 0..self.lines {
            prefetch(self.next);
            self.next = self.next.wrapping_add(SIDE);
        }
    }
}

/// Adds the product of `ROWS` by two tiles, `a` and `b`, to registers 0 to 3, row by row, and does a part of `other` work
/// while the tile unit is busy.
///
/// # Safety
/// There are [`Tiles`]; `a` and `b` are valid for their tiles; what `other` needs.
#[inline(always)]
pub(crate) unsafe fn multiply_tiles<const ROWS: usize>(
    a: [*const f32; ROWS],
    b: [*const f32; 2],
    other: &mut impl OtherWork,
) {
    // SAFETY: as the caller's.
    unsafe {
        load::<4>(a[0]);
        if ROWS == 2 {
            load::<5>(a[1]);
        }
        load::<6>(b[0]);
        load::<7>(b[1]);
        multiply_loaded::<ROWS>(other);
    }
}

/// Adds the products of registers 4 and 5 by 6 and 7, then does a part of `other`.
///
/// # Safety
/// There are [`Tiles`]; what `other` needs.
#[inline(always)]
unsafe fn multiply_loaded<const ROWS: usize>(other: &mut impl OtherWork) {
    // SAFETY: as the caller's.
    unsafe {
        multiply_add::<0, 4, 6>();
        multiply_add::<1, 4, 7>();
        if ROWS == 2 {
            multiply_add::<2, 5, 6>();
            multiply_add::<3, 5, 7>();
        }
        other.part();
    }
}
