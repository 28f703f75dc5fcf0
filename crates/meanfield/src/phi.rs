//! Activation functions and their derivatives in double precision.

use std::f64::consts::{FRAC_2_SQRT_PI, LN_2};

use isobath_architecture::Activation;

use crate::special::{normal_cdf, normal_pdf};

/// Activation function with its first two derivatives, all finite at every finite `x`.
///
/// At a [kink](Self::kinks) the derivatives are those of the left piece. The second derivative omits the delta
/// functions `(phi'(k+) - phi'(k-)) delta(x - k)` of the kinks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phi(pub(crate) Shape);

/// Formulas of the activations; some activations share a formula with different constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    Tanh,
    Erf,
    /// `x` above zero, `slope * x` below: ReLU, leaky ReLU and the identity.
    Rectifier {
        slope: f64,
    },
    /// `scale * x` above zero, `scale * alpha * (exp(x) - 1)` below: ELU and SELU.
    Elu {
        scale: f64,
        alpha: f64,
    },
    Softplus,
    Sigmoid,
    HardTanh,
    Gelu,
    Silu,
    Sine,
}

/// Growth of `|phi(x)|` at large `|x|`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Growth {
    /// `|phi| <= bound`.
    Bounded(f64),
    /// `E[phi(sqrt(q) z)^2] / q` tends to this limit as `q` grows.
    Linear(f64),
}

impl Phi {
    /// Creates the function of an activation.
    pub fn new(activation: Activation) -> Self {
        Self(match activation {
            Activation::Tanh => Shape::Tanh,
            Activation::Erf => Shape::Erf,
            Activation::Relu => Shape::Rectifier { slope: 0.0 },
            Activation::LeakyRelu { slope } => Shape::Rectifier { slope },
            Activation::Linear => Shape::Rectifier { slope: 1.0 },
            Activation::Elu => Shape::Elu { scale: 1.0, alpha: 1.0 },
            Activation::Selu => Shape::Elu { scale: SELU_SCALE, alpha: SELU_ALPHA },
            Activation::Softplus => Shape::Softplus,
            Activation::Sigmoid => Shape::Sigmoid,
            Activation::HardTanh => Shape::HardTanh,
            Activation::Gelu => Shape::Gelu,
            Activation::Silu => Shape::Silu,
            Activation::Sine => Shape::Sine,
        })
    }

    /// `phi(x)`.
    pub fn value(self, x: f64) -> f64 {
        match self.0 {
            Shape::Tanh => x.tanh(),
            Shape::Erf => libm::erf(x),
            Shape::Rectifier { slope } => x * if x > 0.0 { 1.0 } else { slope },
            Shape::Elu { scale, alpha } => scale * if x > 0.0 { x } else { alpha * x.exp_m1() },
            Shape::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Shape::Sigmoid => logistic(x),
            Shape::HardTanh => x.clamp(-1.0, 1.0),
            Shape::Gelu => x * normal_cdf(x),
            Shape::Silu => x * logistic(x),
            Shape::Sine => x.sin(),
        }
    }

    /// `phi'(x)`.
    pub fn derivative(self, x: f64) -> f64 {
        match self.0 {
            Shape::Tanh => 4.0 * logistic_slope(2.0 * x),
            Shape::Erf => FRAC_2_SQRT_PI * (-x * x).exp(),
            Shape::Rectifier { slope } => {
                if x > 0.0 {
                    1.0
                } else {
                    slope
                }
            }
            Shape::Elu { scale, alpha } => scale * if x > 0.0 { 1.0 } else { alpha * x.exp() },
            Shape::Softplus => logistic(x),
            Shape::Sigmoid => logistic_slope(x),
            Shape::HardTanh => f64::from(-1.0 < x && x <= 1.0),
            Shape::Gelu => normal_cdf(x) + x * normal_pdf(x),
            Shape::Silu => logistic(x) + x * logistic_slope(x),
            Shape::Sine => x.cos(),
        }
    }

    /// `phi''(x)` between the kinks.
    pub fn second_derivative(self, x: f64) -> f64 {
        match self.0 {
            Shape::Tanh => -2.0 * x.tanh() * self.derivative(x),
            Shape::Erf => -2.0 * (x * self.derivative(x)),
            Shape::Rectifier { .. } | Shape::HardTanh => 0.0,
            Shape::Elu { scale, alpha } => {
                if x > 0.0 {
                    0.0
                } else {
                    scale * alpha * x.exp()
                }
            }
            Shape::Softplus => logistic_slope(x),
            Shape::Sigmoid => -logistic_slope(x) * (0.5 * x).tanh(),
            // Multiply `x * pdf` before the second `x`: the product underflows to zero before the square could
            // overflow.
            Shape::Gelu => 2.0 * normal_pdf(x) - x * (x * normal_pdf(x)),
            Shape::Silu => logistic_slope(x) * 2.0 - x * logistic_slope(x) * (0.5 * x).tanh(),
            Shape::Sine => -x.sin(),
        }
    }

