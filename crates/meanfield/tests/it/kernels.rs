//! Closed forms compared with quadrature of their definitions, from small to large lengths.

use isobath_architecture::Activation;
use isobath_meanfield::{
    Phi,
    kernel::Kernel,
    quadrature::{gaussian_mean, gaussian_mean_pair},
};

const LENGTHS: [f64; 9] = [1e-6, 1e-3, 0.05, 0.3, 1.0, 3.0, 20.0, 300.0, 1e4];
const DEFICIENCIES: [f64; 9] = [1e-8, 1e-4, 0.01, 0.2, 0.7, 1.0, 1.3, 1.9, 2.0];

fn all() -> impl Iterator<Item = (Activation, Phi, Kernel)> {
    let extra = [Activation::LeakyRelu { slope: -0.5 }, Activation::LeakyRelu { slope: 3.0 }];
    Activation::ALL.into_iter().chain(extra).map(|activation| {
        let phi = Phi::new(activation);
        (activation, phi, Kernel::new(phi))
    })
}

/// Quadrature resolves an oscillation only at moderate frequencies `sqrt(q)`.
fn lengths(activation: Activation) -> impl Iterator<Item = f64> {
    let largest = if activation == Activation::Sine { 30.0 } else { f64::INFINITY };
    LENGTHS.into_iter().filter(move |&q| q < largest)
}

#[track_caller]
fn check(label: &str, actual: f64, expected: f64, tolerance: f64) {
    assert!((actual - expected).abs() <= tolerance, "{label}: {actual:e} instead of {expected:e}");
}

#[test]
fn moments() {
    for (activation, phi, kernel) in all() {
        for q in lengths(activation) {
            let found = kernel.moments(q);
            let label = format!("{activation} at q = {q}");
            let square = gaussian_mean(q, phi.kinks(), |u| phi.value(u).powi(2));
            check(&format!("{label}, square"), found.square, square, 3e-13 * square);
            let slope = gaussian_mean(q, phi.kinks(), |u| u / q * phi.value(u) * phi.derivative(u));
            // Sigmoids have a non-zero mean, and the two signs of the integrand cancel to this level.
            let size =
                gaussian_mean(q, phi.kinks(), |u| (u / q * phi.value(u) * phi.derivative(u)).abs());
            check(
                &format!("{label}, slope"),
                found.slope,
                slope,
                3e-13 * size + 1e-14 * slope.abs(),
            );
            let gradient = gaussian_mean(q, phi.kinks(), |u| phi.derivative(u).powi(2));
            check(
                &format!("{label}, gradient"),
                kernel.gradient_square(q),
                gradient,
                3e-13 * gradient,
            );
        }
    }
}

#[test]
fn means() {
    for (activation, phi, kernel) in all() {
        for q in lengths(activation) {
            let expected = gaussian_mean(q, phi.kinks(), |u| phi.value(u));
            let size = gaussian_mean(q, phi.kinks(), |u| phi.value(u).abs());
            check(&format!("{activation} at {q}"), kernel.mean(q), expected, 1e-12 * size);
        }
    }
}

#[test]
fn slopes_are_derivatives() {
    for (activation, _, kernel) in all() {
        for q in LENGTHS {
            let h = 1e-4 * q;
            let difference =
                (kernel.moments(q + h).square - kernel.moments(q - h).square) / (2.0 * h);
            let slope = kernel.moments(q).slope;
            let noise = 1e-15 * kernel.moments(q).square / h;
            check(&format!("{activation} at {q}"), difference, slope, 1e-6 * slope + 10.0 * noise);
        }
    }
}

#[test]
fn pair_gradients() {
    for (activation, phi, kernel) in all() {
        for q in lengths(activation).step_by(2) {
            for d in DEFICIENCIES {
                let derivative = |u| phi.derivative(u);
                let expected =
                    gaussian_mean_pair(q, q, 1.0 - d, phi.kinks(), derivative, derivative);
                let scale = kernel.gradient_square(q);
                check(
                    &format!("{activation} at q = {q}, d = {d}"),
                    kernel.pair(q, d).gradient,
                    expected,
                    2e-10 * scale,
                );
            }
        }
    }
}

