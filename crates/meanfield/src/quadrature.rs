//! Gaussian expectations of arbitrary functions by composite Gauss-Legendre quadrature.
//!
//! Panels are graded towards the points where the integrand may be steep. They resolve functions of `u = sqrt(q) z`
//! that vary on a scale of one, at any `q`.

use std::{f64::consts::PI, ops::Range, sync::LazyLock};

use crate::special::normal_pdf;

/// Computes `E[f(sqrt(q) z)]`, `z ~ N(0, 1)`, for `q >= 0` and an `f` that is smooth on a scale of one except at
/// `kinks`.
///
/// The error is about 1e-13 relative to `E[|f|]` if `f` grows no faster than a polynomial of low degree.
pub fn gaussian_mean(q: f64, kinks: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    let sigma = q.sqrt();
    if sigma <= 0.0 {
        return f(0.0);
    }
    standard_mean(&features(sigma, kinks), |z| f(sigma * z))
}

/// Visits nodes `z` and weights of the rule that [`gaussian_mean`] uses for functions of `sqrt(q) z`.
pub(crate) fn gaussian_nodes(q: f64, kinks: &[f64], visit: impl FnMut(f64, f64)) {
    standard_nodes(&features(q.sqrt(), kinks), visit);
}

/// Computes `E[f(u_1) g(u_2)]` of normal variables with variances `q_a`, `q_b >= 0` and correlation `c` in `[-1, 1]`.
///
/// `f` and `g` share the same `kinks` and vary on a scale of one elsewhere. The relative error is about 1e-12, and one
/// call takes milliseconds: use [`Kernel`](crate::kernel::Kernel) where it has the expectation in closed form.
pub fn gaussian_mean_pair(
    q_a: f64,
    q_b: f64,
    c: f64,
    kinks: &[f64],
    f: impl Fn(f64) -> f64,
    g: impl Fn(f64) -> f64,
) -> f64 {
    let (sigma_a, sigma_b) = (q_a.sqrt(), q_b.sqrt());
    // Standard deviation of u_2 given u_1.
    let rest = sigma_b * ((1.0 - c) * (1.0 + c)).sqrt();
    let mut features = Vec::new();
    for u in centres(kinks) {
        if sigma_a > 0.0 {
            features.push(Feature { at: u / sigma_a, scale: 0.5 / sigma_a });
        }
        // Where the mean of u_2 crosses a kink, the inner mean changes on the scale of the conditional deviation of
        // u_2.
        let slope = sigma_b * c.abs();
        if slope > 0.0 {
            features.push(Feature { at: u / (sigma_b * c), scale: 0.5 * rest.max(1e-9) / slope });
        }
    }
    standard_mean(&features, |z| {
        let mean = sigma_b * c * z;
        let value = f(sigma_a * z);
        if rest <= 0.0 {
            return value * g(mean);
        }
        let inner: Vec<Feature> =
            centres(kinks).map(|u| Feature { at: (u - mean) / rest, scale: 0.5 / rest }).collect();
        value * standard_mean(&inner, |w| g(rest.mul_add(w, mean)))
    })
}

/// Points where a function of `sigma z` may be steep.
fn features(sigma: f64, kinks: &[f64]) -> Vec<Feature> {
    let feature = |u: f64| Feature { at: u / sigma, scale: 0.5 / sigma };
    if sigma > 0.0 { centres(kinks).map(feature).collect() } else { Vec::new() }
}

/// The origin, where activations curve, and the kinks.
fn centres(kinks: &[f64]) -> impl Iterator<Item = f64> {
    std::iter::once(0.0).chain(kinks.iter().copied().filter(|&kink| kink != 0.0))
}

/// Point near which an integrand varies on a given scale.
#[derive(Clone, Copy, Debug)]
struct Feature {
    at: f64,
    scale: f64,
}

/// Range in standard deviations; the normal density beyond it is below 1e-22.
const RANGE: f64 = 10.0;

/// Computes `E[f(z)]` for a standard normal `z`.
fn standard_mean(features: &[Feature], f: impl Fn(f64) -> f64) -> f64 {
    let mut sum = 0.0;
    standard_nodes(features, |z, weight| sum += weight * f(z));
    sum
}

/// Visits the nodes `z` and weights of a rule for means over a standard normal `z`.
fn standard_nodes(features: &[Feature], mut visit: impl FnMut(f64, f64)) {
    let mut edges: Vec<f64> = (0..=20).map(|i| f64::from(i - 10)).collect();
    for feature in features.iter().filter(|feature| feature.at.abs() < RANGE) {
        edges.push(feature.at);
        let mut distance = feature.scale;
        while distance < 2.0 {
            edges.extend(
                [feature.at - distance, feature.at + distance]
                    .into_iter()
                    .filter(|edge| edge.abs() < RANGE),
            );
            distance *= 2.0;
        }
    }
    edges.sort_by(f64::total_cmp);
    let panels =
        edges.windows(2).map(|pair| pair[0]..pair[1]).filter(|panel| panel.end > panel.start);
    for (z, weight) in panels.flat_map(gauss_legendre) {
        visit(z, weight * normal_pdf(z));
    }
}

