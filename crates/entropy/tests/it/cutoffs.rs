//! Cut-offs and their error bars through the public API.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use isobath_entropy::{
    Differential, Error, EstimatorSpec, LEVEL, Profile, bootstrap, bootstrap_means,
    cutoff::{self, CutoffRule, Depth},
};
use isobath_tensor::random::{normal, philox};
use ndarray::Array2;
use proptest::prelude::*;

const SATURATION: CutoffRule = CutoffRule::Saturation { rtol: 0.005 };
const PUBLISHED: CutoffRule = CutoffRule::SaturationPublished { rtol: 0.005, skip_last: 2 };
const THRESHOLD: CutoffRule = CutoffRule::Threshold { error: 0.9, interpolate: true };
const RULES: [CutoffRule; 4] = [SATURATION, PUBLISHED, CutoffRule::Decay, THRESHOLD];

/// Profile whose samples decay with `lambda` from 0.2 to individual limits around 1.2, with independent noise.
fn samples(layers: usize, n: usize, lambda: f64, noise: f64, seed: u64) -> Profile {
    let per_sample = Array2::from_shape_fn((layers, n), |(layer_idx, sample)| {
        let limit = 1.2 + 0.2 * normal(philox(seed, 0, sample as u64)[0]);
        let noise = noise * normal(philox(seed, 1 + layer_idx as u64, sample as u64)[0]);
        limit - (limit - 0.2) * (-(layer_idx as f64 + 1.0) / lambda).exp() + noise
    });
    Profile::from_samples(EstimatorSpec::RELATIVE, per_sample)
}

fn flat(layers: usize) -> Profile {
    Profile::from_layers(
        EstimatorSpec::Differential(Differential::Published),
        vec![(-3.0, 0); layers],
    )
}

#[track_caller]
fn depth(rule: CutoffRule, profile: &Profile) -> Depth {
    cutoff::find(&rule, profile).unwrap().depth
}

#[test]
fn saturation_gives_the_layer_where_the_median_sample_reaches_the_tolerance() {
    // (1 - 0.2/1.2) exp(-l / 4) = 0.005 at l = 4 ln 166.7 = 20.5.
    assert_eq!(depth(SATURATION, &samples(80, 101, 4.0, 0.0, 1)), Depth::Layer(20.0));
    assert_eq!(depth(SATURATION, &samples(15, 101, 4.0, 0.0, 1)), Depth::Beyond(15));
}

#[test]
fn published_rule_does_not_check_for_a_plateau() {
    let published = |skip_last| CutoffRule::SaturationPublished { rtol: 0.005, skip_last };
    let unsaturated = samples(20, 50, 40.0, 0.0, 2);
    // Layer 20 is the reference and 19 the deepest that differs; without the last two layers, 18 and 17.
    assert_eq!(depth(published(0), &unsaturated), Depth::Layer(19.0));
    assert_eq!(depth(published(2), &unsaturated), Depth::Layer(17.0));
    assert_eq!(depth(SATURATION, &unsaturated), Depth::Beyond(20));
}

#[test]
fn flat_profiles_have_depth_zero_or_their_full_length_by_the_published_rule() {
    assert_eq!(depth(SATURATION, &flat(20)), Depth::Layer(0.0));
    assert_eq!(depth(PUBLISHED, &flat(20)), Depth::Layer(18.0));
    assert_eq!(depth(CutoffRule::Decay, &flat(20)), Depth::Undetermined);
    assert_eq!(depth(THRESHOLD, &flat(20)), Depth::Beyond(20));
}

#[test]
fn decay_finds_the_scale_of_rising_and_falling_profiles() {
    let rising = samples(60, 200, 9.0, 0.05, 3);
    let falling = Profile::from_layers(
        EstimatorSpec::RELATIVE,
        rising.values.iter().map(|&value| (-value, 0)),
    );
    for profile in [rising, falling] {
        let cutoff = cutoff::find(&CutoffRule::Decay, &profile).unwrap();
        let (lambda, error) = (cutoff.depth.layer().unwrap(), cutoff.standard_error.unwrap());
        assert!((lambda - 9.0).abs() < 4.0 * error && error < 0.2, "{cutoff:?}");
        // The mean of 200 samples has noise of 0.05 / sqrt(200).
        assert!((cutoff.fit.unwrap().residual / 0.0035 - 1.0).abs() < 0.3, "{cutoff:?}");
    }
}