#[test]
fn covariances_of_different_lengths() {
    for (activation, phi, kernel) in all() {
        for (q_a, q_b) in [(0.3, 2.0), (1e-4, 1.0), (5.0, 20.0), (0.0, 1.0)] {
            for c in [-1.0, -0.6, 0.0, 0.3, 0.95, 1.0] {
                let value = |u| phi.value(u);
                let expected = gaussian_mean_pair(q_a, q_b, c, phi.kinks(), value, value);
                let scale = (kernel.moments(q_a).square * kernel.moments(q_b).square).sqrt();
                let found = kernel.covariance(q_a, q_b, c);
                check(
                    &format!("{activation} at {q_a}, {q_b}, {c}"),
                    found,
                    expected,
                    1e-11 * scale + 1e-300,
                );
            }
        }
    }
}

/// `q d contraction = E[phi^2] - E[phi phi]`, tested where the difference does not cancel.
#[test]
fn contractions_are_differences_of_covariances() {
    for (activation, phi, kernel) in all() {
        for q in LENGTHS {
            for d in [0.1, 0.5, 1.0, 1.7, 2.0] {
                let value = |u| phi.value(u);
                let covariance = if activation == Activation::Sine {
                    kernel.covariance(q, q, 1.0 - d)
                } else {
                    gaussian_mean_pair(q, q, 1.0 - d, phi.kinks(), value, value)
                };
                let square = kernel.moments(q).square;
                let found = q * d * kernel.pair(q, d).contraction;
                check(
                    &format!("{activation} at q = {q}, d = {d}"),
                    found,
                    square - covariance,
                    1e-11 * square,
                );
            }
        }
    }
}

/// Price's theorem: `d (d contraction) / d d` is the pair gradient, at every scale of `d` and `q`.
#[test]
fn gradient_is_the_derivative_of_the_contraction() {
    for (activation, _, kernel) in all() {
        for q in LENGTHS {
            for d in [1e-12, 1e-7, 1e-3, 0.1, 0.6, 1.4] {
                let h = 1e-4 * d;
                let fall = |d: f64| d * kernel.pair(q, d).contraction;
                let difference = (fall(d + h) - fall(d - h)) / (2.0 * h);
                let scale = kernel.gradient_square(q);
                let found = kernel.pair(q, d).gradient;
                check(
                    &format!("{activation} at q = {q}, d = {d}"),
                    difference,
                    found,
                    1e-5 * found.abs() + 1e-11 * scale,
                );
            }
        }
    }
}

#[test]
fn moments_are_finite_at_the_ends_of_the_range() {
    for (activation, _, kernel) in all() {
        for q in [0.0, 1e-300, 1e-100, 1e-30, 1e8, 1e30, 1e60] {
            let moments = kernel.moments(q);
            assert!(
                moments.square.is_finite() && moments.slope.is_finite(),
                "{activation} {q} {moments:?}"
            );
            assert!(moments.square >= 0.0 && moments.slope >= 0.0, "{activation} {q} {moments:?}");
            for d in [0.0, 1e-300, 1e-20, 1e-3, 1.0, 2.0] {
                let pair = kernel.pair(q, d);
                let limit = kernel.gradient_square(q) * (1.0 + 1e-12);
                assert!(
                    pair.contraction <= limit && pair.gradient.abs() <= limit,
                    "{activation} {q} {d} {pair:?}"
                );
            }
            for c in [1.0, 0.999, 0.0, -1.0] {
                assert!(kernel.covariance(q, 0.5 * q, c).is_finite(), "{activation} {q} {c}");
            }
        }
    }
}
