use super::Depth;

/// Absolute difference that always counts as equal.
pub(super) const ATOL: f64 = 1e-8;

/// Minimum plateau: number of layers, and share of all layers.
const PLATEAU_LAYERS: usize = 2;
const PLATEAU_SHARE: f64 = 0.05;

/// Maximum drift over the plateau, as a fraction of the tolerance. A line through the plateau's deeper half measures it.
const DRIFT: f64 = 0.5;

/// Standard errors of the drift that may be noise.
const NOISE: f64 = 2.0;

/// Depth by rule `saturation`. [`CutoffRule::Saturation`](super::CutoffRule::Saturation) defines the criterion.
pub(super) fn depth(curve: &[f64], rtol: f64) -> Depth {
    let cutoff = deepest_different(curve, rtol).map_or(0, |layer_idx| layer_idx + 1);
    let plateau = &curve[cutoff..];
    let share = (PLATEAU_SHARE * curve.len() as f64).ceil() as usize;
    let long_enough = plateau.len() >= share.max(PLATEAU_LAYERS);
    if long_enough && least_drift(plateau) <= DRIFT * tolerance(curve, rtol) {
        Depth::Layer(cutoff as f64)
    } else {
        Depth::Beyond(curve.len())
    }
}

/// Deepest layer, 0-based, whose value differs from the last one by more than the tolerance.
pub(super) fn deepest_different(curve: &[f64], rtol: f64) -> Option<usize> {
    let last = curve[curve.len() - 1];
    let tolerance = tolerance(curve, rtol);
    curve.iter().rposition(|value| (value - last).abs() > tolerance)
}

fn tolerance(curve: &[f64], rtol: f64) -> f64 {
    ATOL + rtol * curve[curve.len() - 1].abs()
}

/// Change over `plateau` of the least-squares line through its deeper half, less [`NOISE`] standard errors. `plateau` has at
/// least two layers.
fn least_drift(plateau: &[f64]) -> f64 {
    let tail = &plateau[plateau.len() - plateau.len().div_ceil(2).max(2)..];
    let middle = (tail.len() as f64 - 1.0) / 2.0;
    let (mut product, mut square) = (0.0, 0.0);
    for (i, value) in tail.iter().enumerate() {
        // Subtract the last value, so that a large offset does not round small differences away.
        product += (i as f64 - middle) * (value - tail[tail.len() - 1]);
        square += (i as f64 - middle).powi(2);
    }
    let error = (noise_variance(tail) / square).sqrt();
    ((product / square).abs() - NOISE * error) * plateau.len() as f64
}

/// Variance of independent noise on a smooth curve: a sixth of the mean square of its second differences. Zero for fewer
/// than three values.
fn noise_variance(curve: &[f64]) -> f64 {
    let second = |triple: &[f64]| triple[0] - 2.0 * triple[1] + triple[2];
    let squares = curve.windows(3).map(|triple| second(triple).powi(2));
    squares.sum::<f64>() / (6.0 * (curve.len() as f64 - 2.0).max(1.0))
}

#[cfg(test)]
mod tests {
    use isobath_tensor::random::{normal, philox};

    use super::*;

    const RTOL: f64 = 0.005;

    /// `1 - 0.5 exp(-l / lambda)` for layers 1 to `layers`.
    fn exponential(layers: usize, lambda: f64) -> Vec<f64> {
        (1..=layers).map(|l| 1.0 - 0.5 * (-(l as f64) / lambda).exp()).collect()
    }

    #[test]
    fn saturated_exponential_gives_the_layer_at_the_tolerance() {
        // 0.5 exp(-l / 3) = 0.005 at l = 3 ln 100 = 13.8: layer 13 still differs, layer 14 does not.
        assert_eq!(depth(&exponential(60, 3.0), RTOL), Depth::Layer(13.0));
        assert_eq!(depth(&exponential(200, 3.0), RTOL), Depth::Layer(13.0));
    }