    /// Points where `phi'` jumps, in increasing order, so that a quadrature can split there.
    ///
    /// ELU has one at zero, although only its second derivative jumps there.
    pub const fn kinks(self) -> &'static [f64] {
        match self.0 {
            Shape::Rectifier { .. } | Shape::Elu { .. } => &[0.0],
            Shape::HardTanh => &[-1.0, 1.0],
            _ => &[],
        }
    }

    /// Returns true if `phi(-x) = -phi(x)`.
    pub fn is_odd(self) -> bool {
        match self.0 {
            Shape::Tanh | Shape::Erf | Shape::HardTanh | Shape::Sine => true,
            Shape::Rectifier { slope } => (slope - 1.0).abs() < f64::EPSILON,
            Shape::Elu { .. } | Shape::Softplus | Shape::Sigmoid | Shape::Gelu | Shape::Silu => {
                false
            }
        }
    }

    /// Length at which `E[phi^2]` grows fastest, for activations that are convex near zero (the argument times a
    /// sigmoid). `None` for all others, whose `E[phi^2] / q` decreases with `q`.
    pub(crate) const fn steepest_length(self) -> Option<f64> {
        match self.0 {
            Shape::Gelu => Some(3.3725),
            Shape::Silu => Some(14.41),
            _ => None,
        }
    }

    /// `phi(0)`.
    pub(crate) const fn at_zero(self) -> f64 {
        match self.0 {
            Shape::Softplus => LN_2,
            Shape::Sigmoid => 0.5,
            _ => 0.0,
        }
    }

    /// Limit of `E[phi'(sqrt(q) z)^2]` as `q` tends to zero: the mean of the squared slopes on either side of zero.
    pub(crate) const fn slope_square_at_zero(self) -> f64 {
        match self.0 {
            Shape::Tanh | Shape::HardTanh | Shape::Sine => 1.0,
            Shape::Erf => FRAC_2_SQRT_PI * FRAC_2_SQRT_PI,
            Shape::Rectifier { slope } => f64::midpoint(1.0, slope * slope),
            Shape::Elu { scale, alpha } => scale * scale * f64::midpoint(1.0, alpha * alpha),
            Shape::Softplus | Shape::Gelu | Shape::Silu => 0.25,
            Shape::Sigmoid => 0.0625,
        }
    }

    pub(crate) const fn is_bounded(self) -> bool {
        matches!(self.growth(), Growth::Bounded(_))
    }

    pub(crate) const fn growth(self) -> Growth {
        match self.0 {
            Shape::Tanh | Shape::Erf | Shape::Sigmoid | Shape::HardTanh | Shape::Sine => {
                Growth::Bounded(1.0)
            }
            Shape::Rectifier { slope } => Growth::Linear(f64::midpoint(1.0, slope * slope)),
            Shape::Elu { scale, .. } => Growth::Linear(0.5 * scale * scale),
            Shape::Softplus | Shape::Gelu | Shape::Silu => Growth::Linear(0.5),
        }
    }
}

// Klambauer et al. arXiv:1706.02515; the digits equal those of `isobath_architecture::Activation::Selu`.
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;

fn logistic(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x > 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

/// Derivative `sigma'(x) = sigma(x) sigma(-x)` of the logistic function, even in `x`.
fn logistic_slope(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    e / ((1.0 + e) * (1.0 + e))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTREMES: [f64; 9] = [0.0, 1e-300, -1e-300, 40.0, -40.0, 1e4, -1e4, 1.7e308, -1.7e308];

    fn all() -> impl Iterator<Item = (Activation, Phi)> {
        Activation::ALL.into_iter().map(|activation| (activation, Phi::new(activation)))
    }

    #[test]
    fn finite_at_extremes() {
        for (activation, phi) in all() {
            for x in EXTREMES {
                for y in [phi.value(x), phi.derivative(x), phi.second_derivative(x)] {
                    assert!(y.is_finite(), "{activation} at {x}: {y}");
                }
            }
        }
    }

    #[test]
    fn derivatives_match_finite_differences() {
        let h = 1e-5;
        for (activation, phi) in all() {
            for k in -40..40 {
                let x = 0.21 * f64::from(k) + 0.013;
                let slope = (phi.value(x + h) - phi.value(x - h)) / (2.0 * h);
                assert!((slope - phi.derivative(x)).abs() < 1e-9, "{activation}' at {x}");
                let bend = (phi.derivative(x + h) - phi.derivative(x - h)) / (2.0 * h);
                assert!((bend - phi.second_derivative(x)).abs() < 1e-9, "{activation}'' at {x}");
            }
        }
    }

    #[test]
    fn values_at_zero_and_symmetry_are_correct() {
        for (activation, phi) in all() {
            assert!((phi.value(0.0) - phi.at_zero()).abs() < 1e-16, "{activation}");
            let sides = [-1e-12, 1e-12].map(|x| phi.derivative(x).powi(2));
            let mean = f64::midpoint(sides[0], sides[1]);
            assert!((mean - phi.slope_square_at_zero()).abs() < 1e-10, "{activation}: {mean}");
            let odd = [0.3, 0.9, 2.0].iter().all(|&x| (phi.value(x) + phi.value(-x)).abs() < 1e-15);
            assert_eq!(odd, phi.is_odd(), "{activation}");
        }
    }

    #[test]
    fn growth_matches_large_arguments() {
        for (activation, phi) in all() {
            match phi.growth() {
                Growth::Bounded(bound) => {
                    assert!(
                        (-500..500).all(|k| phi.value(0.1 * f64::from(k)).abs() <= bound),
                        "{activation}"
                    );
                }
                Growth::Linear(limit) => {
                    let squares = [-1e6, 1e6].map(|x| (phi.value(x) / x).powi(2));
                    assert!(
                        (f64::midpoint(squares[0], squares[1]) - limit).abs() < 1e-5,
                        "{activation}"
                    );
                }
            }
        }
    }
}
