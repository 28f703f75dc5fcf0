//! Values known from the literature or from hand calculation.

use std::f64::consts::PI;

use isobath_architecture::Activation;
use isobath_meanfield::{
    CriticalCrossing, Error, FixedPoint, Phase, SpatialVariance, Theory, critical_crossings,
    critical_point, critical_sigma_b2, critical_sigma_w2,
};

fn fixed_point(activation: Activation, sigma_w2: f64, sigma_b2: f64) -> FixedPoint {
    Theory::new(activation, sigma_w2, sigma_b2)
        .and_then(|theory| theory.fixed_point())
        .expect("a stable length")
}

#[track_caller]
fn check(actual: f64, expected: f64, tolerance: f64) {
    assert!((actual - expected).abs() <= tolerance, "{actual} instead of {expected}");
}

#[test]
fn tanh_critical_points() {
    let point = critical_point(Activation::Tanh, 0.05).unwrap();
    check(point.sigma_w2, 1.76095, 5e-6);
    check(point.q_star, 0.57005, 5e-6);
    check(critical_sigma_w2(Activation::Tanh, 2e-5).unwrap(), 1.04991, 5e-6);
    check(critical_sigma_b2(Activation::Tanh, 1.760_954_639_606_034).unwrap(), 0.05, 1e-9);
}

/// He initialisation: with variance 2 and no bias every length is a fixed point, and no correlation scale exists.
#[test]
fn relu_is_critical_at_two() {
    check(critical_sigma_w2(Activation::Relu, 0.0).unwrap(), 2.0, 1e-15);
    let point = fixed_point(Activation::Relu, 2.0, 0.0);
    assert_eq!((point.q_star, point.phase), (None, Phase::Critical));
    assert!(
        point.xi_c.is_infinite() && point.xi_q.is_infinite() && point.xi_gradient.is_infinite()
    );
    let theory = Theory::new(Activation::Relu, 2.0, 0.0).unwrap();
    for q in [1e-9, 0.3, 1.0, 1e9] {
        check(theory.length_map(q).unwrap() / q, 1.0, 1e-15);
        check(theory.chi(q, 1.0).unwrap(), 1.0, 1e-15);
    }
}

/// With bias, `q* = sigma_b2 / (1 - sigma_w2 / 2)`, and no weight variance is critical.
#[test]
fn relu_with_bias() {
    let point = fixed_point(Activation::Relu, 1.5, 0.2);
    check(point.q_star.unwrap(), 0.8, 1e-15);
    check(point.chi_1, 0.75, 1e-15);
    let error = critical_sigma_w2(Activation::Relu, 0.2).unwrap_err();
    assert!(matches!(error, Error::NoCriticalPoint { phase: Phase::Ordered, .. }), "{error}");
}

/// Critical variance `2 / (1 + slope^2)` of the leaky rectifier, also found where rounding keeps the product off one.
#[test]
fn leaky_relu_critical_variance() {
    for slope in [0.01, 0.2, -0.7, 1.0_f64] {
        let activation = Activation::LeakyRelu { slope };
        let sigma_w2 = critical_sigma_w2(activation, 0.0).unwrap();
        check(sigma_w2, 2.0 / (1.0 + slope.powi(2)), 1e-15);
        assert_eq!(fixed_point(activation, sigma_w2, 0.0).phase, Phase::Critical);
    }
}

/// Weights of variance one preserve mean zero and mean square one (Klambauer et al. arXiv:1706.02515).
#[test]
fn selu_normalises_itself() {
    let point = fixed_point(Activation::Selu, 1.0, 0.0);
    check(point.q_star.unwrap(), 1.0, 1e-13);
    let phi = isobath_meanfield::Phi::new(Activation::Selu);
    check(
        isobath_meanfield::quadrature::gaussian_mean(1.0, phi.kinks(), |u| phi.value(u)),
        0.0,
        1e-13,
    );
    // E[phi] = 0 makes c = 0 a fixed point, which is stable because E[phi]^2 is the only constant term.
    assert_eq!(point.phase, Phase::Chaotic);
    check(point.c_star, 0.0, 1e-12);
    check(point.chi_1, 1.071_6, 5e-4);
}

