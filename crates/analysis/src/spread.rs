//! A number with its uncertainty.

/// Mean and range of a quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Mean over initialisations.
    pub mean: f64,
    /// Minimum over initialisations; for a single one, the lower end of its own interval.
    pub low: f64,
    /// Maximum over initialisations; for a single one, the upper end of its own interval.
    pub high: f64,
}

impl Spread {
    /// Computes the spread of the finite `values`, each with its own interval; `None` if there are none.
    pub fn of(values: impl IntoIterator<Item = (f64, Option<(f64, f64)>)>) -> Option<Self> {
        let values: Vec<_> = values.into_iter().filter(|(value, _)| value.is_finite()).collect();
        match values.as_slice() {
            [] => None,
            [(value, interval)] => {
                let finite = interval.filter(|(low, high)| low.is_finite() && high.is_finite());
                let (low, high) = finite.unwrap_or((*value, *value));
                // The interval of a skewed bootstrap may exclude its estimate; a bar must not.
                Some(Self { mean: *value, low: low.min(*value), high: high.max(*value) })
            }
            several => {
                let mean =
                    several.iter().map(|(value, _)| value).sum::<f64>() / several.len() as f64;
                let low = several.iter().fold(f64::INFINITY, |low, (value, _)| low.min(*value));
                let high =
                    several.iter().fold(f64::NEG_INFINITY, |high, (value, _)| high.max(*value));
                Some(Self { mean, low, high })
            }
        }
    }

    /// Computes the spread of the finite `values`. Its range contains the values and all of their own intervals.
    pub fn with_intervals(
        values: impl IntoIterator<Item = (f64, Option<(f64, f64)>)>,
    ) -> Option<Self> {
        let ends = values.into_iter().filter_map(|value| Some((value.0, Self::of([value])?)));
        let all: Vec<(f64, Self)> = ends.collect();
        let mean = all.iter().map(|(value, _)| value).sum::<f64>() / all.len() as f64;
        let low = all.iter().map(|(_, one)| one.low).reduce(f64::min)?;
        let high = all.iter().map(|(_, one)| one.high).reduce(f64::max)?;
        Some(Self { mean, low, high })
    }

    /// True if the range has a positive width.
    pub fn is_wide(self) -> bool {
        self.high > self.low
    }
}

/// The `share` quantile of the ascending `sorted` by linear interpolation, `None` if it is empty.
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    Some(sorted[below] + part * (sorted[(below + 1).min(last)] - sorted[below]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_of_one_and_several_values() {
        let one = Spread::of([(2.0, Some((1.5, 2.5)))]).unwrap();
        assert_eq!(one, Spread { mean: 2.0, low: 1.5, high: 2.5 });
        let two = Spread::of([(1.0, Some((0.0, 9.0))), (3.0, None), (f64::NAN, None)]).unwrap();
        assert_eq!(two, Spread { mean: 2.0, low: 1.0, high: 3.0 });
        assert_eq!(Spread::of([(f64::INFINITY, None)]), None);
    }

    #[test]
    fn intervals_of_several_values_are_part_of_the_range() {
        let two = Spread::with_intervals([(1.0, Some((0.5, 9.0))), (3.0, None)]).unwrap();
        assert_eq!(two, Spread { mean: 2.0, low: 0.5, high: 9.0 });
        assert_eq!(Spread::with_intervals([(f64::NAN, None)]), None);
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0], 0.9), Some(3.0));
        assert_eq!(quantile(&[1.0, 2.0, 4.0, 8.0], 0.5), Some(3.0));
        assert_eq!(quantile(&[1.0, 2.0, 4.0, 8.0], 1.0), Some(8.0));
    }
}