/// Panels that cover `[lo, hi]` and double in width from `lo` on; the first one ends at `lo + scale` or before.
pub(crate) fn graded_panels(lo: f64, hi: f64, scale: f64) -> impl Iterator<Item = Range<f64>> {
    let mut start = lo;
    let mut width = scale.min(MAX_PANEL);
    std::iter::from_fn(move || {
        (start < hi).then(|| {
            // Merge a narrow last panel into its neighbour.
            let end = if start + 1.25 * width < hi { start + width } else { hi };
            let panel = start..end;
            start = end;
            width = (2.0 * width).min(MAX_PANEL);
            panel
        })
    })
}

/// Widest panel, in radians, on which the fixed rule resolves the angular integrands.
const MAX_PANEL: f64 = 0.8;

/// Nodes and weights of the 16-point Gauss-Legendre rule on `panel`.
pub(crate) fn gauss_legendre(panel: Range<f64>) -> impl Iterator<Item = (f64, f64)> {
    let half = 0.5 * (panel.end - panel.start);
    let centre = f64::midpoint(panel.start, panel.end);
    RULE.iter().map(move |&(x, weight)| (half.mul_add(x, centre), half * weight))
}

const N_NODES: usize = 16;

static RULE: LazyLock<[(f64, f64); N_NODES]> = LazyLock::new(|| std::array::from_fn(legendre_node));

/// Root `i` of the Legendre polynomial of degree `N_NODES`, by Newton's method, and its weight.
fn legendre_node(i: usize) -> (f64, f64) {
    let n = N_NODES as f64;
    let mut x = (PI * (i as f64 + 0.75) / (n + 0.5)).cos();
    let mut slope = 1.0;
    for _ in 0..10 {
        let (mut previous, mut value) = (1.0, x);
        for k in 2..=N_NODES {
            let k = k as f64;
            (previous, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * previous) / k);
        }
        slope = n * (x * value - previous) / (x * x - 1.0);
        x -= value / slope;
    }
    (x, 2.0 / ((1.0 - x * x) * slope * slope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_is_exact_for_polynomials() {
        for degree in 0..2 * N_NODES as i32 {
            let sum: f64 =
                gauss_legendre(0.0..1.0).map(|(x, weight)| weight * x.powi(degree)).sum();
            assert!((sum * f64::from(degree + 1) - 1.0).abs() < 1e-14, "{degree}: {sum}");
        }
    }

    #[test]
    fn panels_cover_the_interval() {
        for (lo, hi, scale) in
            [(0.0, 3.1, 1e-6), (1.0, 1.1, 5.0), (0.0, 1e-9, 1.0), (0.2, 0.2, 0.1)]
        {
            let panels: Vec<_> = graded_panels(lo, hi, scale).collect();
            let length: f64 = panels.iter().map(|panel| panel.end - panel.start).sum();
            assert!((length - (hi - lo)).abs() < 1e-15 * hi, "{panels:?}");
            assert!(panels.len() < 60);
        }
    }

    #[test]
    fn means_of_polynomials_and_absolute_values() {
        for q in [0.0, 1e-8, 1.0, 1e4] {
            let fourth = gaussian_mean(q, &[], |u| u.powi(4));
            assert!((fourth - 3.0 * q * q).abs() <= 1e-13 * fourth, "{q}: {fourth}");
            let absolute = gaussian_mean(q, &[0.0], f64::abs);
            assert!(
                (absolute - (2.0 * q / PI).sqrt()).abs() <= 1e-13 * absolute,
                "{q}: {absolute}"
            );
        }
    }

    #[test]
    fn pair_means_of_polynomials() {
        for c in [-1.0, -0.3, 0.0, 0.7, 1.0 - 1e-9, 1.0] {
            let mean = gaussian_mean_pair(2.0, 0.5, c, &[], |u| u * u, |u| u * u);
            assert!((mean - (1.0 + 2.0 * c * c)).abs() < 1e-12, "{c}: {mean}");
        }
    }

    #[test]
    fn pair_mean_of_rectifiers_is_the_arc_cosine_kernel() {
        let relu = |u: f64| u.max(0.0);
        for c in [-0.9, 0.0, 0.5, 0.999, 1.0 - 1e-8] {
            let (t, mean) = (f64::acos(c), gaussian_mean_pair(4.0, 0.25, c, &[0.0], relu, relu));
            let exact = (t.sin() + (PI - t) * c) / (2.0 * PI);
            assert!((mean - exact).abs() < 1e-12, "{c}: {mean} {exact}");
        }
    }
}
