use std::fmt;

use serde::Serialize;

/// Median and range of repeated measurements.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Summary {
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Summary {
    /// Computes median and range.
    ///
    /// # Panics
    /// If there is no value.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (middle, last) = (values.len() / 2, values.len() - 1);
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Self { median, low: values[0], high: values[last] }
    }

    /// Converts all three numbers to another unit.
    pub(super) fn scaled(self, factor: f64) -> Self {
        let Self { median, low, high } = self;
        Self { median: factor * median, low: factor * low, high: factor * high }
    }
}

/// `5.91 (5.71 to 6.01)`, with the requested precision; three decimals by default.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(3);
        let Self { median, low, high } = self;
        write!(f, "{median:.decimals$} ({low:.decimals$} to {high:.decimals$})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ranges() {
        assert_eq!(Summary::of([3.0, 1.0, 2.0]), Summary { median: 2.0, low: 1.0, high: 3.0 });
        assert_eq!(Summary::of([4.0, 1.0, 2.0, 3.0]), Summary { median: 2.5, low: 1.0, high: 4.0 });
        assert_eq!(format!("{:.1}", Summary::of([0.25]).scaled(10.0)), "2.5 (2.5 to 2.5)");
    }
}
