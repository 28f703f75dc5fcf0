//! Reductions of a sample over its units, in parts that the compiler vectorises.

use ndarray::ArrayView1;

const LANES: usize = 8;

/// Sum of `term` over the units.
pub(crate) fn sum(sample: ArrayView1<'_, f32>, term: impl Fn(f64) -> f64) -> f64 {
    let Some(values) = sample.to_slice() else {
        return sample.iter().map(|&value| term(f64::from(value))).sum();
    };
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut parts = [0.0; LANES];
    for chunk in chunks {
        for (part, &value) in parts.iter_mut().zip(chunk) {
            *part += term(f64::from(value));
        }
    }
    parts.iter().sum::<f64>() + rest.iter().map(|&value| term(f64::from(value))).sum::<f64>()
}

/// The smallest number, or infinity without any.
pub(crate) fn minimum(sample: ArrayView1<'_, f32>) -> f32 {
    let smaller = |a: f32, b: f32| if b < a { b } else { a };
    let Some(values) = sample.to_slice() else {
        return sample.iter().copied().fold(f32::INFINITY, smaller);
    };
    let (chunks, rest) = values.as_chunks::<LANES>();
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
    use ndarray::Array1;

    use super::*;

    #[test]
    fn parts_and_the_rest_count() {
        let all = Array1::from_iter((0..21).map(|i| ((i * 13 + 5) % 21) as f32));
        for sample in [all.view(), all.slice(ndarray::s![..;-1])] {
            assert!((sum(sample, |value| 2.0 * value) - 420.0).abs() < 1e-12);
            assert!(minimum(sample).abs() <= 0.0);
        }
        assert!(minimum(ArrayView1::from(&[])).is_infinite());
    }
}
