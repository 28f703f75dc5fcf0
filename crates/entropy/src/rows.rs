//! Reductions of a sample over its units, in parts that the compiler vectorises.

const LANES: usize = 8;

/// Sum of `term` over the units.
pub(crate) fn sum(sample: &[f32], term: impl Fn(f64) -> f64) -> f64 {
    let (chunks, rest) = sample.as_chunks::<LANES>();
    let mut parts = [0.0; LANES];
    for chunk in chunks {
        for (part, &value) in parts.iter_mut().zip(chunk) {
            *part += term(f64::from(value));
        }
    }
    parts.iter().sum::<f64>() + rest.iter().map(|&value| term(f64::from(value))).sum::<f64>()
}

/// The smallest number, or infinity without any.
pub(crate) fn minimum(sample: &[f32]) -> f32 {
    let smaller = |a: f32, b: f32| if b < a { b } else { a };
    let (chunks, rest) = sample.as_chunks::<LANES>();
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
        let sample: Vec<f32> = (0_u8..21).map(|i| f32::from((i * 8 + 5) % 21)).collect();
        assert!((sum(&sample, |value| 2.0 * value) - 420.0).abs() < 1e-12);
        assert!(minimum(&sample).abs() <= 0.0);
        assert!(minimum(&[]).is_infinite());
    }
}
