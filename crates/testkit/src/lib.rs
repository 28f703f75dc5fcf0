//! Assertions on floating-point numbers for tests. This crate depends on no other crate of the workspace.

/// Tolerance of a comparison: `|actual - expected| <= absolute + relative |expected|`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Part that is independent of the numbers.
    pub absolute: f64,
    /// Part proportional to the expected number.
    pub relative: f64,
}

impl Tolerance {
    /// Creates an absolute tolerance.
    pub const fn absolute(absolute: f64) -> Self {
        Self { absolute, relative: 0.0 }
    }

    /// Creates a relative tolerance.
    pub const fn relative(relative: f64) -> Self {
        Self { absolute: 0.0, relative }
    }

    /// Difference in units of the tolerance: values above 1 are out of tolerance, and NaN gives infinity.
    #[expect(clippy::float_cmp, reason = "equal numbers are close, infinities included")]
    pub fn excess(self, actual: f64, expected: f64) -> f64 {
        if actual == expected {
            return 0.0;
        }
        let excess = (actual - expected).abs() / (self.absolute + self.relative * expected.abs());
        if excess.is_nan() { f64::INFINITY } else { excess }
    }
}

/// Asserts that two slices have equal lengths and that all elements agree within the tolerance.
///
/// # Panics
/// If the lengths differ or an element is out of tolerance; the message contains the worst element and both numbers.
#[track_caller]
pub fn assert_close<A, E>(actual: &[A], expected: &[E], tolerance: Tolerance)
where
    A: Copy + Into<f64>,
    E: Copy + Into<f64>,
{
    assert_eq!(actual.len(), expected.len(), "lengths differ");
    let excess = |i: usize| tolerance.excess(actual[i].into(), expected[i].into());
    let worst = (0..actual.len()).max_by(|&i, &j| excess(i).total_cmp(&excess(j)));
    if let Some(i) = worst.filter(|&i| excess(i) > 1.0) {
        let (a, e): (f64, f64) = (actual[i].into(), expected[i].into());
        panic!(
            "element {i} of {}: {a:e} differs from {e:e}, {:.3} times the tolerance apart",
            actual.len(),
            excess(i)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_numbers_pass() {
        assert_close(
            &[1.0_f32, 0.0],
            &[1.0 + 1e-7, 1e-9],
            Tolerance { absolute: 1e-8, relative: 1e-6 },
        );
        assert_close(&[f64::INFINITY], &[f64::INFINITY], Tolerance::absolute(0.0));
    }

    #[test]
    #[should_panic(expected = "element 1 of 3")]
    fn panic_reports_the_worst_element() {
        assert_close(&[1.0, 2.0, 3.1], &[1.0, 1.0, 3.0], Tolerance::absolute(1e-3));
    }

    #[test]
    #[should_panic(expected = "element 0")]
    fn nan_is_never_close() {
        assert_close(&[f64::NAN], &[0.0], Tolerance::absolute(1e9));
    }
}
