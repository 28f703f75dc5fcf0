//! Theory compared with random networks of crate `network`, within standard errors and the bias of a finite width.
//!
//! The mean squares of a network differ from theory by terms of order `depth / width`. The lengths fluctuate with a
//! relative variance of that order, and the curvature of the maps turns these fluctuations into a bias. [`BIAS`] bounds
//! it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use crate::common::{Estimate, Sampler, slope};
use isobath_architecture::Activation;
use isobath_architecture::{MlpParams, Variances, WidthRule};
use isobath_meanfield::{PairStart, Theory};
use isobath_network::{LayerParameters, Network};
use isobath_tensor::{Backend, Cpu, Precision};
use ndarray::{Array1, Array2, Axis};

const WIDTH: usize = 128;
const LAYERS: usize = 5;
const N_NETWORKS: u64 = 24;
const SIGMA_W2: f64 = 1.4;
const SIGMA_B2: f64 = 0.1;

/// Bound of the bias in units of `layer / width`, relative to the quantity itself.
const BIAS: f64 = 3.0;

/// Two inputs, as rows.
fn inputs(width: usize) -> Array2<f32> {
    Array2::from_shape_fn((2, width), |(i, j)| {
        let shared = (j as f32 * 0.7).sin();
        if i == 0 { shared } else { 0.8 * shared + 0.5 * (j as f32 * 1.9).cos() }
    })
}

fn network(activation: Activation, width: usize, seed: u64) -> Network {
    let params = MlpParams::new(LAYERS + 1, WidthRule::Fixed(width), activation);
    let spec = params.check(width, 10).unwrap().spec();
    Network::random(spec, Variances::new(SIGMA_W2, SIGMA_B2).unwrap(), seed)
}

/// Inputs, followed by the activations of the hidden layers.
fn activations(network: &Network, inputs: &Array2<f32>) -> Vec<Array2<f32>> {
    let backend = Cpu::new();
    let (rows, width) = inputs.dim();
    let mut layers = vec![inputs.clone()];
    for index in 0..LAYERS {
        let x = backend.upload(layers[index].as_slice().unwrap()).unwrap();
        let mut y = backend.zeros(rows * width).unwrap();
        let layer = network.upload_layer(&backend, index).unwrap();
        layer.forward(&backend, Precision::F32, rows, &x, &mut y).unwrap();
        let host = backend.download(&y).unwrap();
        layers.push(Array2::from_shape_vec((rows, width), host[..rows * width].to_vec()).unwrap());
    }
    layers
}

/// Pre-activations of layer `index + 1` for the first input.
fn pre_activations(network: &Network, index: usize, below: &Array2<f32>) -> Array1<f64> {
    let LayerParameters::Dense(parameters) = network.parameters(index) else {
        panic!("a dense layer")
    };
    (parameters.weights.dot(&below.row(0)) + &parameters.bias).mapv(f64::from)
}

/// Ratio `|dE/du_1|^2 / |dE/du_L|^2` for a random gradient of the pre-activations of the last hidden layer.
fn gradient_ratio(activation: Activation, network: &Network, layers: &[Array2<f32>]) -> f64 {
    let mut sampler = Sampler::new(layers.len());
    let width = layers[0].ncols();
    let mut gradient = crate::common::normal(&mut sampler, [1, width]).remove_axis(Axis(0));
    let start = gradient.dot(&gradient);
    for index in (1..LAYERS).rev() {
        let LayerParameters::Dense(parameters) = network.parameters(index) else {
            panic!("a dense layer")
        };
        let weights = parameters.weights.mapv(f64::from);
        let slopes =
            pre_activations(network, index - 1, &layers[index - 1]).mapv(|u| slope(activation, u));
        gradient = weights.t().dot(&gradient) * slopes;
    }
    gradient.dot(&gradient) / start
}

