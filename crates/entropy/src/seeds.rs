//! Summary of cut-offs over independent initialisations.

use serde::{Deserialize, Serialize};

use crate::cutoff::{Cutoff, Depth};

/// Summary of the cut-offs of independent initialisations of one network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of cut-offs.
    pub seeds: usize,
    /// Number of cut-offs beyond the last layer.
    pub censored: usize,
    /// Number of undetermined cut-offs.
    pub undetermined: usize,
    /// Median of the determined and censored cut-offs; [`Depth::Undetermined`] if there are none. For an even count, the mean
    /// of the middle two layers, or the lower one if the upper one is censored.
    pub median: Depth,
    /// Mean layer; `None` without determined cut-offs, or if any is censored, because the mean would be too small.
    pub mean: Option<f64>,
    /// Standard error of the mean over seeds; `None` without a mean or for one seed.
    pub standard_error: Option<f64>,
    /// The shallowest cut-off.
    pub low: Depth,
    /// The deepest cut-off; [`Depth::Beyond`] if any is censored.
    pub high: Depth,
}

/// Summarises the cut-offs of independent initialisations.
///
/// `low` and `high` are the extremes, because a few seeds have no percentiles.
pub fn across_seeds(cutoffs: &[Cutoff]) -> Summary {
    let mut depths: Vec<Depth> = cutoffs.iter().map(|cutoff| cutoff.depth).collect();
    depths.retain(|depth| *depth != Depth::Undetermined);
    depths.sort_by(Depth::shallow_first);
    let layers: Vec<f64> = depths.iter().filter_map(|depth| depth.layer()).collect();
    let censored = depths.len() - layers.len();
    let mean = (censored == 0 && !layers.is_empty()).then(|| mean(&layers));
    Summary {
        seeds: cutoffs.len(),
        censored,
        undetermined: cutoffs.len() - depths.len(),
        median: median(&depths),
        mean,
        standard_error: mean.and_then(|mean| standard_error(&layers, mean)),
        low: depths.first().copied().unwrap_or(Depth::Undetermined),
        high: depths.last().copied().unwrap_or(Depth::Undetermined),
    }
}

fn median(sorted: &[Depth]) -> Depth {
    let middle = sorted.len() / 2;
    match sorted {
        [] => Depth::Undetermined,
        _ if sorted.len() % 2 == 1 => sorted[middle],
        _ => match (sorted[middle - 1], sorted[middle]) {
            (Depth::Layer(lower), Depth::Layer(upper)) => Depth::Layer(f64::midpoint(lower, upper)),
            (lower, _) => lower,
        },
    }
}

fn mean(layers: &[f64]) -> f64 {
    layers.iter().sum::<f64>() / layers.len() as f64
}

fn standard_error(layers: &[f64], mean: f64) -> Option<f64> {
    let n = layers.len() as f64;
    let squares: f64 = layers.iter().map(|layer| (layer - mean).powi(2)).sum();
    (layers.len() > 1).then(|| (squares / (n - 1.0) / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(depths: &[Depth]) -> Summary {
        across_seeds(&depths.iter().map(|&depth| depth.into()).collect::<Vec<_>>())
    }

    #[test]
    fn layers_have_a_mean_and_its_error() {
        let s = summary(&[Depth::Layer(4.0), Depth::Layer(10.0), Depth::Layer(7.0)]);
        assert_eq!((s.seeds, s.censored, s.undetermined), (3, 0, 0));
        assert_eq!((s.median, s.mean), (Depth::Layer(7.0), Some(7.0)));
        // Variance 9 over 3 seeds.
        assert!((s.standard_error.unwrap() - 3.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!((s.low, s.high), (Depth::Layer(4.0), Depth::Layer(10.0)));
        assert_eq!(summary(&[Depth::Layer(1.0), Depth::Layer(4.0)]).median, Depth::Layer(2.5));
    }

    #[test]
    fn censored_seeds_have_a_median_but_no_mean() {
        let s = summary(&[Depth::Beyond(50), Depth::Layer(30.0), Depth::Layer(48.0)]);
        assert_eq!((s.censored, s.mean, s.standard_error), (1, None, None));
        assert_eq!(
            (s.low, s.median, s.high),
            (Depth::Layer(30.0), Depth::Layer(48.0), Depth::Beyond(50))
        );
        let even = summary(&[Depth::Beyond(50), Depth::Layer(30.0)]);
        assert_eq!(even.median, Depth::Layer(30.0));
    }

    #[test]
    fn undetermined_seeds_are_counted_and_excluded() {
        let s = summary(&[Depth::Undetermined, Depth::Layer(3.0)]);
        assert_eq!((s.undetermined, s.median, s.mean), (1, Depth::Layer(3.0), Some(3.0)));
        for none in [summary(&[]), summary(&[Depth::Undetermined])] {
            assert_eq!((none.median, none.mean), (Depth::Undetermined, None));
            assert_eq!((none.low, none.high), (Depth::Undetermined, Depth::Undetermined));
        }
    }
}
