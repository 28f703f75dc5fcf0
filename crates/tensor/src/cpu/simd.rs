//! Vectors of f32 and the choice of an instruction set at run time.
//!
//! A [`Kernel`] is written once over [`Lanes`] and compiled once per instruction set. It must be inlined into the
//! function that enables the instructions, so everything generic over [`Lanes`] is `#[inline(always)]`.

#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::fmt;

use self::scalar::Scalar;
#[cfg(target_arch = "x86_64")]
pub(crate) use self::x86::Avx512;
use super::float_mode::FlushDenormals;

/// A set of SIMD instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SimdLevel {
    /// AVX-512 with tiles (AMX), which products in bfloat16 are made of.
    Amx,
    /// AVX-512 (F, BW, DQ, VL): 16 lanes, 32 registers.
    Avx512,
    /// AVX2 with FMA: 8 lanes, 16 registers.
    Avx2,
    /// NEON: 4 lanes, 32 registers.
    Neon,
    /// Scalar code, products and sums rounded apart.
    Scalar,
}

impl SimdLevel {
    /// All of them, widest first.
    pub const ALL: [Self; 5] = [Self::Amx, Self::Avx512, Self::Avx2, Self::Neon, Self::Scalar];

    /// The widest instructions that this processor has.
    pub fn detect() -> Self {
        Self::ALL.into_iter().find(|level| level.is_available()).unwrap_or(Self::Scalar)
    }

    /// True if this processor has these instructions.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx => Self::Avx512.is_available() && super::amx::is_available(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("fma")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => true,
            Self::Scalar => true,
            #[cfg(not(target_arch = "x86_64"))]
            Self::Amx | Self::Avx512 | Self::Avx2 => false,
            #[cfg(not(target_arch = "aarch64"))]
            Self::Neon => false,
        }
    }

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Amx => "amx",
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Neon => "neon",
            Self::Scalar => "scalar",
        }
    }

    /// Numbers in a vector.
    pub const fn lanes(self) -> usize {
        match self {
            Self::Amx | Self::Avx512 => 16,
            Self::Avx2 => 8,
            Self::Neon => 4,
            Self::Scalar => 1,
        }
    }

    /// Vectors a panel is wide. The tile's sums, a row of the panel and a factor must fit the registers with one to spare,
    /// or the compiler moves sums to memory.
    pub(crate) const fn panel_vectors(self) -> usize {
        match self {
            Self::Avx2 => 2,
            _ => MOST_PANEL_VECTORS,
        }
    }

    /// Runs `kernel` compiled for these instructions, with denormals flushed.
    ///
    /// Falls back to scalar code where the processor lacks them, which [`Cpu`](super::Cpu) does not let happen.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        let _flush = FlushDenormals::new();
        debug_assert!(self.is_available(), "{self} is not available");
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a level other than scalar comes only from `detect` or `with_level`, which ask the processor.
            Self::Amx | Self::Avx512 => unsafe { run_avx512(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Self::Avx2 => unsafe { run_avx2(kernel) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: NEON is part of aarch64.
            Self::Neon => unsafe { kernel.run::<neon::Neon>() },
            // SAFETY: scalar code needs no instructions beyond the target's.
            _ => unsafe { kernel.run::<Scalar>() },
        }
    }
}

impl fmt::Display for SimdLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Amx => "AVX-512 and AMX",
            Self::Avx512 => "AVX-512",
            Self::Avx2 => "AVX2",
            Self::Neon => "NEON",
            Self::Scalar => "scalar",
        })
    }
}

/// Work written over [`Lanes`].
pub(crate) trait Kernel {
    type Output;

