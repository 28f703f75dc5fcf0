//! Mixtures over the variance of the noise `s n`, `n ~ N(0, 1)`, that smooths a step into a sigmoid:
//! `Phi(x / s) = P(s n < x)`.

use std::{f64::consts::PI, fmt, sync::LazyLock};

use crate::special::sine_excess;

/// Discrete distribution of the noise variance `s^2`, and of pairs of independent draws from it.
pub(crate) struct Mixture {
    /// Noise variances with their weights, which sum to one.
    pub(crate) nodes: Vec<Node>,
    /// Every unordered pair of nodes once. All pair expectations at equal lengths depend only on the sum and the
    /// product.
    pub(crate) pairs: Vec<NodePair>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) variance: f64,
    pub(crate) weight: f64,
}

/// Two noise variances `a` and `b`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodePair {
    /// `a + b`
    pub(crate) sum: f64,
    /// `a b`
    pub(crate) product: f64,
    pub(crate) weight: f64,
}

/// `erf(x) = 2 Phi(x / s) - 1` with `s^2 = 1/2`.
pub(crate) static ERF: LazyLock<Mixture> = LazyLock::new(|| Mixture::single(0.5));
/// GELU is `x Phi(x)`.
pub(crate) static GELU: LazyLock<Mixture> = LazyLock::new(|| Mixture::single(1.0));
/// `tanh(x) = E[2 Phi(x / k) - 1]`.
pub(crate) static TANH: LazyLock<Mixture> = LazyLock::new(|| Mixture::kolmogorov(1.0));
/// `1 / (1 + e^-x) = E[Phi(x / 2k)]`.
pub(crate) static LOGISTIC: LazyLock<Mixture> = LazyLock::new(|| Mixture::kolmogorov(4.0));

impl fmt::Debug for Mixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mixture").field("n_nodes", &self.nodes.len()).finish_non_exhaustive()
    }
}

impl Mixture {
    fn single(variance: f64) -> Self {
        Self::new(vec![Node { variance, weight: 1.0 }])
    }

    /// Mixture with `s^2 = factor * k^2`, where `k` is distributed as Kolmogorov's statistic.
    ///
    /// The trapezoidal rule in `ln k` converges exponentially: density and kernels are analytic in the strip
    /// `|Im ln k| < pi/4`, so the error decays like `exp(-pi^2 / (2 h))` with the step `h`.
    fn kolmogorov(factor: f64) -> Self {
        let nodes = (0..=N_STEPS)
            .map(|i| {
                let k = LN_K_STEP.mul_add(f64::from(i), LN_K_MIN).exp();
                Node { variance: factor * k * k, weight: LN_K_STEP * k * kolmogorov_density(k) }
            })
            .collect();
        Self::new(nodes)
    }

    fn new(nodes: Vec<Node>) -> Self {
        let pairs = nodes
            .iter()
            .enumerate()
            .flat_map(|(i, a)| {
                nodes[..=i].iter().enumerate().map(move |(j, b)| NodePair {
                    sum: a.variance + b.variance,
                    product: a.variance * b.variance,
                    weight: a.weight * b.weight * if i == j { 1.0 } else { 2.0 },
                })
            })
            .collect();
        Self { nodes, pairs }
    }

    /// Computes `sum w_a w_b f(a, b)` over all ordered pairs of noise variances.
    pub(crate) fn mean_over_pairs(&self, f: impl Fn(f64, f64) -> f64) -> f64 {
        let row =
            |a: Node| self.nodes.iter().map(|b| b.weight * f(a.variance, b.variance)).sum::<f64>();
        self.nodes.iter().map(|&a| a.weight * row(a)).sum()
    }
}

// Outside these bounds the weights are below 3e-16; the step is the widest that is exact in double precision.
const LN_K_MIN: f64 = -1.75;
const LN_K_MAX: f64 = 1.5;
const N_STEPS: u32 = 28;
const LN_K_STEP: f64 = (LN_K_MAX - LN_K_MIN) / N_STEPS as f64;

/// Density of Kolmogorov's statistic, by the faster converging one of its two series.
fn kolmogorov_density(k: f64) -> f64 {
    let term = |i: i32| {
        let i = f64::from(i);
        if k < 1.0 {
            let m = ((2.0 * i - 1.0) * PI / k).powi(2) / 8.0;
            (2.0 * PI).sqrt() * (-m).exp() * (2.0 * m - 1.0) / (k * k)
        } else {
            let alternating = if i % 2.0 > 0.0 { 1.0 } else { -1.0 };
            alternating * 8.0 * k * i * i * (-2.0 * i * i * k * k).exp()
        }
    };
    (1..=6).map(term).sum()
}

/// Quantities of the arcsine kernel for one pair of noise variances, at equal lengths `q` and correlation `1 - d`.
///
/// `v_i = u_i + s_i n_i` have the variances `A` and `B` and the correlation `rho`. `product = A B`, and
/// `delta = A B (1 - rho^2)` is written as a sum of positive terms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoisyPair {
    /// `A B`.
    pub(crate) product: f64,
    /// `sqrt(delta)` at `d = 0`.
    pub(crate) root_1: f64,
    /// `sqrt(delta)` at `d`.
    pub(crate) root: f64,
}

