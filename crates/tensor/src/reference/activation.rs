//! Activations and their derivatives in f64. Written apart from the mean-field crate's on purpose: the two check each
//! other.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use crate::Activation;

const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

fn gaussian_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// `phi(x)` in f64, with the error of a few roundings.
pub fn activation_value(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Tanh => libm::tanh(x),
        Activation::Erf => libm::erf(x),
        Activation::Relu => x.max(0.0),
        Activation::LeakyRelu { slope } => x.max(0.0) + f64::from(slope as f32) * x.min(0.0),
        Activation::Elu => x.max(0.0) + libm::expm1(x.min(0.0)),
        Activation::Selu => SELU_SCALE * (x.max(0.0) + SELU_ALPHA * libm::expm1(x.min(0.0))),
        Activation::Softplus => x.max(0.0) + libm::log1p(libm::exp(-x.abs())),
        Activation::Sigmoid => logistic(x),
        Activation::HardTanh => x.clamp(-1.0, 1.0),
        Activation::Gelu => x * gaussian_cdf(x),
        Activation::Silu => x * logistic(x),
        Activation::Sine => libm::sin(x),
        Activation::Linear => x,
    }
}

/// `phi'(x)`; at a kink the value from below.
pub(crate) fn activation_derivative(activation: Activation, x: f64) -> f64 {
    let step = |below: f64| if x > 0.0 { 1.0 } else { below };
    match activation {
        Activation::Tanh => 1.0 - libm::tanh(x).powi(2),
        Activation::Erf => 2.0 / PI.sqrt() * libm::exp(-x * x),
        Activation::Relu => step(0.0),
        Activation::LeakyRelu { slope } => step(f64::from(slope as f32)),
        Activation::Elu => step(libm::exp(x.min(0.0))),
        Activation::Selu => SELU_SCALE * step(SELU_ALPHA * libm::exp(x.min(0.0))),
        Activation::Softplus => logistic(x),
        Activation::Sigmoid => logistic(x) * logistic(-x),
        Activation::HardTanh => f64::from(x > -1.0 && x <= 1.0),
        Activation::Gelu => gaussian_cdf(x) + x * libm::exp(-0.5 * x * x) / (2.0 * PI).sqrt(),
        Activation::Silu => logistic(x) * (1.0 + x * logistic(-x)),
        Activation::Sine => libm::cos(x),
        Activation::Linear => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_match_central_differences() {
        for activation in Activation::ALL {
            for i in -80..80 {
                // An odd multiple of 1/26 meets no kink.
                let x = (f64::from(i) + 0.5) / 13.0;
                let step = 1e-6;
                let difference = (activation_value(activation, x + step)
                    - activation_value(activation, x - step))
                    / (2.0 * step);
                let error = (difference - activation_derivative(activation, x)).abs();
                assert!(
                    error < 1e-8,
                    "{activation} at {x}: {difference} against {}",
                    activation_derivative(activation, x)
                );
            }
        }
    }

    #[test]
    fn large_arguments_stay_finite() {
        for activation in Activation::ALL {
            for x in [-1e30, -800.0, 800.0, 1e30] {
                assert!(activation_value(activation, x).is_finite(), "{activation} at {x}");
                assert!(activation_derivative(activation, x).is_finite(), "{activation}' at {x}");
            }
        }
    }
}
