//! Norms of gradients through products of random layers of finite width.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use crate::common::{Estimate, Sampler, gaussian, normal, slope};
use isobath_architecture::Activation;
use isobath_meanfield::{GradientNorm, Theory, Weights};
use ndarray::{Array1, Array2};

const WIDTH: usize = 64;
const LAYERS: usize = 4;
const SAMPLES: usize = 1500;

/// One gradient through random layers whose pre-activations are independent of length `q`: its squared norm behind all
/// layers, relative to that before.
///
/// The products of a gradient with an orthogonal matrix are a uniformly distributed vector of the same norm.
fn factor(
    sampler: &mut Sampler,
    activation: Activation,
    [sigma_w2, q]: [f64; 2],
    weights: Weights,
) -> f64 {
    let column = |matrix: Array2<f64>| matrix.column(0).to_owned();
    let mut gradient: Array1<f64> = column(normal(sampler, [WIDTH, 1]));
    let start = gradient.dot(&gradient);
    for _ in 0..LAYERS {
        let product = match weights {
            Weights::Gaussian => gaussian(sampler, [WIDTH, WIDTH], sigma_w2).t().dot(&gradient),
            Weights::Orthogonal => {
                let direction = column(normal(sampler, [WIDTH, 1]));
                let scale = (sigma_w2 * gradient.dot(&gradient) / direction.dot(&direction)).sqrt();
                direction * scale
            }
        };
        let slopes = column(normal(sampler, [WIDTH, 1])).mapv(|z| slope(activation, q.sqrt() * z));
        gradient = product * slopes;
    }
    gradient.dot(&gradient) / start
}

/// Mean and variance of the factor of all layers, against `chi_1^L` and `(1 + beta / N)^L - 1`.
#[track_caller]
fn check(activation: Activation, [sigma_w2, sigma_b2]: [f64; 2], weights: Weights) -> GradientNorm {
    let theory = Theory::new(activation, sigma_w2, sigma_b2).unwrap();
    let norm = theory.gradient_norm(weights).unwrap();
    let q = theory.fixed_point().unwrap().q_star.unwrap_or(1.0);
    let (mut sampler, mut factors) = (Sampler::new(5), Estimate::default());
    for _ in 0..SAMPLES {
        factors.add(factor(&mut sampler, activation, [sigma_w2, q], weights));
    }
    let label = format!("{activation}, {weights:?}");
    factors.check(&label, (norm.ln_chi_1 * LAYERS as f64).exp(), 0.0);
    let expected = (1.0 + norm.beta / WIDTH as f64).powi(LAYERS as i32) - 1.0;
    let found = factors.variance() / factors.mean().powi(2);
    // Standard error of the variance of a nearly log-normal variable, and terms of second order in 1 / N.
    let error = expected * (2.0 / SAMPLES as f64).sqrt() * (1.0 + 3.0 * expected);
    let allowed = 4.0 * error + 3.0 * expected / WIDTH as f64 + 1e-8;
    assert!((found - expected).abs() < allowed, "{label}: {found} instead of {expected}");
    norm
}

#[test]
fn factors_of_relu_have_the_published_variance() {
    let norm = check(Activation::Relu, [2.0, 0.0], Weights::Gaussian);
    assert!((norm.beta - 5.0).abs() < 1e-9);
}

#[test]
fn orthogonal_linear_layers_keep_every_norm() {
    let norm = check(Activation::Linear, [1.0, 0.0], Weights::Orthogonal);
    assert!(norm.beta.abs() < 1e-9);
}

#[test]
fn factors_of_smooth_activations_agree_with_samples() {
    for weights in [Weights::Gaussian, Weights::Orthogonal] {
        let norm = check(Activation::Tanh, [3.0, 0.05], weights);
        assert!(norm.beta > 0.5 && norm.ln_chi_1 > 0.0);
    }
}
