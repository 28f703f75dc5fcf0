use super::{Lanes, WideLanes};

/// One number as a vector of one lane.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Scalar(f32);

/// One f64 as a vector of one lane.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct WideScalar(f64);

impl WideLanes for WideScalar {
    const LEN: usize = 1;

    #[inline(always)]
    unsafe fn splat(x: f64) -> Self {
        Self(x)
    }
    #[inline(always)]
    unsafe fn load(from: *const f64) -> Self {
        // SAFETY: the caller's pointer is valid for one lane.
        Self(unsafe { *from })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f64) {
        // SAFETY: the caller's pointer is valid for one lane.
        unsafe { *to = self.0 }
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, summand: Self) -> Self {
        Self(self.0 * factor.0 + summand.0)
    }
}

impl Lanes for Scalar {
    type Wide = WideScalar;
    const LEN: usize = 1;
    const TILE_ROWS: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self(x)
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's pointer is valid for one lane.
        Self(unsafe { *from })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's pointer is valid for one lane.
        unsafe { *to = self.0 }
    }
    #[inline(always)]
    unsafe fn load_first(_: *const f32, _: usize) -> Self {
        Self(0.0)
    }
    #[inline(always)]
    unsafe fn store_first(self, _: *mut f32, _: usize) {}
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        Self(self.0 / other.0)
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, summand: Self) -> Self {
        Self(self.0 * factor.0 + summand.0)
    }
    #[inline(always)]
    unsafe fn neg_mul_add(self, factor: Self, summand: Self) -> Self {
        Self(summand.0 - self.0 * factor.0)
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        Self(if self.0 < other.0 { self.0 } else { other.0 })
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(if self.0 > other.0 { self.0 } else { other.0 })
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        Self(self.0.sqrt())
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        Self(self.0.round_ties_even())
    }
    #[inline(always)]
    unsafe fn exp2_of_integer(self) -> Self {
        Self(f32::from_bits(((self.0 as i32 + 127) as u32) << 23))
    }
    #[inline(always)]
    unsafe fn select_greater(self, threshold: Self, above: Self, below: Self) -> Self {
        if self.0 > threshold.0 { above } else { below }
    }
}
