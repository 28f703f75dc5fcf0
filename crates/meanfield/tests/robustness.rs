//! Every point of the plane gives finite numbers or a typed error, quickly.

use meanfield::{Error, Phase, Theory, critical_point, critical_sigma_b2};
use proptest::{prelude::*, test_runner::RngSeed};
use tensor::Activation;

fn activation() -> impl Strategy<Value = Activation> {
    let leaky = (-3.0_f32..3.0).prop_map(|slope| Activation::LeakyRelu { slope });
    prop_oneof![8 => proptest::sample::select(Activation::ALL.to_vec()), 1 => leaky]
}

/// Variances over ten orders of magnitude, now and then a special one.
fn sigma_w2() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-6.0..4.0).prop_map(|exponent| 10_f64.powf(exponent)),
        2 => 0.1..4.0,
        1 => proptest::sample::select(vec![1e-6, 0.25, 0.5, 1.0, 2.0, 4.0, 16.0, 1e4, 2.0 - 4e-16, 1.0 + 3e-16]),
    ]
}

fn sigma_b2() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-12.0..4.0).prop_map(|exponent| 10_f64.powf(exponent)),
        1 => proptest::sample::select(vec![0.0, 1e-300, 1e-20, 1.0, 1e4]),
    ]
}

fn has_no_critical_point(error: &Error) -> bool {
    matches!(error, Error::NoCriticalPoint { .. } | Error::CriticalJump { .. })
}

fn config(n_cases: u32) -> ProptestConfig {
    ProptestConfig {
        rng_seed: RngSeed::Fixed(160_605_340),
        failure_persistence: None,
        ..ProptestConfig::with_cases(n_cases)
    }
}

proptest! {
    #![proptest_config(config(3000))]

    #[test]
    fn fixed_points_are_finite_consistent_or_errors(activation in activation(), w in sigma_w2(), b in sigma_b2()) {
        let theory = Theory::new(activation, w, b).unwrap();
        let point = match theory.fixed_point() {
            Ok(point) => point,
            Err(Error::LengthDiverges { limit, .. }) => {
                prop_assert!(w >= limit * (1.0 - 1e-9), "{activation} {w} {b}: {limit}");
                return Ok(());
            }
            Err(error) => {
                let too_large = matches!(error, Error::BiasTooLarge { limit, .. } if limit < b);
                prop_assert!(too_large, "{error}");
                return Ok(());
            }
        };
        for value in [point.dq_map, point.chi_1, point.distance, point.c_star, point.d_star, point.chi_c_star] {
            prop_assert!(value.is_finite(), "{point:?}");
        }
        for scale in [point.xi_q, point.xi_c, point.xi_gradient] {
            prop_assert!(scale >= 0.0, "{point:?}");
        }
        prop_assert!((0.0..=1.0).contains(&point.c_star) && point.chi_c_star <= 1.0 + 1e-11, "{point:?}");
        prop_assert!(point.dq_map <= 1.0 + 1e-9, "{point:?}");
        if let Some(q) = point.q_star {
            let next = theory.length_map(q).unwrap();
            // Where V(q) runs along the diagonal, many lengths are fixed to within rounding.
            prop_assert!((next - q).abs() <= 1e-13 * q, "{point:?}: V(q*) = {next}");
        }
        if point.phase == Phase::Chaotic {
            let q = point.q_star.unwrap();
            let next = theory.deficiency_map(q, point.d_star).unwrap();
            prop_assert!((next - point.d_star).abs() <= 1e-12 * point.d_star, "{point:?}: {next}");
        }
    }

}

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn critical_lines_are_critical_or_errors(activation in activation(), b in sigma_b2(), w in sigma_w2()) {
        match critical_point(activation, b) {
            Ok(point) => {
                let gain = Theory::new(activation, point.sigma_w2, b).unwrap().chi(point.q_star, 1.0).unwrap();
                prop_assert!((gain - 1.0).abs() < 1e-12, "{activation} {b}: {point:?} {gain}");
            }
            Err(error) => prop_assert!(has_no_critical_point(&error), "{error}"),
        }
        match critical_sigma_b2(activation, w) {
            Ok(bias) => prop_assert!(bias.is_finite() && bias >= 0.0),
            Err(error) => prop_assert!(has_no_critical_point(&error), "{error}"),
        }
    }

    #[test]
    fn profiles_are_finite_or_errors(
        activation in activation(), w in sigma_w2(), b in sigma_b2(), q in 0.0..1e3, d in 0.0..=2.0_f64,
    ) {
        let theory = Theory::new(activation, w, b).unwrap();
        let Ok(lengths) = theory.length_profile(q, 30) else { return Ok(()) };
        prop_assert!(lengths.iter().all(|q| q.is_finite() && *q >= 0.0), "{lengths:?}");
        let deficiencies = theory.deficiency_profile(q, d, 6).unwrap();
        prop_assert!(deficiencies.iter().all(|d| (0.0..=2.0).contains(d)), "{deficiencies:?}");
        let ratios = theory.gradient_profile(q, 30).unwrap();
        prop_assert!(ratios.iter().all(|ratio| ratio.is_finite()), "{ratios:?}");
    }

    /// Exchanging the inputs changes nothing, and correlation only ever helps.
    #[test]
    fn maps_are_symmetric_and_monotone(activation in activation(), q_a in 0.01..9.0, q_b in 0.01..9.0, c in -1.0..1.0) {
        let kernel = meanfield::kernel::Kernel::new(meanfield::Phi::new(activation));
        let (one, other) = (kernel.covariance(q_a, q_b, c), kernel.covariance(q_b, q_a, c));
        let scale = (kernel.moments(q_a).square * kernel.moments(q_b).square).sqrt();
        prop_assert!((one - other).abs() <= 1e-10 * scale && one.abs() <= scale * (1.0 + 1e-12));
        // A power series in c without negative coefficients, divided differences of which grow with c >= 0.
        let d = 1.0 - c.abs();
        let (near, far) = (kernel.pair(q_a, 0.9 * d), kernel.pair(q_a, d));
        prop_assert!(near.contraction >= far.contraction * (1.0 - 1e-12), "{near:?} {far:?}");
        prop_assert!(near.gradient >= far.gradient * (1.0 - 1e-12) && far.gradient >= 0.0, "{near:?} {far:?}");
        prop_assert!(far.contraction >= far.gradient * (1.0 - 1e-12), "{far:?}");
    }
}
