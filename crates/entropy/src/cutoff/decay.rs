//! The exponential fit of rule `decay`, by variable projection.
//!
//! For a given `lambda`, the model is linear in its other two parameters. Only `lambda` needs a search.

use serde::{Deserialize, Serialize};

use super::{Cutoff, Depth};

/// Shortest scale of the search, in layers. Below it, only the first two layers contain information about the decay.
const SHORTEST: f64 = 0.2;
/// Longest scale of the search, in units of the number of layers. At ten, the profile is a parabola to 1 part in 600.
const LONGEST: f64 = 10.0;
/// Steps of the coarse search. The neighbours of the best step bracket the minimum.
const GRID: usize = 48;
/// Steps of the golden-section search. Each narrows the bracket by a factor of 0.618, in total to 1e-8, the accuracy limit of
/// a minimum.
const REFINEMENTS: usize = 40;
/// Number of parameters of the model.
const PARAMETERS: usize = 3;
/// Minimum F ratio of the fit against a constant, for the two additional parameters. White noise then passes in 2.5% of
/// profiles of 8 layers and in less than 1% from 20 layers on (5,000 draws each).
const LEAST_F: f64 = 6.0;
/// Relative size of differences that count as rounding errors.
const ROUNDING: f64 = 1e-12;

/// The least-squares fit of `S_l = S_inf - (S_inf - S_0) exp(-l / lambda)` to a profile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecayFit {
    /// `lambda`, in layers.
    pub lambda: f64,
    /// Standard error of `lambda` in layers, by Gauss-Newton for independent residuals; `None` if not finite.
    pub lambda_error: Option<f64>,
    /// `S_0`, the value extrapolated to the input.
    pub start: f64,
    /// `S_inf`, the limit at infinite depth.
    pub limit: f64,
    /// Root mean square of the residuals over the layers.
    pub residual: f64,
}

/// Cut-off by rule `decay`. [`CutoffRule::Decay`](super::CutoffRule::Decay) lists the undetermined cases.
pub(super) fn cutoff(values: &[f64]) -> Cutoff {
    let Some(fit) = fit(values) else { return Depth::Undetermined.into() };
    let depth = if fit.lambda > values.len() as f64 {
        Depth::Beyond(values.len())
    } else if fit.lambda < 1.01 * SHORTEST {
        Depth::Layer(0.0)
    } else if fit.lambda_error.is_some_and(|error| error <= fit.lambda) {
        Depth::Layer(fit.lambda)
    } else {
        Depth::Undetermined
    };
    let determined = depth.layer().is_some_and(|layer| layer > 0.0);
    let standard_error = fit.lambda_error.filter(|_| determined);
    Cutoff { depth, standard_error, fit: Some(fit) }
}

/// Returns the best fit; `None` for too few layers or if a constant fits as well.
fn fit(values: &[f64]) -> Option<DecayFit> {
    if values.len() <= PARAMETERS {
        return None;
    }
    let profile = Centred::new(values.iter().copied());
    let variation = profile.square();
    let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    if variation <= values.len() as f64 * (ROUNDING * largest).powi(2) {
        return None;
    }
    let lambda = best_lambda(&profile);
    let fit = Linear::at(&profile, lambda);
    let freedom = (values.len() - PARAMETERS) as f64;
    let noise = fit.squares / freedom;
    if (variation - fit.squares) / 2.0 < LEAST_F * noise {
        return None;
    }
    let error = (noise / fit.sensitivity()).sqrt();
    let limit = profile.mean - fit.slope * fit.basis.mean;
    Some(DecayFit {
        lambda,
        lambda_error: Some(error).filter(|error| error.is_finite()),
        start: limit + fit.slope,
        limit,
        residual: (fit.squares / values.len() as f64).sqrt(),
    })
}

/// Returns the least-squares `lambda`, by a grid search in `ln lambda` and golden sections.
fn best_lambda(profile: &Centred) -> f64 {
    let squares = |log: f64| Linear::at(profile, log.exp()).squares;
    let layers = profile.deviations.len() as f64;
    let (first, last) = (SHORTEST.ln(), (LONGEST * layers).ln());
    let point = |i: usize| first + (last - first) * i.min(GRID) as f64 / GRID as f64;
    let coarse: Vec<f64> = (0..=GRID).map(|i| squares(point(i))).collect();
    let best = (0..=GRID).min_by(|&i, &j| coarse[i].total_cmp(&coarse[j])).unwrap_or(0);
    golden_section(point(best.saturating_sub(1)), point(best + 1), squares).exp()
}

/// Returns the minimiser of `f` between `low` and `high`.
fn golden_section(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
    let inner = |low: f64, high: f64| (high - ratio * (high - low), low + ratio * (high - low));
    let (mut a, mut b) = inner(low, high);
    let (mut f_a, mut f_b) = (f(a), f(b));
    for _ in 0..REFINEMENTS {
        if f_a <= f_b {
            (high, b, f_b) = (b, a, f_a);
            a = inner(low, high).0;
            f_a = f(a);
        } else {
            (low, a, f_a) = (a, b, f_b);
            b = inner(low, high).1;
            f_b = f(b);
        }
    }
    f64::midpoint(low, high)
}

/// One number per layer, split into mean and deviations.
struct Centred {
    mean: f64,
    deviations: Vec<f64>,
}

impl Centred {
    fn new(numbers: impl Iterator<Item = f64>) -> Self {
        let mut deviations: Vec<f64> = numbers.collect();
        let mean = deviations.iter().sum::<f64>() / deviations.len() as f64;
        deviations.iter_mut().for_each(|number| *number -= mean);
        Self { mean, deviations }
    }

    fn product(&self, other: &Self) -> f64 {
        self.deviations.iter().zip(&other.deviations).map(|(a, b)| a * b).sum()
    }

