//! Every estimator through the public API: closed forms, properties, both host backends, invalid input.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::f64::consts::{E, LN_2, PI};

use isobath_entropy::{
    Direction, EntropyEstimator, Error, EstimatorSpec, Profile, Relative, Source, bootstrap_means,
    cutoff::{self, CutoffRule, Depth},
};
use isobath_tensor::{
    Cpu, Reference,
    random::{normal, philox},
};
use isobath_testkit::{Tolerance, assert_close};
use ndarray::{Array2, ArrayView2, array};
use proptest::prelude::*;

const NAMES: [&str; 8] = [
    "relative",
    "relative-floored",
    "jensen-shannon",
    "differential",
    "differential-plain",
    "gram",
    "reconstruction-error",
    "batch-entropy",
];

fn estimator(name: &str) -> Box<dyn EntropyEstimator> {
    name.parse::<EstimatorSpec>().unwrap().build(Cpu::new())
}

#[track_caller]
fn profile(name: &str, inputs: &Array2<f32>, layer: &Array2<f32>) -> Profile {
    estimator(name).profile(inputs.view(), &[layer.view()]).unwrap()
}

/// Value of a profile of one layer.
#[track_caller]
fn value(name: &str, inputs: &Array2<f32>, layer: &Array2<f32>) -> f64 {
    profile(name, inputs, layer).values[0]
}

/// Independent normal random numbers with standard deviation `std`.
fn gaussian(rows: usize, cols: usize, std: f64, seed: u64) -> Array2<f32> {
    let draw = |(i, j)| (std * normal(philox(seed, i as u64, j as u64)[0])) as f32;
    Array2::from_shape_fn((rows, cols), draw)
}

/// Entry of a Hadamard matrix. Rows other than 0 have mean 0 and are orthogonal, for any power of two of columns.
fn sign(row: usize, col: usize) -> f32 {
    if (row & col).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 }
}

#[test]
fn results_have_the_documented_names() {
    for name in NAMES {
        assert_eq!(estimator(name).spec().to_string(), name);
        let samples = gaussian(4, 5, 1.0, 1);
        assert_eq!(profile(name, &samples, &samples).estimator.to_string(), name);
    }
}

#[test]
fn relative_entropy_of_known_distributions() {
    // After the shift, the rows are (0, 1, 3)/4 and (0, 2, 2)/4. Zeros become 1e-12 on both sides and cancel.
    let (p, r) = (array![[0.0, 1.0, 3.0]], array![[5.0, 7.0, 7.0]]);
    let expected = 0.25 * (0.25_f64 / 0.5).ln() + 0.75 * (0.75_f64 / 0.5).ln();
    assert!((value("relative", &p, &r) - expected).abs() < 1e-10);
    let mix = |p: f64| (1.0 - 1e-3) * p + 1e-3 / 3.0;
    let floored = mix(0.25) * (mix(0.25) / mix(0.5)).ln() + mix(0.75) * (mix(0.75) / mix(0.5)).ln();
    assert!((value("relative-floored", &p, &r) - floored).abs() < 1e-10);
}

#[test]
fn floor_reduces_the_penalty_at_the_minimum_of_a_reconstruction() {
    // The reconstruction's minimum coincides with a third of the input's mass: 1/3 ln(1e12) is about nine nats.
    let (p, r) = (array![[0.0, 1.0, 1.0, 1.0]], array![[1.0, 0.0, 1.0, 1.0]]);
    assert!(value("relative", &p, &r) > 9.0);
    assert!(value("relative-floored", &p, &r) < 3.0);
}

#[test]
fn jensen_shannon_of_disjoint_distributions_is_ln_2() {
    let (p, r) = (array![[1.0, 0.0, 0.0]], array![[0.0, 0.0, 1.0]]);
    assert!((value("jensen-shannon", &p, &r) - LN_2).abs() < 1e-9);
}

#[test]
fn differential_entropy_of_gaussians() {
    let (n, width, std) = (2000, 50, 0.3);
    let samples = gaussian(n, width, std, 3);
    let expected = 0.5 * (2.0 * PI * E * std * std).ln();
    // The logarithm of a sample standard deviation has variance 1/(2n), and its mean over units 1/(2 n width).
    let error = 4.0 * (1.0 / (2.0 * n as f64 * width as f64)).sqrt();
    let found = value("differential-plain", &samples, &samples);
    assert!((found - expected).abs() < error, "{found} {expected}");
}