/// For erf `E[phi^2] = (2/pi) asin(2q / (1 + 2q))` and `E[phi'^2] = (4/pi) / sqrt(1 + 4q)`.
#[test]
fn erf_critical_line_in_closed_form() {
    for q in [0.02, 0.3, 1.0, 10.0] {
        let sigma_w2 = PI / 4.0 * f64::sqrt(1.0 + 4.0 * q);
        let sigma_b2 = q - sigma_w2 * 2.0 / PI * f64::asin(2.0 * q / (1.0 + 2.0 * q));
        let point = critical_point(Activation::Erf, sigma_b2).unwrap();
        check(point.sigma_w2 / sigma_w2, 1.0, 1e-11);
        check(point.q_star / q, 1.0, 1e-9);
        check(critical_sigma_b2(Activation::Erf, sigma_w2).unwrap() / sigma_b2, 1.0, 1e-9);
    }
    check(critical_sigma_w2(Activation::Erf, 0.0).unwrap(), PI / 4.0, 1e-15);
}

/// Sine has `V(q) = sigma_w2 (1 - e^{-2q}) / 2` and, without bias, `c* = 0` with `chi = sigma_w2 e^{-q*}`.
#[test]
fn sine_in_closed_form() {
    let point = fixed_point(Activation::Sine, 3.0, 0.0);
    let q = point.q_star.unwrap();
    check(q, 1.5 * (1.0 - (-2.0 * q).exp()), 1e-14);
    check(point.chi_1, 1.5 * (1.0 + (-2.0 * q).exp()), 1e-14);
    check(point.chi_c_star, 3.0 * (-q).exp(), 1e-14);
    let error = critical_sigma_b2(Activation::Sine, 2.5).unwrap_err();
    assert!(matches!(error, Error::NoCriticalPoint { phase: Phase::Chaotic, .. }), "{error}");
    let error = critical_sigma_b2(Activation::Sine, 0.5).unwrap_err();
    assert!(matches!(error, Error::NoCriticalPoint { phase: Phase::Ordered, .. }), "{error}");
}

/// A linear network without bias scales everything by `sigma_w2`.
#[test]
fn linear_network() {
    let point = fixed_point(Activation::Linear, 0.9, 0.0);
    assert_eq!((point.q_star, point.c_star), (Some(0.0), 1.0));
    check(point.xi_c, -1.0 / 0.9_f64.ln(), 1e-12);
    let kept = Theory::new(Activation::Linear, 1.0, 0.0).unwrap();
    check(kept.correlation_map(2.0, 0.3).unwrap(), 0.3, 1e-15);
    assert!(matches!(
        Theory::new(Activation::Linear, 1.1, 0.0).unwrap().fixed_point(),
        Err(Error::LengthDiverges { .. })
    ));
}

/// Near the line `chi_1 - 1` is linear in `sigma_w2`, and `ln chi(c*) = -ln chi_1` to first order for smooth functions.
#[test]
fn scales_are_accurate_next_to_the_critical_line() {
    for activation in [Activation::Tanh, Activation::Erf] {
        let critical = critical_sigma_w2(activation, 0.05).unwrap();
        let distance =
            |delta: f64| fixed_point(activation, critical * (1.0 + delta), 0.05).distance;
        let slope = distance(1e-4) / 1e-4;
        for delta in [1e-6, 1e-7, 1e-8] {
            check(distance(delta) / (slope * delta), 1.0, 1e-3);
            check(distance(-delta) / -distance(delta), 1.0, 1e-5);
            let chaotic = fixed_point(activation, critical * (1.0 + delta), 0.05);
            check(chaotic.xi_c * chaotic.distance, 1.0, 1e-5);
            assert!(chaotic.d_star > 0.0 && chaotic.d_star < 100.0 * delta, "{chaotic:?}");
        }
        assert!(distance(0.0).abs() < 1e-13);
    }
}

/// Between two stable lengths GELU jumps from order to chaos: `chi_1` is never one where the length is stable.
#[test]
fn gelu_jumps_from_order_to_chaos() {
    let [ordered, chaotic] =
        [1.99, 1.995].map(|sigma_w2| fixed_point(Activation::Gelu, sigma_w2, 0.145));
    assert_eq!((ordered.phase, chaotic.phase), (Phase::Ordered, Phase::Chaotic));
    let error = critical_sigma_w2(Activation::Gelu, 0.145).unwrap_err();
    assert!(matches!(error, Error::CriticalJump { .. }), "{error}");
}

/// The only crossing of `chi_1 = 1` at a bias variance.
#[track_caller]
fn crossing(activation: Activation, sigma_b2: f64) -> CriticalCrossing {
    let crossings = critical_crossings(activation, sigma_b2).expect("in range");
    let [crossing] = crossings[..] else { panic!("{crossings:?}") };
    crossing
}

