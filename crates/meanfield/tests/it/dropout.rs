//! Fixed points of dropout, compared with iterated maps whose Gaussian integrals are plain sums over a lattice.

use isobath_architecture::Activation;
use isobath_meanfield::{Dropout, critical_sigma_w2};

const SIGMA_B2: f64 = 0.05;

/// Points and weights of `E[f(z)]`, `z ~ N(0, 1)`: the trapezoidal rule, whose error is beyond all digits for functions as
/// smooth as tanh.
fn lattice() -> Vec<(f64, f64)> {
    let (step, reach) = (0.15, 8.0);
    let count = (2.0_f64 * reach / step) as i32;
    let point = |i: i32| -reach + step * f64::from(i);
    let weight = |z: f64| step * (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
    (0..=count).map(|i| (point(i), weight(point(i)))).collect()
}

/// `E[tanh(u_1) tanh(u_2)]` of two pre-activations of length `q` and correlation `c`.
fn product(lattice: &[(f64, f64)], q: f64, c: f64) -> f64 {
    let (root, mixed) = (q.sqrt(), (1.0 - c * c).max(0.0).sqrt());
    let inner = |x: f64| -> f64 {
        lattice.iter().map(|&(y, weight)| weight * (root * (c * x + mixed * y)).tanh()).sum()
    };
    lattice.iter().map(|&(x, weight)| weight * (root * x).tanh() * inner(x)).sum()
}

/// One layer with dropout: kept units are divided by `keep`, so that only products of a unit with itself grow.
fn layer(lattice: &[(f64, f64)], sigma_w2: f64, keep: f64, [q, c]: [f64; 2]) -> [f64; 2] {
    let length = sigma_w2 / keep * product(lattice, q, 1.0) + SIGMA_B2;
    [length, (sigma_w2 * product(lattice, q, c) + SIGMA_B2) / length]
}

#[test]
fn fixed_points_and_depth_scales_match_iterated_integrals() {
    let lattice = lattice();
    for (sigma_w2, keep) in [(1.0, 0.95), (1.76, 0.98), (1.9, 0.99), (3.0, 0.9)] {
        let point = Dropout::new(Activation::Tanh, sigma_w2, SIGMA_B2, keep)
            .unwrap()
            .fixed_point()
            .unwrap();
        let mut state = [1.0, 0.5];
        for _ in 0..400 {
            state = layer(&lattice, sigma_w2, keep, state);
        }
        let [q, c] = state;
        assert!((point.q_star.unwrap() / q - 1.0).abs() < 1e-9, "{sigma_w2} {keep}: {q} {point:?}");
        assert!((point.c_star - c).abs() < 1e-7, "{sigma_w2} {keep}: {c} {point:?}");
        // The slope at c* is the factor by which a distance from c* shrinks in a layer.
        let shift = 1e-4;
        let [up, down] = [c + shift, c - shift].map(|c| layer(&lattice, sigma_w2, keep, [q, c])[1]);
        let slope = (up - down) / (2.0 * shift);
        let xi_c = -slope.ln().recip();
        assert!((point.xi_c / xi_c - 1.0).abs() < 1e-4, "{sigma_w2} {keep}: {xi_c} {point:?}");
    }
}

/// Schoenholz et al., arXiv:1611.01232, section on dropout: any dropout destroys the critical point. Where signals travel
/// without bound without dropout, they have a finite depth scale with it, and equal inputs decorrelate in one layer.
#[test]
fn the_critical_line_disappears() {
    let lattice = lattice();
    let critical = critical_sigma_w2(Activation::Tanh, SIGMA_B2).unwrap();
    for keep in [0.9, 0.99, 0.999] {
        let dropout = Dropout::new(Activation::Tanh, critical, SIGMA_B2, keep).unwrap();
        let point = dropout.fixed_point().unwrap();
        assert!(point.xi_c.is_finite() && point.c_star < 1.0, "{keep}: {point:?}");
        let q = point.q_star.unwrap();
        let [_, next] = layer(&lattice, critical, keep, [q, 1.0]);
        assert!((dropout.correlation_map(q, 1.0).unwrap() - next).abs() < 1e-10, "{keep}");
        assert!(next < 1.0 - 0.5 * (1.0 - keep), "{keep}: {next}");
    }
}
