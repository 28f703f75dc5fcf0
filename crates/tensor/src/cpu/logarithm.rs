//! The natural logarithm without branches, which the compiler vectorises.

/// `ln(x)` of a positive normal `x`, to within one unit in the last place.
///
/// With `x = 2^k m` and `m` in `[sqrt(1/2), sqrt(2))`, `f = m - 1` and `s = f / (2 + f)`, the series of
/// `ln m = 2 artanh s` is `2 s + s R` with `R = 2 s^2/3 + 2 s^4/5 + ...`. It is added up as `f - (f^2/2 - s (f^2/2 + R))`,
/// which is the same and loses nothing of `f`.
#[inline(always)]
pub(crate) fn ln(x: f64) -> f64 {
    /// Bits of `sqrt(1/2)`.
    const ROOT_HALF: u64 = 0x3FE6_A09E_667F_3BCD;
    const ONE: u64 = 0x3FF0_0000_0000_0000;
    /// `ln 2` in two parts. The high one ends in zeros, so that `k` times it is exact.
    const LN_2: [f64; 2] = [0.693_146_705_627_441_4, 4.749_325_039_031_672_6e-7];
    let bits = x.to_bits().wrapping_add(ONE - ROOT_HALF);
    let m = f64::from_bits((bits & 0x000F_FFFF_FFFF_FFFF) + ROOT_HALF);
    let k = small_integer(bits >> 52) - 1023.0;
    let f = m - 1.0;
    let half_square = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let mut series = 0.0_f64;
    for coefficient in SERIES {
        series = series.mul_add(z, coefficient);
    }
    s * (half_square + series * z) + k * LN_2[1] - half_square + f + k * LN_2[0]
}

/// Coefficients of `R`, the highest power first. `s^2 < 0.03`, so that the first one left out is below `1e-17` of the sum.
const SERIES: [f64; 11] = {
    let mut coefficients = [0.0; 11];
    let mut term = 0;
    while term < coefficients.len() {
        coefficients[term] = 2.0 / (2 * (coefficients.len() - term) + 1) as f64;
        term += 1;
    }
    coefficients
};

/// Converts an integer below `2^52`, by way of the mantissa of a number between `2^52` and `2^53`.
#[inline(always)]
fn small_integer(n: u64) -> f64 {
    const TWO_52: u64 = 0x4330_0000_0000_0000;
    f64::from_bits(n | TWO_52) - f64::from_bits(TWO_52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithm_is_that_of_the_standard_library() {
        let near_one = (-2000..2000).map(|step| 1.0 + f64::from(step) * 1e-7);
        let wide = (-1000..1000).map(|step| (f64::from(step) * 0.7).exp2() * 1.234_567);
        for x in near_one.chain(wide) {
            let (found, expected) = (ln(x), x.ln());
            let difference = (found - expected).abs();
            assert!(difference <= 2.0 * f64::EPSILON * expected.abs(), "{x}: {found} {expected}");
        }
        assert!(ln(1.0).abs() <= 0.0);
    }
}