    fn square(&self) -> f64 {
        self.product(self)
    }
}

/// The linear fit `S_l = limit + slope exp(-l / lambda)` for one `lambda`.
struct Linear {
    lambda: f64,
    basis: Centred,
    slope: f64,
    squares: f64,
}

impl Linear {
    fn at(profile: &Centred, lambda: f64) -> Self {
        let basis = Centred::new(powers((-1.0 / lambda).exp(), profile.deviations.len()));
        let slope = profile.product(&basis) / basis.square();
        let residuals = profile.deviations.iter().zip(&basis.deviations);
        let squares = residuals.map(|(value, basis)| (value - slope * basis).powi(2)).sum();
        Self { lambda, basis, slope, squares }
    }

    /// Squared norm of the model's derivative by `lambda`, orthogonal to the derivatives by the linear parameters. The noise
    /// variance over it is the variance of `lambda`.
    fn sensitivity(&self) -> f64 {
        let layers = self.basis.deviations.len();
        let factor = self.slope / self.lambda.powi(2);
        let exponentials = powers((-1.0 / self.lambda).exp(), layers);
        let derivative =
            Centred::new((1_u32..).zip(exponentials).map(|(l, e)| factor * f64::from(l) * e));
        derivative.square() - derivative.product(&self.basis).powi(2) / self.basis.square()
    }
}

/// Returns `r, r^2, ..., r^count`.
fn powers(r: f64, count: usize) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(r), move |power| Some(power * r)).take(count)
}

#[cfg(test)]
mod tests {
    use isobath_tensor::random::{normal, philox};

    use super::*;

    fn exponential(layers: usize, lambda: f64, start: f64, limit: f64) -> Vec<f64> {
        (1..=layers).map(|l| limit - (limit - start) * (-(l as f64) / lambda).exp()).collect()
    }

    fn noisy(values: &[f64], sigma: f64, realisation: u64) -> Vec<f64> {
        let draw = |layer_idx: u64| normal(philox(11, realisation, layer_idx)[0]);
        (0..).zip(values).map(|(layer_idx, value)| value + sigma * draw(layer_idx)).collect()
    }

    #[track_caller]
    fn recovers(layers: usize, lambda: f64, start: f64, limit: f64) {
        let cutoff = cutoff(&exponential(layers, lambda, start, limit));
        let fit = cutoff.fit.expect("a decay");
        assert!((fit.lambda / lambda - 1.0).abs() < 1e-6, "{fit:?}");
        assert!((fit.start - start).abs() < 1e-5 && (fit.limit - limit).abs() < 1e-5, "{fit:?}");
        assert!(fit.residual < 1e-7, "{fit:?}");
        assert_eq!(cutoff.depth, Depth::Layer(fit.lambda));
    }

    #[test]
    fn exact_exponentials_are_recovered() {
        recovers(60, 7.3, 0.2, 1.27);
        recovers(60, 1.0, 0.2, 1.27);
        recovers(20, 19.0, 0.0, 1.0);
        recovers(4, 1.5, 0.0, 1.0);
        recovers(200, 40.0, -3.0, -9.0);
        recovers(60, 7.3, 1e6 + 5.0, 1e6);
    }

    #[test]
    fn standard_errors_cover_the_truth() {
        let (truth, realisations) = (8.0, 400);
        let values = exponential(40, truth, 0.2, 1.2);
        let covered = (0..realisations).filter(|&realisation| {
            let cutoff = cutoff(&noisy(&values, 0.02, realisation));
            let (Some(lambda), Some(error)) = (cutoff.depth.layer(), cutoff.standard_error) else {
                panic!("undetermined although the signal is fifty times the noise: {cutoff:?}");
            };
            (lambda - truth).abs() < 2.0 * error
        });
        // The expected share within two standard errors is 95%, with a standard deviation of 1.1%.
        let share = covered.count() as f64 / realisations as f64;
        assert!((0.91..0.99).contains(&share), "{share}");
    }

    #[test]
    fn noise_alone_is_undetermined() {
        // About twice the rates of 5,000 draws.
        for (layers, most) in [(8, 50), (20, 20), (60, 10)] {
            let flat = vec![1.0; layers];
            let fitted = (0..1000).filter(|&stream| fit(&noisy(&flat, 0.1, stream)).is_some());
            let fitted = fitted.count();
            assert!(fitted <= most, "{fitted} of 1000 flat profiles of {layers} layers decayed");
        }
        assert_eq!(cutoff(&[1.0; 20]), Depth::Undetermined.into());
        assert_eq!(cutoff(&[0.0; 20]), Depth::Undetermined.into());
    }

    #[test]
    fn scales_longer_than_the_profile_are_beyond_it() {
        for lambda in [31.0, 100.0, 1e4, 1e7] {
            let cutoff = cutoff(&exponential(30, lambda, 0.0, 1.0));
            assert_eq!(cutoff.depth, Depth::Beyond(30), "{lambda}");
            assert_eq!(cutoff.standard_error, None);
        }
        let accelerating: Vec<f64> = (1..=30).map(|l| f64::from(l).powi(2)).collect();
        assert_eq!(cutoff(&accelerating).depth, Depth::Beyond(30));
    }

    #[test]
    fn drop_in_the_first_layer_gives_depth_zero() {
        let mut values = vec![1.0; 30];
        values[0] = 0.8;
        assert_eq!(cutoff(&values).depth, Depth::Layer(0.0));
    }

    #[test]
    fn too_few_layers_are_undetermined() {
        for layers in 1..=3 {
            let cutoff = cutoff(&exponential(layers, 2.0, 0.0, 1.0));
            assert_eq!(cutoff, Depth::Undetermined.into());
        }
    }
}