    /// # Safety
    /// The processor has the instructions of `V`.
    unsafe fn run<V: Lanes>(self) -> Self::Output;
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: the caller has made sure of the features this function enables.
    unsafe { kernel.run::<x86::Avx512>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: the caller has made sure of the features this function enables.
    unsafe { kernel.run::<x86::Avx2>() }
}

/// Most vectors a panel is wide; see [`panel`](super::panel).
pub(crate) const MOST_PANEL_VECTORS: usize = 3;

/// A vector of f32. In memory it is its lanes and nothing else.
///
/// # Safety of the methods
/// The processor has the instructions of the type, which is so inside a [`Kernel`]; pointers are valid for the lanes
/// they are used for.
pub(crate) trait Lanes: Copy {
    /// The f64 vector of the same instruction set.
    type Wide: WideLanes;
    /// Lanes.
    const LEN: usize;
    /// Rows of the largest register tile.
    const TILE_ROWS: usize;

    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// The first `n < LEN` lanes from memory, zero in the others.
    unsafe fn load_first(from: *const f32, n: usize) -> Self;
    /// The first `n < LEN` lanes to memory.
    unsafe fn store_first(self, to: *mut f32, n: usize);
    /// As many of the first lanes from memory as there are among `n` numbers, zero in the others.
    #[inline(always)]
    unsafe fn load_up_to(from: *const f32, n: usize) -> Self {
        // SAFETY: as the caller's.
        unsafe { if n >= Self::LEN { Self::load(from) } else { Self::load_first(from, n) } }
    }
    /// As many of the first lanes to memory as there are places among `n`.
    #[inline(always)]
    unsafe fn store_up_to(self, to: *mut f32, n: usize) {
        // SAFETY: as the caller's.
        unsafe { if n >= Self::LEN { self.store(to) } else { self.store_first(to, n) } }
    }
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    /// `self / other` to within 2 units in the last place, for a normal `other` whose inverse is normal too; does not
    /// keep the divider busy where the processor can do without.
    #[inline(always)]
    unsafe fn quick_div(self, other: Self) -> Self {
        // SAFETY: as the caller's.
        unsafe { self.div(other) }
    }
    /// `self / (sqrt(square) + offset)` to within 4 units in the last place, for `square >= 0` and a normal `offset`; does
    /// not keep the divider busy where the processor can do without.
    #[inline(always)]
    unsafe fn div_by_root(self, square: Self, offset: Self) -> Self {
        // SAFETY: as the caller's.
        unsafe { self.quick_div(square.sqrt().add(offset)) }
    }
    /// `self * factor + summand`
    unsafe fn mul_add(self, factor: Self, summand: Self) -> Self;
    /// `summand - self * factor`
    unsafe fn neg_mul_add(self, factor: Self, summand: Self) -> Self;
    /// The smaller; `other` where either is NaN.
    unsafe fn min(self, other: Self) -> Self;
    /// The larger; `other` where either is NaN.
    unsafe fn max(self, other: Self) -> Self;
    unsafe fn sqrt(self) -> Self;
    /// Nearest integer, ties to even.
    unsafe fn round(self) -> Self;
    /// `2^self` for an integer in `[-126, 127]`.
    unsafe fn exp2_of_integer(self) -> Self;
    /// `above` in the lanes where `self > threshold`, `below` in the others.
    unsafe fn select_greater(self, threshold: Self, above: Self, below: Self) -> Self;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: as the caller's.
        unsafe { Self::splat(0.0) }
    }

    /// The sum of the lanes, lane by lane in f64.
    #[inline(always)]
    unsafe fn sum(self) -> f64 {
        const MOST: usize = 16;
        let mut lanes = [0.0_f32; MOST];
        // SAFETY: no type has more than 16 lanes.
        unsafe { self.store(lanes.as_mut_ptr()) };
        lanes[..Self::LEN].iter().map(|&x| f64::from(x)).sum()
    }
}

/// A vector of f64 with the operations that matrix products need. In memory it is its lanes and nothing else.
///
/// # Safety of the methods
/// As of [`Lanes`].
pub(crate) trait WideLanes: Copy {
    /// Lanes.
    const LEN: usize;

    unsafe fn splat(x: f64) -> Self;
    unsafe fn load(from: *const f64) -> Self;
    unsafe fn store(self, to: *mut f64);
    /// `self * factor + summand`
    unsafe fn mul_add(self, factor: Self, summand: Self) -> Self;
}