#[test]
fn single_layers_and_single_samples_are_accepted() {
    for profile in [samples(1, 1, 3.0, 0.0, 4), flat(1)] {
        assert_eq!(depth(SATURATION, &profile), Depth::Beyond(1));
        assert_eq!(depth(CutoffRule::Decay, &profile), Depth::Undetermined);
        assert_eq!(depth(THRESHOLD, &profile), Depth::Beyond(1));
        let error = cutoff::find(&PUBLISHED, &profile).expect_err("nothing is left");
        assert!(matches!(error, Error::NothingLeft { layers: 1, skip_last: 2 }));
    }
    assert_eq!(bootstrap(&SATURATION, &samples(9, 1, 3.0, 0.0, 4), 50, 1).unwrap(), None);
}

#[test]
fn invalid_profiles_and_rules_are_rejected() {
    let mut profile = samples(6, 4, 2.0, 0.0, 5);
    if let Some(per_sample) = &mut profile.per_sample {
        per_sample[[4, 0]] = f64::NAN;
    }
    for rule in RULES {
        let error = cutoff::find(&rule, &profile).expect_err("NaN");
        assert!(matches!(error, Error::ProfileNotFinite { layer: 5, .. }), "{error}");
        bootstrap(&rule, &profile, 10, 1).expect_err("NaN");
        cutoff::find(&rule, &Profile::from_layers(EstimatorSpec::RELATIVE, []))
            .expect_err("no layers");
    }
    bootstrap_means(&profile, 10, 1).expect_err("NaN");
    let rule = CutoffRule::Saturation { rtol: -1.0 };
    assert!(matches!(cutoff::find(&rule, &flat(3)), Err(Error::Setting { setting: "rtol", .. })));
    let none = bootstrap(&SATURATION, &samples(6, 4, 2.0, 0.0, 5), 0, 1);
    assert!(matches!(none, Err(Error::Setting { setting: "resamples", .. })));
}

#[test]
fn intervals_cover_the_true_scale() {
    // The noise of layers is independent between samples, so that resampling samples covers all of it.
    let (truth, trials) = (6.0, 60);
    let covered = (0..trials).filter(|&trial| {
        let profile = samples(30, 40, truth, 0.1, 100 + trial);
        let interval = bootstrap(&CutoffRule::Decay, &profile, 200, trial).unwrap().unwrap();
        let ends = (interval.low.layer().unwrap(), interval.high.layer().unwrap());
        ends.0 <= truth && truth <= ends.1
    });
    // 95% of 60 is 57 with a standard deviation of 1.7; percentile intervals cover a little less.
    let covered = covered.count();
    assert!(covered >= 50, "{covered} of {trials}");
}

#[test]
fn intervals_contain_the_cutoff_and_depend_only_on_the_seed() {
    let profile = samples(60, 80, 5.0, 0.01, 6);
    for rule in [CutoffRule::Decay, THRESHOLD] {
        let interval = bootstrap(&rule, &profile, 200, 9).unwrap().unwrap();
        assert_eq!(Some(interval), bootstrap(&rule, &profile, 200, 9).unwrap());
        let layer = depth(rule, &profile).layer().unwrap();
        assert!(interval.low.layer().unwrap() <= layer && layer <= interval.high.layer().unwrap());
        assert!((interval.level - LEVEL).abs() < f64::EPSILON);
        assert!(interval.undetermined <= 0.0);
    }
}

