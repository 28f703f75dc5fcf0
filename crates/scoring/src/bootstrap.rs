use serde::{Deserialize, Serialize};

/// Where a statistic lies, given that other cells might have been drawn: the middle 95% of resamples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The 2.5% quantile.
    pub low: f64,
    /// The 97.5% quantile.
    pub high: f64,
    /// The share of resamples without the statistic, which are in neither: of one class alone, say.
    pub undefined: f64,
}

/// The percentile bootstrap by cell: every resample draws as many cells as there are, with replacement, and takes all
/// rows of each (the cluster bootstrap; Davison and Hinkley 1997, section 3.8). The same resamples serve every
/// statistic, so that differences between predictors are paired.
#[derive(Clone, Debug)]
pub struct Resamples {
    /// Row numbers of each resample, in increasing order of what was drawn.
    rows: Vec<Vec<usize>>,
}

impl Resamples {
    /// `count` resamples of rows that belong to the given cells, a function of these arguments alone.
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

    /// The rows of each resample.
    pub fn iter(&self) -> impl Iterator<Item = &[usize]> {
        self.rows.iter().map(Vec::as_slice)
    }
}

/// The interval of a statistic of rows; `None` where no resample has it.
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
        // Not by interpolation where both are infinite.
        if below.total_cmp(&above).is_eq() {
            below
        } else {
            below + (above - below) * place.fract()
        }
    };
    Some(Interval { low: at(0.025), high: at(0.975), undefined })
}

/// `SplitMix64` (Steele, Lea and Flood 2014): a few lines that give the same numbers for ever.
#[derive(Clone, Copy, Debug)]
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From `0..bound`, as likely each, up to `bound / 2^64`.
    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference implementation's first numbers from 1234567.
    #[test]
    fn the_generator_is_the_published_one() {
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
    fn seeds_of_a_cell_stay_together() {
        let cells = [0, 0, 0, 2, 2, 1];
        for rows in Resamples::new(&cells, 200, 1).iter() {
            let count = |row| rows.iter().filter(|&&r| r == row).count();
            assert!(count(0) == count(1) && count(1) == count(2) && count(3) == count(4));
            assert_eq!(count(0) + count(3) + count(5), 3);
        }
    }

    /// The standard error of the mean of 400 cells of a fair coin is 1/40, whatever the number of equal seeds; by row
    /// it would be half of that.
    #[test]
    fn intervals_are_as_wide_as_cells_scatter() {
        let numbers: Vec<f64> = (0..1600_u32).map(|i| f64::from(i / 4 % 2)).collect();
        let cells: Vec<usize> = (0..1600).map(|i| i / 4).collect();
        let Interval { low, high, undefined } =
            interval(&Resamples::new(&cells, 2000, 7), mean_of(&numbers)).unwrap();
        let half = 1.96 * 0.025;
        assert!((low - (0.5 - half)).abs() < 0.006 && (high - (0.5 + half)).abs() < 0.006);
        assert!(undefined.abs() < f64::EPSILON);
    }

    #[test]
    fn one_seed_one_interval() {
        let (cells, numbers) = ([0, 1, 2, 3, 4], [1.0, 5.0, 2.0, 8.0, 3.0]);
        let of = |seed| interval(&Resamples::new(&cells, 100, seed), mean_of(&numbers));
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn resamples_without_the_statistic_are_counted() {
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
