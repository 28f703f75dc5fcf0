//! Asymptotic behaviour of lengths, correlations and gradients of deep residual networks.
//!
//! **Saturating activations** (tanh, erf, hard tanh). The mean square of the stream grows linearly in `l`, so
//! pre-activations grow like `sqrt(l)` and units saturate. `E[phi_1 phi_2]` converges to the arcsine kernel
//! `(2/pi) asin(e)`, and `E[phi'^2]` to `S / sqrt(2 pi q)` with `S = int phi'(x)^2 dx`. Per block
//!
//! ```text
//! p' - p = sigma_v2 + sigma_a2 = A
//! (p e)' - p e = sigma_v2 (2/pi) asin(e) + sigma_a2
//! ln chi = sigma_v2 sigma_w2 S / sqrt(2 pi sigma_w2 A l)
//! ```
//!
//! Hence `p = A l`, gradients grow by `exp(2 sigma_v2 sigma_w S / sqrt(2 pi A) sqrt(l))`, and `e` approaches the
//! smaller root `e*` of `sigma_v2 (2/pi) asin(e) + sigma_a2 = A e` like `l^-delta`,
//! `delta = 1 - (sigma_v2 / A) (2/pi) / sqrt(1 - e*^2)`.
//!
//! **Rectifiers** in full branches. With the slope `s` below zero, `p' = B p` with
//! `B = 1 + sigma_v2 sigma_w2 (1 + s^2) / 2`. Gradients grow by the same factor, and `d - k d^(3/2)` of the arc-cosine
//! kernel gives `1 - e = (2 / k)^2 l^-2`.
//!
//! The laws and exponents are those of Yang and Schoenholz arXiv:1712.08969 (sections on tanh and on alpha-ReLU). The
//! coefficients follow from the equations above.

use std::f64::consts::{FRAC_2_PI, FRAC_2_SQRT_PI, PI, SQRT_2};

use serde::Serialize;

use super::{Branch, Residual};
use crate::{phi::Shape, roots::brent};

/// Leading behaviour of a quantity after many blocks `l`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "law", rename_all = "kebab-case")]
pub enum AsymptoticLaw {
    /// Power law `coefficient * l^exponent`; the coefficient is `None` if it depends on the initial condition.
    Power {
        /// Factor of the power law.
        coefficient: Option<f64>,
        /// Exponent of the power law.
        exponent: f64,
    },
    /// Exponential `exp(rate * l)`, up to a factor that depends on the initial condition.
    Exponential {
        /// Growth of the logarithm per block.
        rate: f64,
    },
    /// Stretched exponential `exp(rate * sqrt(l))`, up to a factor that grows more slowly.
    RootExponential {
        /// Growth of the logarithm per unit of `sqrt(l)`.
        rate: f64,
    },
}

/// Asymptotic laws of one residual network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ResidualAsymptotics {
    /// Mean square `p_l` of the stream.
    pub p: AsymptoticLaw,
    /// Limit of the cosine of two streams.
    pub e_star: f64,
    /// Decay of the distance `|e_l - e*|`.
    pub gap: AsymptoticLaw,
    /// Growth of squared gradients over `l` blocks of back-propagation to the first one.
    pub gradient: AsymptoticLaw,
}

impl Residual {
    /// Asymptotic laws of tanh, erf and hard tanh with both branches, and of ReLU and leaky ReLU (except at the linear
    /// limit) with full branches.
    ///
    /// `None` for other activations and for a branch that adds nothing.
    pub fn asymptotics(&self) -> Option<ResidualAsymptotics> {
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

    /// Laws of a saturating activation; `total` is `A` and `steepness` is `S`.
    fn saturating(&self, total: f64, steepness: f64) -> ResidualAsymptotics {
        let share = self.sigma_v2() / total;
        let e_star = stable_cosine(share);
        let delta = 1.0 - share * FRAC_2_PI / ((1.0 - e_star) * (1.0 + e_star)).sqrt();
        let rate = 2.0 * self.sigma_v2() * self.inner.sigma_w2.sqrt() * steepness
            / (2.0 * PI * total).sqrt();
        ResidualAsymptotics {
            p: AsymptoticLaw::Power { coefficient: Some(total), exponent: 1.0 },
            e_star,
            gap: AsymptoticLaw::Power { coefficient: None, exponent: -delta },
            gradient: AsymptoticLaw::RootExponential { rate },
        }
    }

    fn rectifying(&self, slope: f64) -> ResidualAsymptotics {
        let half = f64::midpoint(1.0, slope * slope);
        let growth = self.sigma_v2() * self.inner.sigma_w2 * half;
        let curvature = 2.0 * SQRT_2 / (3.0 * PI) * (1.0 - slope).powi(2) / (2.0 * half);
        let decay = growth / (1.0 + growth) * curvature;
        let rate = growth.ln_1p();
        ResidualAsymptotics {
            p: AsymptoticLaw::Exponential { rate },
            e_star: 1.0,
            gap: AsymptoticLaw::Power { coefficient: Some((2.0 / decay).powi(2)), exponent: -2.0 },
            gradient: AsymptoticLaw::Exponential { rate },
        }
    }
}

/// Smaller root of `share (2/pi) asin(e) + (1 - share) = e`; the other root is one and unstable.
fn stable_cosine(share: f64) -> f64 {
    if share >= 1.0 {
        return 0.0;
    }
    let excess = |e: f64| share * (FRAC_2_PI * e.asin() - 1.0) + (1.0 - e);
    // The slopes of both sides are equal here, so the excess has its minimum, which is negative.
    let minimum = ((1.0 - share * FRAC_2_PI) * (1.0 + share * FRAC_2_PI)).sqrt();
    brent(0.0, minimum, excess)
}

#[cfg(test)]
mod tests {
    use super::super::{ResidualLayer, StreamMoments};
    use super::*;
    use isobath_architecture::Activation;

