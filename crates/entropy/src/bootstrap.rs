//! Error bars from the probe samples.

use isobath_tensor::random::StreamRng;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Profile, Result,
    cutoff::{self, CutoffRule, Depth, mean_curve},
    statistics::central,
};

/// The share of resamples that an interval holds.
pub const LEVEL: f64 = 0.95;

/// Where a depth lies, given the probe samples' scatter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The shallow end.
    pub low: Depth,
    /// The deep end; [`Depth::Beyond`] where the depth is not bounded by the profile.
    pub high: Depth,
    /// The share of resamples between the ends, [`LEVEL`].
    pub level: f64,
    /// The share of resamples that gave no depth. They are not between the ends.
    pub undetermined: f64,
}

/// The percentile bootstrap interval of the depth that `rule` reads off `profile`, over its probe samples.
///
/// Every resample draws the `n` samples anew with replacement, the same for all layers, and `rule` judges it as it would a
/// profile. The interval holds the scatter of the samples for one network; that of networks is a matter of seeds
/// ([`across_seeds`](crate::across_seeds)). Resample `i` draws from stream `i` of `seed`.
///
/// `None` where there is nothing to resample: fewer than two samples, or an estimator that looks at a layer's samples
/// together, so that its value for other samples is not known from the profile.
///
/// # Errors
/// As [`cutoff::verdict`], and [`Error::Setting`] for no resamples.
pub fn bootstrap(
    rule: &CutoffRule,
    profile: &Profile,
    resamples: usize,
    seed: u64,
) -> Result<Option<Interval>> {
    cutoff::check(rule, profile)?;
    let Some(samples) = resampled(profile, resamples)? else { return Ok(None) };
    let judge = |drawn: &[usize]| cutoff::judge(rule, profile, Some(drawn)).depth;
    let mut depths: Vec<Depth> =
        Resamples::new(samples, seed).take(resamples).map(|drawn| judge(&drawn)).collect();
    depths.sort_by(Depth::shallow_first);
    let determined = depths.iter().filter(|depth| **depth != Depth::Undetermined).count();
    let range = central(determined, LEVEL);
    let (low, high) = match depths[..determined].get(range) {
        Some([low, .., high]) => (*low, *high),
        Some([only]) => (*only, *only),
        _ => (Depth::Undetermined, Depth::Undetermined),
    };
    let undetermined = (resamples - determined) as f64 / resamples as f64;
    Ok(Some(Interval { low, high, level: LEVEL, undetermined }))
}

/// For each layer the ends of the percentile bootstrap interval, at [`LEVEL`], of the mean over the probe samples.
///
/// `None` as for [`bootstrap`].
///
/// # Errors
/// Whatever [`Profile::check`] finds, and [`Error::Setting`] for no resamples.
pub fn bootstrap_means(
    profile: &Profile,
    resamples: usize,
    seed: u64,
) -> Result<Option<Vec<(f64, f64)>>> {
    profile.check()?;
    let Some(samples) = resampled(profile, resamples)? else { return Ok(None) };
    let curves: Vec<Vec<f64>> = Resamples::new(samples, seed)
        .take(resamples)
        .map(|drawn| mean_curve(profile, Some(&drawn)))
        .collect();
    let range = central(resamples, LEVEL);
    let ends = |layer_idx: usize| {
        let mut means: Vec<f64> = curves.iter().map(|curve| curve[layer_idx]).collect();
        means.sort_by(f64::total_cmp);
        (means[range.start], means[range.end - 1])
    };
    Ok(Some((0..profile.depth()).map(ends).collect()))
}

/// The number of samples to draw from, where there are enough.
fn resampled(profile: &Profile, resamples: usize) -> Result<Option<usize>> {
    if resamples == 0 {
        return Err(Error::Setting { setting: "resamples", value: 0.0, range: "at least 1" });
    }
    Ok(profile.samples().filter(|&samples| samples >= 2))
}

/// Samples drawn with replacement, over and over.
struct Resamples {
    samples: usize,
    seed: u64,
    stream: u64,
}

impl Resamples {
    const fn new(samples: usize, seed: u64) -> Self {
        Self { samples, seed, stream: 0 }
    }
}

impl Iterator for Resamples {
    type Item = Vec<usize>;

    fn next(&mut self) -> Option<Vec<usize>> {
        let mut rng = StreamRng::new(self.seed, self.stream);
        self.stream += 1;
        let draw = |_| rng.below(self.samples as u64) as usize;
        Some((0..self.samples).map(draw).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resamples_are_indexed_by_seed_and_number() {
        let draw = |seed| Resamples::new(100, seed).take(3).collect::<Vec<_>>();
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5), draw(6));
        assert_ne!(draw(5)[0], draw(5)[1]);
        assert!(draw(5).iter().flatten().all(|&sample| sample < 100));
    }
}
