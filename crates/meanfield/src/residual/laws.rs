//! How lengths, correlations and gradients of residual networks behave at large depth.
//!
//! **Saturating activations** (tanh, erf, hard tanh). The stream grows linearly, so pre-activations grow like
//! `sqrt(l)`, units saturate, `E[phi_1 phi_2]` becomes the arcsine law `(2/pi) asin(e)` and
//! `E[phi'^2] = S / sqrt(2 pi q)` with `S = int phi'(x)^2 dx`. Per block
//!
//! ```text
//! p' - p = sigma_v2 + sigma_a2 = A
//! (p e)' - p e = sigma_v2 (2/pi) asin(e) + sigma_a2
//! ln chi = sigma_v2 sigma_w2 S / sqrt(2 pi sigma_w2 A l)
//! ```
//!
//! so that `p = A l`, gradients grow by `exp(2 sigma_v2 sigma_w S / sqrt(2 pi A) sqrt(l))`, and `e` approaches the
//! smaller root `e*` of `sigma_v2 (2/pi) asin(e) + sigma_a2 = A e` like `l^-delta`,
//! `delta = 1 - (sigma_v2 / A) (2/pi) / sqrt(1 - e*^2)`.
//!
//! **Rectifiers** in full branches. `p' = B p` with `B = 1 + sigma_v2 sigma_w2 (1 + s^2) / 2` for the slope `s` below
//! zero, gradients by the same factor, and the arc-cosine kernel's `d - k d^(3/2)` gives `1 - e = (2 / k)^2 l^-2`.
//!
//! The laws and exponents are those of Yang and Schoenholz arXiv:1712.08969 (sections on tanh and on alpha-ReLU); the
//! coefficients follow from the equations above.

use std::f64::consts::{FRAC_2_PI, FRAC_2_SQRT_PI, PI, SQRT_2};

use serde::Serialize;

use super::{Branch, Residual};
use crate::{phi::Shape, roots::brent};

/// A quantity's leading behaviour after many blocks `l`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "law", rename_all = "kebab-case")]
pub enum Law {
    /// `coefficient * l^exponent`; the coefficient is missing where it depends on the start.
    Power {
        /// The factor.
        coefficient: Option<f64>,
        /// The power.
        exponent: f64,
    },
    /// `exp(rate * l)`, up to a factor that depends on the start.
    Exponential {
        /// By how much the logarithm grows per block.
        rate: f64,
    },
    /// `exp(rate * sqrt(l))`, up to a factor that grows slower.
    RootExponential {
        /// By how much the logarithm grows per unit of `sqrt(l)`.
        rate: f64,
    },
}

/// The laws of one network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ResidualLaws {
    /// The stream's mean square `p_l`.
    pub p: Law,
    /// The cosine that two streams approach.
    pub e_star: f64,
    /// How the distance `|e_l - e*|` falls.
    pub gap: Law,
    /// How squared gradients grow over `l` blocks going back to the first.
    pub gradient: Law,
}

impl Residual {
    /// The asymptotic laws, for the activations and branches that have known ones: tanh, erf and hard tanh in both
    /// branches, ReLU and leaky ReLU (but not its linear limit) in full ones. `None` also for a branch that adds nothing.
    pub fn laws(&self) -> Option<ResidualLaws> {
        let total = match self.branch {
            Branch::Reduced => 1.0,
            Branch::Full { sigma_v2, sigma_a2 } => sigma_v2 + sigma_a2,
        };
        if self.sigma_v2() <= 0.0 {
            return None;
        }
        match (self.inner.phi.0, self.branch) {
            (Shape::Tanh, _) => Some(self.saturating(total, 4.0 / 3.0)),
            // int (4 / pi) e^(-2 x^2) dx
            (Shape::Erf, _) => {
                Some(self.saturating(total, FRAC_2_SQRT_PI * FRAC_2_SQRT_PI * (0.5 * PI).sqrt()))
            }
            (Shape::HardTanh, _) => Some(self.saturating(total, 2.0)),
            (Shape::Rectifier { slope }, Branch::Full { .. }) if slope < 1.0 => {
                Some(self.rectifying(slope))
            }
            _ => None,
        }
    }

    /// `total` is `A`, `steepness` is `S`.
    fn saturating(&self, total: f64, steepness: f64) -> ResidualLaws {
        let share = self.sigma_v2() / total;
        let e_star = stable_cosine(share);
        let delta = 1.0 - share * FRAC_2_PI / ((1.0 - e_star) * (1.0 + e_star)).sqrt();
        let rate = 2.0 * self.sigma_v2() * self.inner.sigma_w2.sqrt() * steepness
            / (2.0 * PI * total).sqrt();
        ResidualLaws {
            p: Law::Power { coefficient: Some(total), exponent: 1.0 },
            e_star,
            gap: Law::Power { coefficient: None, exponent: -delta },
            gradient: Law::RootExponential { rate },
        }
    }

