use serde::{Deserialize, Serialize};

/// Confidence interval of a statistic over random cells: the central 95% of its resamples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// 2.5% quantile.
    pub low: f64,
    /// 97.5% quantile.
    pub high: f64,
    /// Fraction of resamples without a value (for example with a single class); the quantiles exclude them.
    pub undefined: f64,
}

/// Percentile bootstrap by cell. Each resample draws as many cells as there are, with replacement, and takes all rows
/// of each drawn cell (the cluster bootstrap; Davison and Hinkley 1997, section 3.8). All statistics use the same
/// resamples, so differences between predictors are paired.
#[derive(Clone, Debug)]
pub struct Resamples {
    /// Row indices of each resample, in increasing order of the drawn cells.
    rows: Vec<Vec<usize>>,
}

impl Resamples {
    /// Creates `count` resamples of rows that belong to the given cells, determined by the arguments.
    pub fn new(cells: &[usize], count: usize, seed: u64) -> Self {
        let mut members: Vec<Vec<usize>> = Vec::new();
        for (row, &cell) in cells.iter().enumerate() {
            members.resize(members.len().max(cell + 1), Vec::new());
            members[cell].push(row);
        }
        members.retain(|rows| !rows.is_empty());
        let mut random = SplitMix(seed);
        let mut draw = || {
            let drawn = (0..members.len()).map(|_| random.below(members.len()));
            let mut drawn: Vec<usize> = drawn.collect();
            drawn.sort_unstable();
            drawn.into_iter().flat_map(|cell| members[cell].iter().copied()).collect()
        };
        Self { rows: (0..count).map(|_| draw()).collect() }
    }

    /// Iterates over the row indices of each resample.
    pub fn iter(&self) -> impl Iterator<Item = &[usize]> {
        self.rows.iter().map(Vec::as_slice)
    }
}

/// Confidence interval of a statistic of rows; `None` if no resample has a value.
pub fn interval(
    resamples: &Resamples,
    statistic: impl Fn(&[usize]) -> Option<f64>,
) -> Option<Interval> {
    let mut values: Vec<f64> = resamples.iter().filter_map(statistic).collect();
    values.sort_by(f64::total_cmp);
    let count = resamples.rows.len();
    let undefined = (count - values.len()) as f64 / count.max(1) as f64;
    let last = values.len().checked_sub(1)?;
    let at = |share: f64| {
        let place = share * last as f64;
        let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
        // Interpolation between two infinite values would give NaN.
        if below.total_cmp(&above).is_eq() {
            below
        } else {
            below + (above - below) * place.fract()
        }
    };
    Some(Interval { low: at(0.025), high: at(0.975), undefined })
}

/// `SplitMix64` (Steele, Lea and Flood 2014), implemented here so that its numbers never change.
#[derive(Clone, Copy, Debug)]
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Draws from `0..bound`, uniform up to `bound / 2^64`.
    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First numbers of the reference implementation from seed 1234567.
    #[test]
    fn generator_matches_the_reference_implementation() {
        let mut random = SplitMix(1_234_567);
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973];
        assert_eq!([random.next(), random.next()], expected);
    }

    fn mean_of(numbers: &[f64]) -> impl Fn(&[usize]) -> Option<f64> {
        |rows| {
            let sum: f64 = rows.iter().map(|&row| numbers[row]).sum();
            (!rows.is_empty()).then(|| sum / rows.len() as f64)
        }
    }

    #[test]
    fn resamples_draw_whole_cells() {
        let cells = [0, 0, 0, 2, 2, 1];
        for rows in Resamples::new(&cells, 200, 1).iter() {
            let count = |row| rows.iter().filter(|&&r| r == row).count();
            assert!(count(0) == count(1) && count(1) == count(2) && count(3) == count(4));
            assert_eq!(count(0) + count(3) + count(5), 3);
        }
    }

    /// The standard error of the mean of 400 cells of a fair coin is 1/40, for any number of equal seeds; resampling by
    /// row would give half of that.
    #[test]
    fn intervals_have_the_width_of_the_cell_variance() {
        let numbers: Vec<f64> = (0..1600_u32).map(|i| f64::from(i / 4 % 2)).collect();
        let cells: Vec<usize> = (0..1600).map(|i| i / 4).collect();
        let Interval { low, high, undefined } =
            interval(&Resamples::new(&cells, 2000, 7), mean_of(&numbers)).unwrap();
        let half = 1.96 * 0.025;
        assert!((low - (0.5 - half)).abs() < 0.006 && (high - (0.5 + half)).abs() < 0.006);
        assert!(undefined.abs() < f64::EPSILON);
    }

    #[test]
    fn intervals_depend_only_on_the_seed() {
        let (cells, numbers) = ([0, 1, 2, 3, 4], [1.0, 5.0, 2.0, 8.0, 3.0]);
        let of = |seed| interval(&Resamples::new(&cells, 100, seed), mean_of(&numbers));
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn undefined_resamples_are_counted() {
        let resamples = Resamples::new(&[0, 1], 1000, 3);
        let both = |rows: &[usize]| (rows == [0, 1]).then_some(1.0);
        let share = interval(&resamples, both).unwrap().undefined;
        assert!((share - 0.5).abs() < 0.08, "{share}");
        assert_eq!(interval(&resamples, |_| None), None);
    }

    #[test]
    fn paired_differences_are_narrower() {
        let (cells, numbers) = ([0, 1, 2, 3, 4], [1.0, 5.0, 2.0, 8.0, 3.0]);
        let more: Vec<f64> = numbers.iter().map(|x| x + 1.0).collect();
        let resamples = Resamples::new(&cells, 100, 1);
        let (one, other) = (mean_of(&more), mean_of(&numbers));
        let Interval { low, high, .. } =
            interval(&resamples, |rows| Some(one(rows)? - other(rows)?)).unwrap();
        assert!((low - 1.0).abs() < 1e-12 && (high - 1.0).abs() < 1e-12);
    }
}