    #[test]
    fn determined_cutoff_is_independent_of_the_profile_length() {
        // The last value differs from the limit by at most a ninth of the tolerance, which shifts the cut-off by a fraction
        // of lambda.
        let lambda = 10.0;
        let limit = lambda * (0.5 / RTOL).ln();
        let mut determined = 0;
        for layers in 1..200 {
            match depth(&exponential(layers, lambda), RTOL) {
                Depth::Layer(layer) => {
                    determined += 1;
                    let shift = limit - layer;
                    assert!((-1.0..=0.2 * lambda).contains(&shift), "{layers} layers: {layer}");
                }
                other => assert_eq!(other, Depth::Beyond(layers)),
            }
        }
        assert!(determined > 120, "{determined} of 199 depths had a plateau");
    }

    #[test]
    fn noise_well_below_the_tolerance_keeps_the_cutoff() {
        for realisation in 0..200 {
            let draw = |layer_idx| RTOL / 20.0 * normal(philox(1, realisation, layer_idx)[0]);
            let noisy = (0..).zip(exponential(60, 3.0)).map(|(l, value)| value + draw(l));
            let depth = depth(&noisy.collect::<Vec<_>>(), RTOL);
            let layer = depth.layer().expect("a plateau");
            assert!((12.0..=15.0).contains(&layer), "{layer}");
        }
    }

    /// A line through a noisy plateau has a slope, but not one that means anything.
    #[test]
    fn noise_of_a_plateau_is_no_drift() {
        let found = |realisation| {
            let draw = |layer_idx| RTOL / 5.0 * normal(philox(1, realisation, layer_idx)[0]);
            let noisy = (0..).zip(exponential(100, 3.0)).map(|(l, value)| value + draw(l));
            depth(&noisy.collect::<Vec<_>>(), RTOL).layer()
        };
        let found: Vec<f64> = (0..200).filter_map(found).collect();
        assert!(found.len() >= 190, "{}", found.len());
        let near = found.iter().filter(|&&layer| (11.0..=20.0).contains(&layer)).count();
        assert!(near >= 180, "{near}");
    }

    #[test]
    fn unsaturated_profiles_are_beyond_the_last_layer() {
        for lambda in [30.0, 100.0, 1e3, 1e4] {
            assert_eq!(depth(&exponential(60, lambda), RTOL), Depth::Beyond(60), "{lambda}");
        }
        let line: Vec<f64> = (1..=60).map(f64::from).collect();
        assert_eq!(depth(&line, RTOL), Depth::Beyond(60));
        // So slow that many layers are within the tolerance of the last one.
        let slow: Vec<f64> = (1..=60).map(|l| 1.0 + 2e-4 * f64::from(l)).collect();
        assert_eq!(depth(&slow, RTOL), Depth::Beyond(60));
    }

    #[test]
    fn flat_profiles_give_depth_zero() {
        assert_eq!(depth(&[1.0; 20], RTOL), Depth::Layer(0.0));
        assert_eq!(depth(&[-4.0, -4.0], RTOL), Depth::Layer(0.0));
        assert_eq!(depth(&[0.0; 3], RTOL), Depth::Layer(0.0));
    }

    #[test]
    fn one_layer_shows_no_plateau() {
        assert_eq!(depth(&[1.0], RTOL), Depth::Beyond(1));
    }

    #[test]
    fn sign_of_the_curve_does_not_matter() {
        let falling: Vec<f64> = exponential(60, 3.0).iter().map(|s| -s).collect();
        assert_eq!(depth(&falling, RTOL), Depth::Layer(13.0));
    }

    #[test]
    fn plateau_needs_a_minimum_share_of_the_layers() {
        let step = |plateau: usize| {
            let mut curve = vec![0.0; 100 - plateau];
            curve.resize(100, 1.0);
            depth(&curve, RTOL)
        };
        assert_eq!(step(4), Depth::Beyond(100));
        assert_eq!(step(5), Depth::Layer(95.0));
    }
}