#[test]
fn published_differential_entropy_normalises_samples_first() {
    // Each row becomes (1/4, 3/4) or (1/2, 1/2): unbiased standard deviation 1/4/sqrt(2) in both units.
    let layer = array![[1.0, 3.0], [7.0, 7.0]];
    let expected = 0.5 * (2.0 * PI * E).ln() + (0.25 / 2.0_f64.sqrt()).ln();
    assert!((value("differential", &layer, &layer) - expected).abs() < 1e-6);
}

#[test]
fn units_without_variance_are_floored_and_reported() {
    let rows = |third: f32| Array2::from_shape_fn((7, 3), |(i, j)| [0.1, 0.7, third * i as f32][j]);
    let floored = |name, layer| profile(name, &rows(1.0), &layer).floored[0];
    assert_eq!(floored("differential-plain", rows(1.0)), 2);
    assert_eq!(floored("differential-plain", rows(0.0)), 3);
    assert_eq!(floored("differential", rows(0.0)), 3);
    let collapsed = value("differential", &rows(1.0), &rows(0.0));
    assert!((collapsed - (0.5 * (2.0 * PI * E).ln() + 1e-20_f64.ln())).abs() < 1e-9);
}

#[test]
fn gram_entropy_is_zero_for_equal_samples_and_one_for_orthogonal_ones() {
    let equal = Array2::from_shape_fn((20, 30), |(i, j)| (i + 1) as f32 * (j as f32).sin() + 3.0);
    assert!(value("gram", &equal, &equal) < 1e-3);
    let orthogonal = Array2::from_shape_fn((15, 16), |(i, j)| 0.5 + sign(i + 1, j));
    assert!((value("gram", &orthogonal, &orthogonal) - 1.0).abs() < 1e-5);
}

#[test]
fn gram_entropy_of_k_directions_is_ln_k_over_ln_n() {
    // 40 samples along 4 orthogonal directions, with more units than samples and with fewer.
    for width in [8, 64] {
        let samples = Array2::from_shape_fn((40, width), |(i, j)| sign(1 + i % 4, j));
        let found = value("gram", &samples, &samples);
        assert!((found - 4.0_f64.ln() / 40.0_f64.ln()).abs() < 1e-4, "{width}: {found}");
    }
}

#[test]
fn constant_samples_are_floored_in_gram_entropy() {
    let mut samples = gaussian(6, 9, 1.0, 4);
    samples.row_mut(2).fill(0.1);
    samples.row_mut(3).assign(&array![0.0, -0.0, 0.0, 0.0, -0.0, 0.0, 0.0, 0.0, 0.0]);
    let profile = profile("gram", &samples, &samples);
    assert_eq!(profile.floored, [2]);
    assert!((0.0..=1.0).contains(&profile.values[0]));
}

#[test]
fn reconstruction_error_is_zero_for_perfect_ones_and_one_for_the_mean() {
    let inputs = gaussian(30, 8, 2.0, 5);
    let mean = inputs.mean_axis(ndarray::Axis(0)).unwrap();
    let mean = mean.broadcast((30, 8)).unwrap().to_owned();
    assert!(value("reconstruction-error", &inputs, &inputs).abs() < 1e-12);
    let of_mean = profile("reconstruction-error", &inputs, &mean);
    assert!((of_mean.values[0] - 1.0).abs() < 1e-6);
    let halfway = (&inputs + &mean) / 2.0;
    assert!((value("reconstruction-error", &inputs, &halfway) - 0.25).abs() < 1e-6);
}

/// Samples of very different contrast, whose mean image explains none of them.
#[test]
fn resamples_compare_errors_with_the_deviations_of_the_same_samples() {
    let mut inputs = gaussian(40, 8, 1.0, 7);
    for (sample, mut row) in inputs.outer_iter_mut().enumerate() {
        row *= if sample % 4 == 0 { 8.0 } else { 0.5 };
    }
    let mean = inputs.mean_axis(ndarray::Axis(0)).unwrap();
    let mean = mean.broadcast((40, 8)).unwrap().to_owned();
    let lost = profile("reconstruction-error", &inputs, &mean);
    let (low, high) = bootstrap_means(&lost, 200, 1).unwrap().unwrap()[0];
    assert!((low - 1.0).abs() < 1e-5 && (high - 1.0).abs() < 1e-5, "{low} to {high}");
    // Deviations of all samples in the denominator: a resample of flat ones would seem to be reconstructed.
    let unweighted = lost.with_weights(None);
    let (low, high) = bootstrap_means(&unweighted, 200, 1).unwrap().unwrap()[0];
    assert!(low < 0.7 && high > 1.3, "{low} to {high}");
}

