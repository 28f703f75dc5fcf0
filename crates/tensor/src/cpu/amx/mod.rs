//! Matrix products on the tile units of x86 processors (AMX).
//!
//! A tile unit multiplies bfloat16 numbers, 16 at a time in each of three directions, and sums in f32. It is sixteen
//! times as fast as the vector units are in f32. So each f32 factor is written as a sum of three bfloat16 numbers of
//! 8 bits each, which is exact, and the six products of pieces that reach the 24th bit are summed: as accurate as f32
//! products are, and still twice as fast. See [`split`]. With one piece the same kernels are
//! [`Precision::Bf16`](crate::Precision::Bf16).
//!
//! # Layouts
//! A product sums over pairs of `k`. Within a block of 32, `k` and `k + 16` make a pair, because two vectors of
//! neighbours then interleave with a shift and a mask. A tile of the left factor holds `[16 rows][16 pairs]`, one of the
//! right `[16 pairs][16 columns]`; the pieces of one place lie behind each other.

mod availability;
pub(crate) mod pack;
mod sizes;
pub(crate) mod split;
pub(crate) mod tiles;
mod transpose;

pub(crate) use availability::is_available;
pub(crate) use pack::Factor;
pub(crate) use sizes::{DEPTH, SIDE, TILE};