    fn rectifying(&self, slope: f64) -> ResidualLaws {
        let half = f64::midpoint(1.0, slope * slope);
        let growth = self.sigma_v2() * self.inner.sigma_w2 * half;
        let bend = 2.0 * SQRT_2 / (3.0 * PI) * (1.0 - slope).powi(2) / (2.0 * half);
        let fall = growth / (1.0 + growth) * bend;
        let rate = growth.ln_1p();
        ResidualLaws {
            p: Law::Exponential { rate },
            e_star: 1.0,
            gap: Law::Power { coefficient: Some((2.0 / fall).powi(2)), exponent: -2.0 },
            gradient: Law::Exponential { rate },
        }
    }
}

/// The smaller root of `share (2/pi) asin(e) + (1 - share) = e`; the other is one, and unstable.
fn stable_cosine(share: f64) -> f64 {
    if share >= 1.0 {
        return 0.0;
    }
    let excess = |e: f64| share * (FRAC_2_PI * e.asin() - 1.0) + (1.0 - e);
    // The left side's slope equals the right's here, so that the excess is smallest and below zero.
    let turn = ((1.0 - share * FRAC_2_PI) * (1.0 + share * FRAC_2_PI)).sqrt();
    brent(0.0, turn, excess)
}

#[cfg(test)]
mod tests {
    use super::super::{ResidualLayer, StreamPair};
    use super::*;
    use isobath_architecture::Activation;

    fn network(activation: Activation, branch: Branch) -> Residual {
        Residual::new(activation, 1.5, 0.05, branch).unwrap()
    }

    /// The exponent of a falling quantity between two depths.
    fn exponent(early: f64, late: f64, ratio: f64) -> f64 {
        (late / early).ln() / ratio.ln()
    }

    #[test]
    fn reduced_erf_follows_its_laws() {
        let network = network(Activation::Erf, Branch::Reduced);
        let laws = network.laws().unwrap();
        let Law::Power { exponent: expected, .. } = laws.gap else { panic!() };
        assert!(laws.e_star.abs() < 1e-300 && (expected + 1.0 - FRAC_2_PI).abs() < 1e-15);
        let layers = network.profile(StreamPair::centred(1.0, 0.5), 400_000).unwrap();
        let (early, late) = (layers[99_999], layers[399_999]);
        assert!((late.p[0] / 4e5 - 1.0).abs() < 0.01, "{late:?}");
        let found = exponent(early.e, late.e, 4.0);
        assert!((found - expected).abs() < 0.01, "{found} {expected}");
        let Law::RootExponential { rate } = laws.gradient else { panic!() };
        let grown: f64 = layers[100_000..].iter().map(|layer| layer.chi.ln()).sum();
        let per_root = grown / (4e5_f64.sqrt() - 1e5_f64.sqrt());
        assert!((per_root / rate - 1.0).abs() < 0.01, "{per_root} {rate}");
    }

    #[test]
    fn full_saturating_branches_follow_their_laws() {
        let branch = Branch::Full { sigma_v2: 0.8, sigma_a2: 0.5 };
        for (activation, depth) in [(Activation::Tanh, 20_000), (Activation::Erf, 200_000)] {
            let network = network(activation, branch);
            let laws = network.laws().unwrap();
            let layers = network.profile(StreamPair::centred(1.0, 0.1), depth).unwrap();
            let last = layers[depth - 1];
            assert!((last.e - laws.e_star).abs() < 0.03, "{activation}: {last:?} {laws:?}");
            let Law::RootExponential { rate } = laws.gradient else { panic!() };
            let grown: f64 = layers[depth / 4..].iter().map(|layer| layer.chi.ln()).sum();
            let per_root = grown / (0.5 * (depth as f64).sqrt());
            assert!((per_root / rate - 1.0).abs() < 0.02, "{activation}: {per_root} {rate}");
        }
    }

    #[test]
    fn full_rectifiers_follow_their_laws() {
        let branch = Branch::Full { sigma_v2: 0.05, sigma_a2: 0.1 };
        for activation in [Activation::Relu, Activation::LeakyRelu { slope: 0.2 }] {
            let network = network(activation, branch);
            let laws = network.laws().unwrap();
            let layers = network.profile(StreamPair::centred(1.0, 0.1), 2_500).unwrap();
            let (early, late) = (layers[1_249], layers[2_499]);
            let Law::Exponential { rate } = laws.p else { panic!() };
            assert!(((late.p[0] / early.p[0]).ln() / 1_250.0 / rate - 1.0).abs() < 1e-9);
            assert!((late.chi.ln() / rate - 1.0).abs() < 1e-12);
            let Law::Power { coefficient: Some(coefficient), exponent } = laws.gap else {
                panic!()
            };
            assert!((exponent + 2.0).abs() < 1e-15);
            // The start shifts l by a constant, which differences of (1 - e)^(-1/2) do not see.
            let root = |layer: ResidualLayer| (1.0 - layer.e).sqrt().recip();
            let found = (root(late) - root(early)) / 1_250.0 * coefficient.sqrt();
            assert!((found - 1.0).abs() < 0.02, "{activation}: {found}");
        }
    }

    #[test]
    fn other_activations_have_no_known_laws() {
        for activation in [Activation::Gelu, Activation::Sine, Activation::Linear] {
            assert!(network(activation, Branch::Reduced).laws().is_none());
        }
        let nothing = Branch::Full { sigma_v2: 0.0, sigma_a2: 0.1 };
        assert!(network(Activation::Tanh, nothing).laws().is_none());
    }
}