#[test]
fn batch_entropy_matches_its_formula() {
    // Standard deviations 1 and 0.
    let layer = array![[0.0, 0.3], [1.0, 0.3], [2.0, 0.3]];
    let expected = 0.5 * 0.5 * (PI * E + 1.0).ln();
    assert!((value("batch-entropy", &layer, &layer) - expected).abs() < 1e-9);
}

#[test]
fn values_move_in_the_documented_direction_as_information_is_lost() {
    let inputs = gaussian(50, 20, 1.0, 6);
    let lost = Array2::from_shape_fn((50, 20), |(i, j)| (j as f32).sin() + 1e-3 * inputs[[i, j]]);
    for name in NAMES {
        let estimator = estimator(name);
        let profile = estimator.profile(inputs.view(), &[inputs.view(), lost.view()]).unwrap();
        let rises = profile.values[1] > profile.values[0];
        assert_eq!(
            rises,
            estimator.spec().descriptor().direction == Direction::Rises,
            "{name}: {profile:?}"
        );
    }
}

#[test]
fn one_sample_of_one_unit_gives_a_value_or_an_error() {
    let one = array![[0.5]];
    for name in NAMES {
        match estimator(name).profile(one.view(), &[one.view()]) {
            Ok(profile) => assert!(profile.values[0].is_finite(), "{name}"),
            Err(error) => assert!(matches!(error, Error::ConstantInputs { samples: 1 }), "{error}"),
        }
    }
    assert!(value("gram", &one, &one).abs() < f64::EPSILON);
}

#[test]
fn backends_agree() {
    let inputs = gaussian(33, 70, 0.5, 7).mapv(f32::tanh);
    let layers: Vec<_> = (0..4)
        .map(|l| &inputs * (0.6_f32).powi(l) + gaussian(33, 70, 0.1, 8 + l as u64))
        .chain([Array2::from_elem((33, 70), 0.25)])
        .collect();
    let views: Vec<ArrayView2<'_, f32>> = layers.iter().map(|layer| layer.view()).collect();
    for name in NAMES {
        let spec: EstimatorSpec = name.parse().unwrap();
        let cpu = spec.build(Cpu::new()).profile(inputs.view(), &views).unwrap();
        let reference = spec.build(Reference).profile(inputs.view(), &views).unwrap();
        // Only `gram` multiplies in f32.
        let tolerance = Tolerance::absolute(if name == "gram" { 1e-5 } else { 1e-9 });
        assert_close(&cpu.values, &reference.values, tolerance);
        assert_eq!(cpu.floored, reference.floored, "{name}");
    }
}

#[test]
fn results_are_independent_of_memory_order() {
    let (inputs, layer) = (gaussian(6, 5, 1.0, 20), gaussian(6, 5, 1.0, 21));
    let transposed = layer.t().to_owned();
    for name in NAMES {
        let estimator = estimator(name);
        let plain = estimator.profile(inputs.view(), &[layer.view()]).unwrap();
        assert_eq!(plain, estimator.profile(inputs.view(), &[transposed.t()]).unwrap());
    }
}

#[test]
fn every_estimator_rejects_invalid_samples() {
    let good = gaussian(3, 4, 1.0, 9);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut damaged = good.clone();
        damaged[[2, 1]] = bad;
        for name in NAMES {
            let run = |inputs: &Array2<f32>, second: &Array2<f32>| {
                estimator(name).profile(inputs.view(), &[good.view(), second.view()])
            };
            let error = run(&good, &damaged).expect_err(name);
            let Error::NotFinite { source_of: Source::Layer(2), sample: 2, unit: 1, .. } = error
            else {
                panic!("{name}: {error}");
            };
            let error = run(&damaged, &good).expect_err(name);
            let Error::NotFinite { source_of: Source::Inputs, .. } = error else {
                panic!("{name}: {error}");
            };
            let error = run(&good, &gaussian(2, 4, 1.0, 9)).expect_err(name);
            assert!(matches!(error, Error::Shape { layer: 2, .. }), "{name}: {error}");
        }
    }
    for name in NAMES {
        let error = estimator(name).profile(good.view(), &[]).expect_err(name);
        assert!(matches!(error, Error::NoLayers), "{name}: {error}");
        let none = Array2::zeros((0, 4));
        let error = estimator(name).profile(none.view(), &[none.view()]).expect_err(name);
        assert!(matches!(error, Error::Empty { rows: 0, cols: 4, .. }), "{name}: {error}");
    }
}

