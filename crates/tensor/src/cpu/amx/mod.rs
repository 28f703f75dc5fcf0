//! Matrix products on the tile units of x86 processors (AMX).
//!
//! A tile unit multiplies bfloat16 numbers, 16 at a time in each of three directions, and sums in f32, sixteen times as
//! fast as the vector units do in f32. These are the products of [`Precision::Bf16`](crate::Precision::Bf16).
//!
//! # Layouts
//! A product sums over pairs of `k`. Within a block of 32, `k` and `k + 16` make a pair, because two vectors of
//! neighbours then interleave with a shift and a mask. A tile of the left factor holds `[16 rows][16 pairs]`, one of the
//! right `[16 pairs][16 columns]`.

mod availability;
pub(crate) mod pack;
pub(crate) mod pairs;
mod sizes;
pub(crate) mod tiles;
mod transpose;

pub(crate) use availability::is_available;
pub(crate) use pack::Factor;
pub(crate) use sizes::{DEPTH, SIDE, TILE};
