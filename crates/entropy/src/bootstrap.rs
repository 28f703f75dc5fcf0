//! Bootstrap intervals over probe samples.

use isobath_tensor::random::StreamRng;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Profile, Result,
    cutoff::{self, CutoffRule, Depth, mean_curve},
    statistics::central,
};

/// Coverage of an interval: the share of resamples inside.
pub const LEVEL: f64 = 0.95;

/// Bootstrap interval of a cut-off.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The shallow end.
    pub low: Depth,
    /// The deep end; [`Depth::Beyond`] if the profile does not bound the depth.
    pub high: Depth,
    /// Share of resamples between the ends, [`LEVEL`].
    pub level: f64,
    /// Share of resamples without a depth. The interval excludes them.
    pub undetermined: f64,
}

/// Percentile bootstrap interval over probe samples of the cut-off of `profile` by `rule`.
///
/// Each resample draws `n` samples with replacement, the same ones for all layers; means over it are weighted by
/// [`Profile::weights`]. The interval covers the variation between samples for one network;
/// [`across_seeds`](crate::across_seeds) covers the variation between networks. Resample `i` uses stream `i` of `seed`.
///
/// `None` for fewer than two samples and for profiles without values per sample.
///
/// # Errors
/// The errors of [`cutoff::find`], and [`Error::Setting`] for zero resamples.
pub fn bootstrap(
    rule: &CutoffRule,
    profile: &Profile,
    resamples: usize,
    seed: u64,
) -> Result<Option<Interval>> {
    cutoff::check(rule, profile)?;
    let Some(samples) = resampled(profile, resamples)? else { return Ok(None) };
    let depth = |drawn: &[usize]| cutoff::evaluate(rule, profile, Some(drawn)).depth;
    let mut depths: Vec<Depth> =
        Resamples::new(samples, seed).take(resamples).map(|drawn| depth(&drawn)).collect();
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

/// Percentile bootstrap interval, at [`LEVEL`], of each layer's mean over probe samples: `(low, high)` per layer.
///
/// `None` in the cases of [`bootstrap`].
///
/// # Errors
/// The errors of [`Profile::check`], and [`Error::Setting`] for zero resamples.
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

/// Number of samples to draw from; `None` for fewer than two or without values per sample.
fn resampled(profile: &Profile, resamples: usize) -> Result<Option<usize>> {
    if resamples == 0 {
        return Err(Error::Setting { setting: "resamples", value: 0.0, range: "at least 1" });
    }
    Ok(profile.samples().filter(|&samples| samples >= 2))
}

/// Endless iterator over resamples: sample indices drawn with replacement.
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
    fn resamples_depend_on_seed_and_index() {
        let draw = |seed| Resamples::new(100, seed).take(3).collect::<Vec<_>>();
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5), draw(6));
        assert_ne!(draw(5)[0], draw(5)[1]);
        assert!(draw(5).iter().flatten().all(|&sample| sample < 100));
    }
}
