//! Gaussian expectations of activations: `E[phi(u)^2]`, `E[phi(u_1) phi(u_2)]`, `E[phi'(u_1) phi'(u_2)]`.
//!
//! `u_1` and `u_2` are normal with variance `q` and correlation `c = 1 - d`. Three methods cover all activations:
//!
//! * **Closed forms.** The arcsine kernel of erf (Williams, *Computing with infinite networks*, 1997), the arc-cosine
//!   kernel of rectifiers (Cho and Saul, 2009), and their relatives for GELU and sine.
//! * **Scale mixtures.** The logistic function is a mean of normal distribution functions,
//!   `1 / (1 + e^-x) = E[Phi(x / 2k)]`, with `k` distributed as Kolmogorov's statistic (Andrews and Mallows 1974;
//!   Stefanski 1991). Tanh and sigmoid are therefore mixtures of erf, softplus is a mixture of ReLU with added noise,
//!   and SiLU of GELU. They inherit the closed forms as sums over about twenty fixed nodes of `k`, at any `q`.
//! * **Price's theorem.** For ELU and hard tanh `phi''` is simple enough for a closed form of
//!   `E[phi''(u_1) phi''(u_2)]`, and one integral over the angle `acos(c)` gives the other expectations.
//!
//! No digits cancel in these functions of `q` and `d` as `d`, `q` or `1 / q` tends to zero.

mod elu;
mod gated;
mod hard_tanh;
mod mixture;
mod price;
mod rectifier;
mod sigmoidal;
mod sine;
mod softplus;

use crate::phi::{Phi, Shape};

/// Moments of one pre-activation `u` of variance `q`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// `E[phi(u)^2]`.
    pub square: f64,
    /// Derivative of `square` with respect to `q`, equal to `E[u phi(u) phi'(u)] / q`.
    pub slope: f64,
}

/// Joint moments of two pre-activations of the same variance `q` and correlation `1 - d`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairMoments {
    /// `E[(phi(u_1) - phi(u_2))^2] / E[(u_1 - u_2)^2]`, which tends to `E[phi'(u)^2]` as `d` tends to zero.
    ///
    /// The deficiency of the next layer is `sigma_w2 * contraction * d` times the ratio of the lengths of the two
    /// layers.
    pub contraction: f64,
    /// `E[phi'(u_1) phi'(u_2)]`.
    pub gradient: f64,
}

/// Gaussian expectations of one activation.
#[derive(Clone, Copy, Debug)]
pub struct Kernel(Family);

#[derive(Clone, Copy, Debug)]
enum Family {
    Sigmoidal(sigmoidal::Sigmoidal),
    Softplus(softplus::Softplus),
    Gated(gated::Gated),
    Rectifier(rectifier::Rectifier),
    Elu(elu::Elu),
    HardTanh(hard_tanh::HardTanh),
    Sine(sine::Sine),
}

/// Expectations of a family of activations; the arguments are those of the methods of [`Kernel`].
trait Expectations {
    fn moments(&self, q: f64) -> Moments;
    fn pair(&self, q: f64, d: f64) -> PairMoments;
    fn covariance(&self, q_a: f64, q_b: f64, c: f64) -> f64;
    fn mean(&self, q: f64) -> f64;

    fn gradient_square(&self, q: f64) -> f64 {
        self.pair(q, 0.0).gradient
    }
}

impl Kernel {
    /// Creates the expectations of `phi`.
    pub fn new(phi: Phi) -> Self {
        Self(match phi.0 {
            Shape::Tanh => Family::Sigmoidal(sigmoidal::Sigmoidal::tanh()),
            Shape::Erf => Family::Sigmoidal(sigmoidal::Sigmoidal::erf()),
            Shape::Sigmoid => Family::Sigmoidal(sigmoidal::Sigmoidal::sigmoid()),
            Shape::Softplus => Family::Softplus(softplus::Softplus::new()),
            Shape::Gelu => Family::Gated(gated::Gated::gelu()),
            Shape::Silu => Family::Gated(gated::Gated::silu()),
            Shape::Rectifier { slope } => Family::Rectifier(rectifier::Rectifier::new(slope)),
            Shape::Elu { scale, alpha } => Family::Elu(elu::Elu::new(scale, alpha)),
            Shape::HardTanh => Family::HardTanh(hard_tanh::HardTanh),
            Shape::Sine => Family::Sine(sine::Sine),
        })
    }

    /// Computes `E[phi(u)^2]` and its derivative with respect to `q`, for `q` in `[0, 1e60]`.
    pub fn moments(&self, q: f64) -> Moments {
        self.family().moments(q)
    }

    /// Computes `E[phi'(u)^2]`, for `q` in `[0, 1e60]`; at `q = 0` the limit from above.
    pub fn gradient_square(&self, q: f64) -> f64 {
        self.family().gradient_square(q)
    }

    /// Computes the joint moments at correlation `1 - d`, for `q` in `[0, 1e60]` and `d` in `[0, 2]`.
    pub fn pair(&self, q: f64, d: f64) -> PairMoments {
        self.family().pair(q, d)
    }

    /// Computes `E[phi(u_1) phi(u_2)]` for variances `q_a`, `q_b` in `[0, 1e60]` and correlation `c` in `[-1, 1]`.
    pub fn covariance(&self, q_a: f64, q_b: f64, c: f64) -> f64 {
        self.family().covariance(q_a, q_b, c)
    }

    /// Computes `E[phi(u)]`, for `q` in `[0, 1e60]`; zero for odd activations.
    pub fn mean(&self, q: f64) -> f64 {
        self.family().mean(q)
    }

    /// True if a covariance costs a few elementary functions instead of a sum over a mixture or an integral.
    pub(crate) fn is_elementary(&self) -> bool {
        match self.0 {
            Family::Sigmoidal(family) => family.is_single(),
            Family::Gated(family) => family.is_single(),
            Family::Rectifier(_) | Family::Sine(_) => true,
            Family::Softplus(_) | Family::Elu(_) | Family::HardTanh(_) => false,
        }
    }

    fn family(&self) -> &dyn Expectations {
        match &self.0 {
            Family::Sigmoidal(family) => family,
            Family::Softplus(family) => family,
            Family::Gated(family) => family,
            Family::Rectifier(family) => family,
            Family::Elu(family) => family,
            Family::HardTanh(family) => family,
            Family::Sine(family) => family,
        }
    }
}