impl NoisyPair {
    pub(crate) fn new(pair: NodePair, q: f64, d: f64) -> Self {
        let delta_1 = pair.product + q * pair.sum;
        let delta = delta_1 + q * q * d * (2.0 - d);
        Self { product: delta_1 + q * q, root_1: delta_1.sqrt(), root: delta.sqrt() }
    }

    /// Computes `(asin rho(0) - asin rho(d)) / (q d)`, which tends to `1 / root_1` as `d` or `q` tends to zero.
    pub(crate) fn angle_rate(&self, q: f64, d: f64) -> f64 {
        let c = 1.0 - d;
        // Sine and cosine of the difference of the angles, both times A B; the sine is also divided by q d.
        let sine_rate = if c > 0.0 {
            (2.0 - d) * self.product / (self.root + c * self.root_1)
        } else {
            (self.root - c * self.root_1) / d
        };
        let cosine = self.root_1 * self.root + q * q * c;
        let sine = q * d * sine_rate;
        // Below 1e-9 the angle equals its tangent, and the product may lose digits to underflow.
        if sine < 1e-9 * cosine { sine_rate / cosine } else { sine.atan2(cosine) / (q * d) }
    }

    /// Mean of `asin rho(0) - asin rho(e)` over `e` in `[0, d]`.
    ///
    /// In units of `2 pi` this is the difference between the probability at `e = 0` that `v_1` and `v_2` have the same
    /// sign, and the mean of this probability.
    ///
    /// With `t = asin rho(0) - asin rho(d)` it equals
    /// `(q (sin t - t cos t) + root_1 (cos t - 1 + t sin t)) / (q d)`, two terms without cancellation.
    pub(crate) fn mean_angle(&self, q: f64, d: f64) -> f64 {
        let rate = self.angle_rate(q, d);
        let t = rate * q * d;
        let (half_sine, half_cosine) = (0.5 * t).sin_cos();
        let cardinal = if t > 0.0 { half_sine / (0.5 * t) } else { 1.0 };
        let variances = sine_excess(t) * half_sine;
        let noise = t * half_cosine - half_sine;
        rate * cardinal * (q * variances + self.root_1 * noise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{quadrature::gauss_legendre, special::normal_cdf};

    #[test]
    fn weights_sum_to_one() {
        for mixture in [&*ERF, &*GELU, &*TANH, &*LOGISTIC] {
            let singles: f64 = mixture.nodes.iter().map(|node| node.weight).sum();
            let pairs: f64 = mixture.pairs.iter().map(|pair| pair.weight).sum();
            assert!(
                (singles - 1.0).abs() < 2e-15 && (pairs - 1.0).abs() < 4e-15,
                "{singles} {pairs}"
            );
        }
    }

    #[test]
    fn density_series_agree_at_the_switch() {
        let (below, above) = (kolmogorov_density(1.0 - 1e-15), kolmogorov_density(1.0));
        assert!((below - above).abs() < 1e-13, "{below} {above}");
    }

    #[test]
    fn logistic_is_the_mixture() {
        for k in -80..80 {
            let x = 0.25 * f64::from(k);
            let sum: f64 =
                LOGISTIC.nodes.iter().map(|n| n.weight * normal_cdf(x / n.variance.sqrt())).sum();
            assert!((sum - 1.0 / (1.0 + (-x).exp())).abs() < 3e-15, "{x}");
        }
    }

    #[test]
    fn angle_rate_equals_the_difference_of_arcsines() {
        for pair in TANH.pairs.iter().step_by(17) {
            for (q, d) in [(0.3, 0.7), (2.0, 1.0), (5.0, 1.4), (0.01, 2.0), (40.0, 0.1)] {
                let noisy = NoisyPair::new(*pair, q, d);
                let rho = |c: f64| (q * c / noisy.product.sqrt()).asin();
                let expected = (rho(1.0) - rho(1.0 - d)) / (q * d);
                assert!((noisy.angle_rate(q, d) / expected - 1.0).abs() < 1e-12, "{q} {d}");
            }
        }
    }

    #[test]
    fn mean_angle_is_the_mean_of_angles() {
        for pair in TANH.pairs.iter().step_by(31) {
            for (q, d) in [(0.3, 0.7), (2.0, 1.0), (5.0, 1.4), (0.01, 2.0), (40.0, 0.1)] {
                let angle = |e: f64| NoisyPair::new(*pair, q, e).angle_rate(q, e) * q * e;
                let mean =
                    gauss_legendre(0.0..d).map(|(e, weight)| weight * angle(e)).sum::<f64>() / d;
                let found = NoisyPair::new(*pair, q, d).mean_angle(q, d);
                assert!((found / mean - 1.0).abs() < 1e-3, "{q} {d}: {found} {mean}");
            }
        }
    }

    #[test]
    fn angle_rate_converges_to_its_limit() {
        let pair = TANH.pairs[50];
        for (q, d) in [(1.0, 1e-14), (1.0, 0.0), (0.0, 0.5), (1e-300, 1e-300), (1e60, 1e-70)] {
            let noisy = NoisyPair::new(pair, q, d);
            assert!((noisy.angle_rate(q, d) * noisy.root_1 - 1.0).abs() < 0.5, "{q} {d}");
        }
    }
}