/// Implements [`WideLanes`] by one intrinsic for each method.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! wide_lanes {
    (
        $name:ident: $vector:ty, $lanes:literal lanes, $splat:ident, $load:ident, $store:ident,
        mul_add($x:ident, $factor:ident, $summand:ident) = $mul_add:expr
    ) => {
        #[derive(Clone, Copy)]
        #[repr(transparent)]
        pub(crate) struct $name($vector);

        impl WideLanes for $name {
            const LEN: usize = $lanes;

            #[inline(always)]
            unsafe fn splat(x: f64) -> Self {
                // SAFETY: the caller has made sure of the instructions.
                Self(unsafe { $splat(x) })
            }

            #[inline(always)]
            unsafe fn load(from: *const f64) -> Self {
                // SAFETY: the caller has made sure of the instructions and of the pointer.
                Self(unsafe { $load(from) })
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut f64) {
                // SAFETY: the caller has made sure of the instructions and of the pointer.
                unsafe { $store(to, self.0) }
            }

            #[inline(always)]
            unsafe fn mul_add(self, factor: Self, summand: Self) -> Self {
                let ($x, $factor, $summand) = (self.0, factor.0, summand.0);
                // SAFETY: the caller has made sure of the instructions.
                Self(unsafe { $mul_add })
            }
        }
    };
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use wide_lanes;

/// Methods of [`Lanes`] that are one intrinsic of two operands each.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! binary {
    ($($name:ident = $intrinsic:ident;)*) => {$(
        #[inline(always)]
        unsafe fn $name(self, other: Self) -> Self {
            // SAFETY: the caller has made sure of the instructions.
            Self(unsafe { $intrinsic(self.0, other.0) })
        }
    )*};
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use binary;

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest errors of `quick_div` and of `div_by_root`, in units in the last place of the exact results.
    struct Errors<'a>(&'a [[f32; 3]]);

    impl Kernel for Errors<'_> {
        type Output = [f64; 2];

        #[inline(always)]
        unsafe fn run<V: Lanes>(self) -> [f64; 2] {
            let mut worst = [0.0_f64; 2];
            let first = |x: V| {
                let mut lanes = [0.0; 16];
                // SAFETY: no type has more than 16 lanes.
                unsafe { x.store(lanes.as_mut_ptr()) };
                lanes[0]
            };
            for &[x, square, offset] in self.0 {
                // SAFETY: inside a kernel of V.
                let [quotient, by_root] = unsafe {
                    let [x, square, offset] = [x, square, offset].map(|x| V::splat(x));
                    [x.quick_div(offset), x.div_by_root(square, offset)].map(first)
                };
                let [x, square, offset] = [x, square, offset].map(f64::from);
                let exact = [x / offset, x / (square.sqrt() + offset)];
                for ((worst, found), exact) in worst.iter_mut().zip([quotient, by_root]).zip(exact)
                {
                    let unit = f64::from(f32::EPSILON) * exact.abs().log2().floor().exp2();
                    *worst = worst.max((f64::from(found) - exact).abs() / unit);
                }
            }
            worst
        }
    }

    #[test]
    fn quick_divisions_keep_their_bounds() {
        const CASES: u32 = 1 << 18;
        // Significands cover their range evenly and independently; exponents cover those of gradients and of Adam's epsilon.
        let spread = |i: u32, ratio: f64| (f64::from(i) * ratio).fract() as f32 + 1.0;
        let power = |i: u32, lowest: i32, count: u32| ((i % count) as i32 + lowest) as f32;
        let cases: Vec<[f32; 3]> = (0..CASES)
            .map(|i| {
                let x = spread(i, 0.618_033_988_75) * power(i, -12, 24).exp2();
                let square = spread(i, 0.414_213_562_37) * power(i / 3, -60, 70).exp2();
                [x, square, spread(i, 0.732_050_807_57) * power(i / 7, -30, 40).exp2()]
            })
            .collect();
        for level in SimdLevel::ALL.into_iter().filter(|level| level.is_available()) {
            let [quotient, by_root] = level.run(Errors(&cases));
            assert!(quotient <= 2.0 && by_root <= 4.0, "{level}: {quotient} and {by_root}");
        }
    }
}