#[test]
fn censored_resamples_leave_the_interval_open() {
    // Half of the samples exceed the threshold and half stay below it. Their mean ends just below the threshold, so that some
    // resamples exceed it and others do not.
    let per_sample = Array2::from_shape_fn((10, 20), |(l, s)| {
        l as f64 / 10.0 + if s % 2 == 0 { 0.2 } else { -0.2 }
    });
    let profile = Profile::from_samples(EstimatorSpec::RECONSTRUCTION_ERROR, per_sample);
    let interval = bootstrap(&THRESHOLD, &profile, 400, 3).unwrap().unwrap();
    assert!(interval.low.layer().is_some_and(|layer| layer < 10.0), "{interval:?}");
    assert_eq!(interval.high, Depth::Beyond(10));
}

#[test]
fn intervals_of_means_match_their_standard_errors() {
    let profile = samples(5, 400, 2.0, 0.1, 7);
    let intervals = bootstrap_means(&profile, 1000, 1).unwrap().unwrap();
    for (layer_idx, (low, high)) in intervals.into_iter().enumerate() {
        let values = profile.per_sample.as_ref().unwrap().row(layer_idx).to_owned();
        let width = 2.0 * 1.96 * values.std(1.0) / 20.0;
        assert!(((high - low) / width - 1.0).abs() < 0.15, "layer {layer_idx}: {low} {high}");
        assert!(low < profile.values[layer_idx] && profile.values[layer_idx] < high);
    }
}

#[test]
fn profiles_without_samples_have_no_interval() {
    assert_eq!(bootstrap(&SATURATION, &flat(9), 50, 1).unwrap(), None);
    assert_eq!(bootstrap_means(&flat(9), 50, 1).unwrap(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rules_never_panic(
        values in proptest::collection::vec(-1e3_f64..1e3, 3..40),
        n in 1_usize..5,
    ) {
        let layers = values.len() / n;
        let of_layers = Profile::from_layers(EstimatorSpec::RELATIVE, values.iter().map(|&value| (value, 0)));
        let mut profiles = vec![of_layers];
        if layers >= 3 {
            let numbers = values[..layers * n].to_vec();
            let per_sample = Array2::from_shape_vec((layers, n), numbers).unwrap();
            profiles.push(Profile::from_samples(EstimatorSpec::RELATIVE, per_sample));
        }
        for (profile, rule) in profiles.iter().flat_map(|p| RULES.map(|rule| (p, rule))) {
            let cutoff = cutoff::find(&rule, profile).unwrap();
            if let Depth::Layer(layer) = cutoff.depth {
                prop_assert!((0.0..=profile.depth() as f64).contains(&layer), "{cutoff:?}");
            }
            prop_assert!(cutoff.standard_error.is_none_or(f64::is_finite));
            bootstrap(&rule, profile, 5, 1).unwrap();
        }
    }

    #[test]
    fn saturation_of_step_profiles_is_the_step(layers in 4_usize..150, at in 0.0_f64..1.0) {
        // A step whose plateau has at least two layers and a twentieth of all layers.
        let shortest = (0.05 * layers as f64).ceil().max(2.0) as usize;
        let step = (at * (layers - shortest) as f64) as usize;
        let values = (1..=layers).map(|l| (if l <= step { 0.5 } else { 1.0 }, 0));
        let profile = Profile::from_layers(EstimatorSpec::RELATIVE, values);
        prop_assert_eq!(depth(SATURATION, &profile), Depth::Layer(step as f64));
    }

    #[test]
    fn saturation_and_decay_ignore_the_scale_of_a_profile(
        lambda in 1.0_f64..12.0,
        scale in 0.1_f64..10.0,
    ) {
        let profile = samples(40, 9, lambda, 0.0, 9);
        let scaled = Profile::from_samples(EstimatorSpec::RELATIVE, profile.per_sample.as_ref().unwrap() * scale);
        let layers = |rule| [depth(rule, &profile), depth(rule, &scaled)].map(Depth::at_least);
        for rule in [SATURATION, CutoffRule::Decay] {
            let [Some(before), Some(after)] = layers(rule) else { panic!("undetermined") };
            prop_assert!((before - after).abs() < 1e-5, "{before} {after}");
        }
    }
}
