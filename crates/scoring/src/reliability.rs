use serde::{Deserialize, Serialize};

use crate::{Interval, Resamples, interval};

/// Bin of a reliability curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Number of rows in the bin.
    pub rows: usize,
    /// Mean predicted probability of the rows.
    pub predicted: f64,
    /// Observed fraction of successes.
    pub observed: f64,
    /// Confidence interval of `observed`, resampled by cell.
    pub interval: Option<Interval>,
}

/// Reliability curve: rows in `bins` bins of equal width over `[0, 1]`, without the empty ones.
pub fn reliability(
    probabilities: &[f64],
    outcomes: &[bool],
    bins: usize,
    resamples: &Resamples,
) -> Vec<Bin> {
    assert_eq!(probabilities.len(), outcomes.len(), "one outcome for each probability");
    let bin_of = |p: f64| ((p * bins as f64) as usize).min(bins - 1);
    let share = |rows: &[usize], bin: usize| {
        let inside = rows.iter().filter(|&&row| bin_of(probabilities[row]) == bin);
        let (count, successes) = inside.fold((0, 0), |(count, successes), &row| {
            (count + 1, successes + u32::from(outcomes[row]))
        });
        (count > 0).then(|| f64::from(successes) / f64::from(count))
    };
    let all: Vec<usize> = (0..outcomes.len()).collect();
    let bin = |bin: usize| {
        let observed = share(&all, bin)?;
        let inside = probabilities.iter().filter(|&&p| bin_of(p) == bin);
        let (rows, sum) = inside.fold((0, 0.0), |(rows, sum), p| (rows + 1, sum + p));
        let interval = interval(resamples, |rows| share(rows, bin));
        Some(Bin { rows, predicted: sum / rows as f64, observed, interval })
    };
    (0..bins).filter_map(bin).collect()
}

#[cfg(test)]
mod tests {
    use isobath_testkit::{Tolerance, assert_close};

    use super::*;

    #[test]
    fn rows_are_binned_by_probability() {
        let p = [0.0, 0.05, 0.5, 0.55, 0.52, 1.0];
        let outcomes = [false, true, true, true, false, true];
        let cells: Vec<usize> = (0..6).collect();
        let bins = reliability(&p, &outcomes, 10, &Resamples::new(&cells, 200, 1));
        assert_eq!(bins.iter().map(|bin| bin.rows).collect::<Vec<_>>(), [2, 3, 1]);
        let numbers: Vec<f64> = bins.iter().flat_map(|bin| [bin.predicted, bin.observed]).collect();
        let expected = [0.025, 0.5, 1.57 / 3.0, 2.0 / 3.0, 1.0, 1.0];
        assert_close(&numbers, &expected, Tolerance::absolute(1e-12));
        let interval = bins[0].interval.unwrap();
        assert!(interval.low < 0.5 && interval.high > 0.5 && interval.undefined > 0.0);
    }
}
