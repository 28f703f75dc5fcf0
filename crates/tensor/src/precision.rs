use std::fmt;

use serde::{Deserialize, Serialize};

/// Precision of the factors of matrix products. Sums, parameters and optimisers are always f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Precision {
    /// f32: factors are not rounded.
    #[default]
    F32,
    /// TF32, 11 significant bits; see [`round`](Self::round).
    Tf32,
    /// bfloat16, 8 significant bits.
    Bf16,
}

impl Precision {
    /// True for f32.
    pub const fn is_f32(&self) -> bool {
        matches!(self, Self::F32)
    }

    /// `x` rounded to the nearest number of this precision, ties away from zero. NaN stays NaN.
    pub const fn round(self, x: f32) -> f32 {
        if x.is_nan() {
            return x;
        }
        match self {
            Self::F32 => x,
            Self::Tf32 => f32::from_bits(x.to_bits().wrapping_add(0x1000) & 0xffff_e000),
            Self::Bf16 => f32::from_bits(x.to_bits().wrapping_add(0x8000) & 0xffff_0000),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `precision` keeps steps of `step` behind one.
    #[track_caller]
    fn check(precision: Precision, step: f32) {
        let one = 1.0_f32;
        for (x, rounded) in [
            (one, one),
            (one + step, one + step),
            (one + 0.49 * step, one),
            (one + 0.5 * step, one + step),
            (-one - 0.5 * step, -one - step),
            (0.0, 0.0),
        ] {
            assert!((precision.round(x) - rounded).abs() < 1e-9, "{x}");
            assert!((Precision::F32.round(x) - x).abs() < 1e-9, "{x}");
        }
        for sign in [1.0_f32, -1.0] {
            // Not a number with all its bits set, as CUDA devices have it.
            let nan = f32::from_bits(0x7fff_ffff).copysign(sign);
            assert!(precision.round(nan).is_nan(), "{nan}");
            let infinity = f32::INFINITY * sign;
            assert_eq!(precision.round(infinity).to_bits(), infinity.to_bits());
        }
    }

    #[test]
    fn bf16_keeps_eight_bits() {
        check(Precision::Bf16, 1.0 / 128.0);
    }

    #[test]
    fn tf32_keeps_eleven_bits() {
        check(Precision::Tf32, 1.0 / 1024.0);
    }
}
