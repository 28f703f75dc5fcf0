//! Every point of the phase diagram gives finite numbers or a typed error, quickly.

use isobath_architecture::Activation;
use isobath_meanfield::{
    Branch, Dropout, Error, Phase, PostActivation, Residual, SpatialVariance, StreamMoments,
    Theory, Weights, critical_point, critical_sigma_b2,
};
use proptest::{prelude::*, test_runner::RngSeed};

fn activation() -> impl Strategy<Value = Activation> {
    let leaky = (-3.0_f64..3.0).prop_map(|slope| Activation::LeakyRelu { slope });
    prop_oneof![8 => proptest::sample::select(Activation::ALL.to_vec()), 1 => leaky]
}

/// Variances over ten orders of magnitude, with some special values.
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
    #![proptest_config(config(2000))]

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
            // Where V(q) follows the diagonal, many lengths are fixed to within rounding.
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

    /// Covariances are symmetric in the inputs, and pair moments increase with the correlation.
    #[test]
    fn maps_are_symmetric_and_monotone(activation in activation(), q_a in 0.01..9.0, q_b in 0.01..9.0, c in -1.0..1.0) {
        let kernel = isobath_meanfield::kernel::Kernel::new(isobath_meanfield::Phi::new(activation));
        let (one, other) = (kernel.covariance(q_a, q_b, c), kernel.covariance(q_b, q_a, c));
        let scale = (kernel.moments(q_a).square * kernel.moments(q_b).square).sqrt();
        prop_assert!((one - other).abs() <= 1e-10 * scale && one.abs() <= scale * (1.0 + 1e-12));
        // The power series in c has non-negative coefficients, and its divided differences increase with c >= 0.
        let d = 1.0 - c.abs();
        let (near, far) = (kernel.pair(q_a, 0.9 * d), kernel.pair(q_a, d));
        prop_assert!(near.contraction >= far.contraction * (1.0 - 1e-12), "{near:?} {far:?}");
        prop_assert!(near.gradient >= far.gradient * (1.0 - 1e-12) && far.gradient >= 0.0, "{near:?} {far:?}");
        prop_assert!(far.contraction >= far.gradient * (1.0 - 1e-12), "{far:?}");
    }
}

fn branch() -> impl Strategy<Value = Branch> {
    let full = (sigma_b2(), sigma_b2())
        .prop_map(|(sigma_v2, sigma_a2)| Branch::Full { sigma_v2, sigma_a2 });
    prop_oneof![1 => Just(Branch::Reduced), 2 => full]
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn dropout_has_consistent_fixed_points_or_errors(
        activation in activation(), w in sigma_w2(), b in sigma_b2(), keep in 0.01..=1.0_f64,
    ) {
        let dropout = Dropout::new(activation, w, b, keep).unwrap();
        let point = match dropout.fixed_point() {
            Ok(point) => point,
            Err(Error::LengthDiverges { limit, .. }) => {
                prop_assert!(w >= limit * (1.0 - 1e-9), "{activation} {w} {b} {keep}: {limit}");
                return Ok(());
            }
            Err(error) => {
                let too_large = matches!(error, Error::BiasTooLarge { limit, .. } if limit < b);
                prop_assert!(too_large, "{error}");
                return Ok(());
            }
        };
        prop_assert!((0.0..=1.0).contains(&point.c_star) && point.xi_c >= 0.0, "{point:?}");
        prop_assert!(point.chi_c_star.is_finite() && point.chi_c_star <= 1.0 + 1e-11, "{point:?}");
        if keep < 0.999 {
            prop_assert!(point.xi_c.is_finite(), "{point:?}");
            let q = point.q_star.unwrap_or(1.0);
            let next = dropout.correlation_map(q, point.c_star).unwrap();
            prop_assert!((next - point.c_star).abs() <= 1e-12, "{point:?}: {next}");
        }
    }

    #[test]
    fn spectra_and_modes_are_finite_where_points_exist(
        activation in activation(), w in sigma_w2(), b in sigma_b2(), depth in 0..2000_usize,
    ) {
        let theory = Theory::new(activation, w, b).unwrap();
        let Ok(point) = theory.fixed_point() else { return Ok(()) };
        for weights in [Weights::Gaussian, Weights::Orthogonal] {
            let spectrum = theory.jacobian_at(&point, weights, depth);
            prop_assert!(spectrum.relative_variance.is_finite() && spectrum.relative_variance >= 0.0, "{spectrum:?}");
            prop_assert!(!spectrum.ln_mean.is_nan() && spectrum.isometry_depth >= 0.0, "{spectrum:?}");
        }
        let kernel = SpatialVariance::uniform([3, 2]).unwrap();
        for mode in point.mode_scales(&kernel, [4, 5]) {
            prop_assert!((0.0..=1.0).contains(&mode.lambda), "{mode:?}");
            prop_assert!((0.0..=point.xi_c.max(0.0)).contains(&mode.xi_c), "{mode:?} {point:?}");
        }
    }
}

proptest! {
    #![proptest_config(config(100))]

    #[test]
    fn residual_profiles_are_finite_or_errors(
        activation in activation(), w in sigma_w2(), b in sigma_b2(), branch in branch(),
        p in 0.0..1e3, e in -1.0..=1.0_f64,
    ) {
        let network = Residual::new(activation, w, b, branch).unwrap();
        let layers = match network.profile(StreamMoments::centred(p, e), 6) {
            Ok(layers) => layers,
            Err(error) => {
                prop_assert!(matches!(error, Error::LengthOverflow { .. }), "{error}");
                return Ok(());
            }
        };
        for layer in &layers {
            prop_assert!(layer.q.iter().chain(&layer.p).all(|x| x.is_finite() && *x >= 0.0), "{layer:?}");
            prop_assert!((-1.0..=1.0).contains(&layer.e) && (-1.0..=1.0).contains(&layer.c), "{layer:?}");
            prop_assert!(layer.chi.is_finite() && layer.chi >= 1.0, "{layer:?}");
        }
        prop_assert!(network.gradient_profile(p, 6).is_ok_and(|ratios| ratios.iter().all(|r| *r >= 0.0)));
    }
}

proptest! {
    #![proptest_config(config(8))]

    #[test]
    fn populations_converge_for_all_variances(w in sigma_w2(), b in sigma_b2()) {
        for activation in [Activation::Tanh, Activation::Sine] {
            let point = PostActivation::new(activation, w, b).unwrap().fixed_point();
            prop_assert!((0.0..=1.0).contains(&point.p_star) && point.chi.is_finite(), "{point:?}");
            prop_assert!(point.xi_c >= 0.0 && point.ln_chi_error.is_finite(), "{point:?}");
        }
    }
}