    fn network(activation: Activation, branch: Branch) -> Residual {
        Residual::new(activation, 1.5, 0.05, branch).unwrap()
    }

    /// Exponent of a decaying quantity between two depths.
    fn exponent(early: f64, late: f64, ratio: f64) -> f64 {
        (late / early).ln() / ratio.ln()
    }

    #[test]
    fn reduced_erf_follows_its_asymptotics() {
        let network = network(Activation::Erf, Branch::Reduced);
        let laws = network.asymptotics().unwrap();
        let AsymptoticLaw::Power { exponent: expected, .. } = laws.gap else { panic!() };
        assert!(laws.e_star.abs() < 1e-300 && (expected + 1.0 - FRAC_2_PI).abs() < 1e-15);
        let layers = network.profile(StreamMoments::centred(1.0, 0.5), 400_000).unwrap();
        let (early, late) = (layers[99_999], layers[399_999]);
        assert!((late.p[0] / 4e5 - 1.0).abs() < 0.01, "{late:?}");
        let found = exponent(early.e, late.e, 4.0);
        assert!((found - expected).abs() < 0.01, "{found} {expected}");
        let AsymptoticLaw::RootExponential { rate } = laws.gradient else { panic!() };
        let grown: f64 = layers[100_000..].iter().map(|layer| layer.chi.ln()).sum();
        let per_root = grown / (4e5_f64.sqrt() - 1e5_f64.sqrt());
        assert!((per_root / rate - 1.0).abs() < 0.01, "{per_root} {rate}");
    }

    #[test]
    fn full_saturating_branches_follow_their_asymptotics() {
        let branch = Branch::Full { sigma_v2: 0.8, sigma_a2: 0.5 };
        for (activation, depth) in [(Activation::Tanh, 20_000), (Activation::Erf, 200_000)] {
            let network = network(activation, branch);
            let laws = network.asymptotics().unwrap();
            let layers = network.profile(StreamMoments::centred(1.0, 0.1), depth).unwrap();
            let last = layers[depth - 1];
            assert!((last.e - laws.e_star).abs() < 0.03, "{activation}: {last:?} {laws:?}");
            let AsymptoticLaw::RootExponential { rate } = laws.gradient else { panic!() };
            let grown: f64 = layers[depth / 4..].iter().map(|layer| layer.chi.ln()).sum();
            let per_root = grown / (0.5 * (depth as f64).sqrt());
            assert!((per_root / rate - 1.0).abs() < 0.02, "{activation}: {per_root} {rate}");
        }
    }

    #[test]
    fn full_rectifiers_follow_their_asymptotics() {
        let branch = Branch::Full { sigma_v2: 0.05, sigma_a2: 0.1 };
        for activation in [Activation::Relu, Activation::LeakyRelu { slope: 0.2 }] {
            let network = network(activation, branch);
            let laws = network.asymptotics().unwrap();
            let layers = network.profile(StreamMoments::centred(1.0, 0.1), 2_500).unwrap();
            let (early, late) = (layers[1_249], layers[2_499]);
            let AsymptoticLaw::Exponential { rate } = laws.p else { panic!() };
            assert!(((late.p[0] / early.p[0]).ln() / 1_250.0 / rate - 1.0).abs() < 1e-9);
            assert!((late.chi.ln() / rate - 1.0).abs() < 1e-12);
            let AsymptoticLaw::Power { coefficient: Some(coefficient), exponent } = laws.gap else {
                panic!()
            };
            assert!((exponent + 2.0).abs() < 1e-15);
            // The initial condition shifts l by a constant, which cancels in differences of (1 - e)^(-1/2).
            let root = |layer: ResidualLayer| (1.0 - layer.e).sqrt().recip();
            let found = (root(late) - root(early)) / 1_250.0 * coefficient.sqrt();
            assert!((found - 1.0).abs() < 0.02, "{activation}: {found}");
        }
    }

    #[test]
    fn other_activations_have_no_known_asymptotics() {
        for activation in [Activation::Gelu, Activation::Sine, Activation::Linear] {
            assert!(network(activation, Branch::Reduced).asymptotics().is_none());
        }
        let nothing = Branch::Full { sigma_v2: 0.0, sigma_a2: 0.1 };
        assert!(network(Activation::Tanh, nothing).asymptotics().is_none());
    }
}