#[test]
fn profiles_of_every_activation_match_networks() {
    let x = inputs(WIDTH);
    let mean = |a: usize, b: usize| f64::from(x.row(a).dot(&x.row(b))) / WIDTH as f64;
    for activation in Activation::ALL {
        let theory = Theory::new(activation, SIGMA_W2, SIGMA_B2).unwrap();
        let q = [0, 1].map(|i| theory.first_length(mean(i, i)).unwrap());
        let c = (SIGMA_W2 * mean(0, 1) + SIGMA_B2) / (q[0] * q[1]).sqrt();
        let lengths = q.map(|q| theory.length_profile(q, LAYERS + 1).unwrap());
        let start = PairStart { q_a: q[0], q_b: q[1], c };
        let correlations = theory.correlation_profile(start, LAYERS + 1).unwrap();
        let gradient = theory.gradient_profile(q[0], LAYERS).unwrap()[0].exp();

        let mut squares = vec![Estimate::default(); LAYERS];
        let mut products = vec![Estimate::default(); LAYERS];
        let mut ratios = Estimate::default();
        for seed in 0..N_NETWORKS {
            let network = network(activation, WIDTH, seed);
            let layers = activations(&network, &x);
            for l in 0..LAYERS {
                let (a, b) = (layers[l + 1].row(0), layers[l + 1].row(1));
                squares[l].add(f64::from(a.dot(&a)) / WIDTH as f64);
                products[l].add(f64::from(a.dot(&b)) / WIDTH as f64);
            }
            ratios.add(gradient_ratio(activation, &network, &layers));
        }
        for l in 0..LAYERS {
            let bias = BIAS * (l + 1) as f64 / WIDTH as f64;
            let label = |name: &str| format!("{name} of {activation} in layer {}", l + 1);
            // The activations determine the lengths and the covariance of the next layer.
            let [q_a, q_b] = [0, 1].map(|i| lengths[i][l + 1]);
            squares[l].check(&label("length"), (q_a - SIGMA_B2) / SIGMA_W2, bias);
            let covariance = correlations[l + 1] * (q_a * q_b).sqrt();
            products[l].check(&label("covariance"), (covariance - SIGMA_B2) / SIGMA_W2, bias);
        }
        ratios.check(
            &format!("gradient of {activation}"),
            gradient,
            BIAS * LAYERS as f64 / WIDTH as f64,
        );
    }
}

/// In a linear network of width `N` the expected square of a squared length grows by exactly `1 + 2 / N` per layer,
/// with ReLU at variance two by `1 + 5 / N`: fluctuations are of order `depth / width`.
#[test]
fn lengths_fluctuate_by_depth_over_width() {
    for (activation, sigma_w2, per_layer) in
        [(Activation::Linear, 1.0, 2.0), (Activation::Relu, 2.0, 5.0)]
    {
        for width in [40, 80] {
            let x = Array2::from_elem((1, width), 1.0);
            let mut square = Estimate::default();
            for seed in 0..500 {
                let params = MlpParams::new(LAYERS + 1, WidthRule::Fixed(width), activation);
                let spec = params.check(width, 10).unwrap().spec();
                let variances = Variances::new(sigma_w2, 0.0).unwrap();
                let layers = activations(&Network::random(spec, variances, seed), &x);
                square.add(f64::from(layers[LAYERS].mapv(|x| x * x).mean().unwrap()));
            }
            let expected = (1.0 + per_layer / width as f64).powi(LAYERS as i32) - 1.0;
            let found = square.variance() / square.mean().powi(2);
            // Standard error of a variance from 500 samples of a nearly log-normal variable.
            let allowed = 4.0 * expected * (2.0_f64 / 500.0).sqrt() * (1.0 + 3.0 * expected);
            assert!((found - expected).abs() < allowed, "{activation} {width}: {found} {expected}");
            let error = (square.variance() / 500.0).sqrt();
            assert!((square.mean() - 1.0).abs() < 4.0 * error, "{activation} has a biased mean");
        }
    }
}
