//! Reductions of a row of numbers on the host, in parts that the compiler vectorises.
#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for its instructions only where all of it is inlined"
)]

const LANES: usize = 8;

/// Sum of `term` over the row, in f64.
#[inline(always)]
pub fn row_sum(row: &[f32], term: impl Fn(f64) -> f64) -> f64 {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut parts = [0.0; LANES];
    for chunk in chunks {
        for (part, &value) in parts.iter_mut().zip(chunk) {
            *part += term(f64::from(value));
        }
    }
    parts.iter().sum::<f64>() + rest.iter().map(|&value| term(f64::from(value))).sum::<f64>()
}

/// The smallest number, or infinity without any.
#[inline(always)]
pub fn row_minimum(row: &[f32]) -> f32 {
    let smaller = |a: f32, b: f32| if b < a { b } else { a };
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut parts = [f32::INFINITY; LANES];
    for chunk in chunks {
        for (part, &value) in parts.iter_mut().zip(chunk) {
            *part = smaller(*part, value);
        }
    }
    parts.iter().chain(rest).copied().fold(f32::INFINITY, smaller)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_the_rest_count() {
        let row: Vec<f32> = (0_u8..21).map(|i| f32::from((i * 8 + 5) % 21)).collect();
        assert!((row_sum(&row, |value| 2.0 * value) - 420.0).abs() < 1e-12);
        assert!(row_minimum(&row).abs() <= 0.0);
        assert!(row_minimum(&[]).is_infinite());
    }
}