/// Half-stable points of GELU and SiLU (Roberts, Yaida and Hanin, arXiv:2106.10165, section 5.3.4): `chi_1` and the slope
/// of the length map are both one. With more bias variance the crossing of `chi_1 = 1` is stable, with less it is not.
#[test]
fn half_stable_points_of_gelu_and_silu() {
    for (activation, sigma_b2, sigma_w2, q) in [
        (Activation::Gelu, 0.172_922_39, 1.983_058_26, f64::midpoint(3.0, 17_f64.sqrt())),
        (Activation::Silu, 0.555_143_17, 1.988_004_68, 14.320_173_62),
    ] {
        let point = crossing(activation, sigma_b2).point;
        check(point.sigma_w2, sigma_w2, 1e-8);
        check(point.q_star, q, 1e-6);
        let theory = Theory::new(activation, point.sigma_w2, sigma_b2).unwrap();
        let map = |q: f64| theory.length_map(q).unwrap();
        check(map(point.q_star), point.q_star, 1e-12);
        check((map(q + 1e-4) - map(q - 1e-4)) / 2e-4, 1.0, 1e-7);
        assert!(crossing(activation, 1.01 * sigma_b2).is_stable, "{activation}");
        assert!(!crossing(activation, 0.99 * sigma_b2).is_stable, "{activation}");
    }
}

/// With little bias variance SiLU crosses `chi_1 = 1` only at a length that repels.
#[test]
fn silu_crosses_at_an_unstable_length() {
    let found = crossing(Activation::Silu, 0.04);
    check(found.point.sigma_w2, 2.8208, 5e-5);
    assert!(!found.is_stable);
    let theory = Theory::new(Activation::Silu, found.point.sigma_w2, 0.04).unwrap();
    check(theory.chi(found.point.q_star, 1.0).unwrap(), 1.0, 1e-12);
    let from = |factor: f64| theory.length_profile(factor * found.point.q_star, 20).unwrap();
    assert!(from(1.01).is_sorted_by(|a, b| a < b), "{:?}", from(1.01));
    assert!(from(0.99).is_sorted_by(|a, b| a > b), "{:?}", from(0.99));
}

/// Chaotic point at a relative distance of one millionth, against 30-digit arithmetic: a Mehler series of 200 terms.
#[test]
fn nine_digits_at_a_millionth_from_the_critical_line() {
    let chaotic = fixed_point(Activation::Tanh, 1.760_956_400_561_378_7, 0.05);
    check(chaotic.q_star.unwrap() / 0.570_048_960_996_191_5, 1.0, 1e-14);
    check(chaotic.distance / 3.754_069_700_039_146e-7, 1.0, 5e-9);
    check(chaotic.d_star / 2.316_681_358_087_354e-6, 1.0, 1e-8);
    check((1.0 - chaotic.chi_c_star) / 3.754_063_122_908_813e-7, 1.0, 1e-8);
    check(chaotic.xi_c / 2_663_779.962_021_492, 1.0, 1e-8);
    let ordered = fixed_point(Activation::Tanh, 1.760_952_878_652_099_6, 0.05);
    check(ordered.distance / -3.754_073_916_322_3e-7, 1.0, 5e-9);
}

/// `e^(x^2) erfc(x)`
fn erfcx(x: f64) -> f64 {
    (x * x).exp() * libm::erfc(x)
}