#[test]
fn settings_out_of_range_are_rejected_in_use() {
    let samples = gaussian(3, 4, 1.0, 9);
    for eps in [-1.0, 0.0, 1.0, f64::NAN] {
        let spec = EstimatorSpec::Relative(Relative::Floored { eps });
        let error = spec.build(Cpu::new()).profile(samples.view(), &[samples.view()]);
        assert!(matches!(error, Err(Error::Setting { setting: "eps", .. })), "{eps}");
    }
}

#[test]
fn perfect_reconstructions_reach_beyond_the_last_layer() {
    let inputs = gaussian(10, 6, 1.0, 30);
    let layers = [inputs.view(); 5];
    for name in ["relative", "relative-floored", "jensen-shannon"] {
        let profile = estimator(name).profile(inputs.view(), &layers).unwrap();
        let cutoff = cutoff::find(&CutoffRule::default(), &profile).unwrap();
        assert_eq!(cutoff.depth, Depth::Beyond(5), "{name}");
    }
}

/// Samples of 8-bit pixels, which are exact in f32, also after small multiplications and shifts.
fn pixels(rows: usize, cols: usize) -> impl Strategy<Value = Array2<f32>> {
    proptest::collection::vec(any::<u8>(), rows * cols).prop_map(move |bytes| {
        let numbers = bytes.into_iter().map(|byte| f32::from(byte) / 256.0).collect();
        Array2::from_shape_vec((rows, cols), numbers).unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn divergences_are_not_negative_and_zero_for_equal_samples(
        x in pixels(3, 12),
        y in pixels(3, 12),
    ) {
        for name in ["relative", "relative-floored", "jensen-shannon"] {
            let divergences = profile(name, &x, &y).per_sample.unwrap();
            prop_assert!(divergences.iter().all(|&value| value >= -1e-12), "{name}: {divergences}");
            let same = profile(name, &x, &x).per_sample.unwrap();
            prop_assert!(same.iter().all(|&value| value.abs() < 1e-12), "{name}: {same}");
        }
    }

    #[test]
    fn jensen_shannon_is_symmetric_and_bounded(x in pixels(2, 9), y in pixels(2, 9)) {
        let (forward, backward) = (value("jensen-shannon", &x, &y), value("jensen-shannon", &y, &x));
        prop_assert!((forward - backward).abs() < 1e-12);
        prop_assert!(forward <= LN_2 + 1e-12);
    }

    #[test]
    fn divergences_ignore_shift_and_scale(
        x in pixels(2, 9),
        y in pixels(2, 9),
        shift in -8_i8..8,
        doublings in -3_i32..4,
    ) {
        let moved = y.mapv(|value| value * 2.0_f32.powi(doublings) + f32::from(shift));
        // The published rule adds 1e-12 at any scale, so only the shift is exact.
        let shifted = y.mapv(|value| value + f32::from(shift));
        prop_assert!((value("relative", &x, &shifted) - value("relative", &x, &y)).abs() < 1e-9);
        // A constant row is the uniform distribution at any scale. Other rows differ only by the 1e-12.
        for name in ["relative-floored", "jensen-shannon"] {
            prop_assert!((value(name, &x, &moved) - value(name, &x, &y)).abs() < 1e-7, "{name}");
        }
    }

    #[test]
    fn gram_entropy_ignores_shift_and_scale_and_stays_in_range(
        x in pixels(5, 9),
        shift in -8_i8..8,
        doublings in -3_i32..4,
    ) {
        let moved = x.mapv(|value| value * 2.0_f32.powi(doublings) + f32::from(shift));
        let (before, after) = (value("gram", &x, &x), value("gram", &x, &moved));
        prop_assert!((0.0..=1.0).contains(&before));
        prop_assert!((before - after).abs() < 1e-4, "{before} {after}");
    }

    #[test]
    fn entropies_are_independent_of_sample_order(x in pixels(6, 5), y in pixels(6, 5)) {
        let reversed = |a: &Array2<f32>| a.slice(ndarray::s![..;-1, ..]).to_owned();
        for name in NAMES {
            let estimator = estimator(name);
            let forward = estimator.profile(x.view(), &[y.view()]);
            let backward = estimator.profile(reversed(&x).view(), &[reversed(&y).view()]);
            if let (Ok(forward), Ok(backward)) = (forward, backward) {
                let difference = (forward.values[0] - backward.values[0]).abs();
                prop_assert!(difference < 1e-4, "{name}: {difference}");
            }
        }
    }
}