/// Points next to the critical line, against closed forms of the lengths and the first two terms of `E[phi' phi']` in
/// the angle `t = acos c`. `E[phi'^2] - E[phi'(u_1) phi'(u_2)] = a t + b t^2 / 2`, so the contraction decreases by
/// `(2/3) a t + b t^2 / 4`. With a kink `a > 0`, and `1 - c*` is of the order of the distance squared.
#[test]
fn activations_with_kinks_are_accurate_next_to_the_critical_line() {
    const DELTA: f64 = 1e-6;
    const SELU: (f64, f64) = (1.050_700_987_355_480_5, 1.673_263_242_354_377_2);
    /// `V(q) / sigma_w2`, `E[phi'^2]`, `a` and `b` at a length.
    type Expansion = fn(f64) -> [f64; 4];
    let hard_tanh: Expansion = |q| {
        let h = q.sqrt().recip();
        let inside = libm::erf(h / 2_f64.sqrt());
        let edge = (-0.5 * h * h).exp();
        let square = q * (inside - (2.0 / PI).sqrt() * h * edge) + 1.0 - inside;
        [square, inside, edge / PI, 0.0]
    };
    let selu: Expansion = |q| {
        let ((scale, alpha), r) = (SELU, (0.5 * q).sqrt());
        let square = 0.5 * (q + alpha * alpha * (erfcx(2.0 * r) - 2.0 * erfcx(r) + 1.0));
        let gradient = 0.5 * (1.0 + alpha * alpha * erfcx(2.0 * r));
        let jump = 1.0 - alpha;
        let kink = jump * jump / (2.0 * PI);
        let next = jump * alpha * r / PI.sqrt() + 0.5 * alpha * alpha * q * erfcx(2.0 * r);
        [square, gradient, kink, next].map(|x| scale * scale * x)
    };
    for (activation, expansion) in [(Activation::HardTanh, hard_tanh), (Activation::Selu, selu)] {
        let sigma_b2 = 0.05;
        let sigma_w2 = critical_sigma_w2(activation, sigma_b2).unwrap() * (1.0 + DELTA);
        let point = fixed_point(activation, sigma_w2, sigma_b2);
        let q = (0..200).fold([1e-3, 10.0], |[low, high], _| {
            let middle = f64::midpoint(low, high);
            let rises = sigma_w2 * expansion(middle)[0] + sigma_b2 > middle;
            if rises { [middle, high] } else { [low, middle] }
        })[0];
        check(point.q_star.unwrap() / q, 1.0, 1e-13);
        let [_, gradient, a, b] = expansion(q);
        let distance = sigma_w2 * gradient - 1.0;
        check(point.distance / distance, 1.0, 1e-8);
        // sigma_w2 ((2/3) a t + b t^2 / 4) = distance; the second term is a millionth of the first.
        let first = 1.5 * distance / (sigma_w2 * a);
        let t = first * (1.0 - 0.375 * b / a * first);
        check(point.d_star / (0.5 * t * t), 1.0, 1e-8);
        let chi = 1.0 + distance - sigma_w2 * (a * t + 0.5 * b * t * t);
        check((1.0 - point.chi_c_star) / (1.0 - chi), 1.0, 1e-8);
        check(point.xi_c * (1.0 - chi), 1.0, 1e-6);
    }
}

/// `critical_sigma_w2` and `critical_sigma_b2` describe the same line for each activation with a critical line at
/// non-zero bias.
#[test]
fn the_two_critical_functions_are_inverse() {
    let mut n_lines = 0;
    for activation in Activation::ALL {
        let Ok(point) = critical_point(activation, 0.1) else { continue };
        n_lines += 1;
        let state = fixed_point(activation, point.sigma_w2, 0.1);
        check(state.distance, 0.0, 1e-11);
        check(state.q_star.unwrap() / point.q_star, 1.0, 1e-8);
        check(critical_sigma_b2(activation, point.sigma_w2).unwrap(), 0.1, 1e-6);
    }
    assert!(n_lines >= 5, "{n_lines}");
}

/// Depth scales of the tanh networks of arXiv:2406.12916, `sigma_b2 = 2e-5`.
#[test]
fn depth_scales_of_the_published_networks() {
    let sigma_b2 = 2e-5;
    let critical = critical_point(Activation::Tanh, sigma_b2).unwrap();
    check(critical.q_star, 0.02587, 5e-6);
    for (sigma_w2, xi_c, tolerance) in [
        (0.5, 1.443, 5e-4),
        (0.9, 9.455, 5e-4),
        (1.0, 158.7, 0.05),
        (1.02, 601.0, 0.5),
        (1.04, 2245.0, 0.5),
    ] {
        check(fixed_point(Activation::Tanh, sigma_w2, sigma_b2).xi_c, xi_c, tolerance);
    }
}

/// Slowest wave of a circular 3x3 convolution at criticality.
#[test]
fn slowest_modes_at_criticality() {
    let sigma_w2 = critical_sigma_w2(Activation::Tanh, 2e-5).unwrap();
    let point = fixed_point(Activation::Tanh, sigma_w2, 2e-5);
    let kernel = SpatialVariance::uniform([3, 3]).unwrap();
    for (size, lambda, xi_c) in [(5, 0.539, 1.62), (7, 0.749, 3.46), (8, 0.805, 4.60)] {
        let modes = point.mode_scales(&kernel, [size, size]);
        let slowest = modes[1..].iter().max_by(|a, b| a.lambda.total_cmp(&b.lambda)).unwrap();
        check(slowest.lambda, lambda, 5e-4);
        check(slowest.xi_c, xi_c, 5e-3);
    }
}
