//! Gradients of every layer, activation and loss against central finite differences in f64.
#![expect(clippy::unwrap_used, reason = "a test")]

use crate::common::{Layer64, Problem, layers64, loss64, network, problem, train};
use isobath_architecture::Activation;
use isobath_architecture::Readout;
use isobath_tensor::Reference;
use isobath_testkit::{Tolerance, assert_close};
use isobath_trainer::{Loss, Optimizer, TrainParams};
use ndarray::Array2;

/// The loss's derivative with respect to all parameters, by central differences.
fn numeric(layers: &[Layer64], loss: Loss, x: &Array2<f64>, labels: &[u8]) -> Vec<f64> {
    let step = 1e-5;
    let at = |layer: usize, index: usize, shift: f64| {
        let mut layers = layers.to_vec();
        let weights = layers[layer].weights.len();
        if index < weights {
            layers[layer].weights.as_slice_mut().unwrap()[index] += shift;
        } else {
            layers[layer].bias[index - weights] += shift;
        }
        loss64(&layers, loss, x, labels)
    };
    let mut gradient = Vec::new();
    for (layer, Layer64 { weights, bias, .. }) in layers.iter().enumerate() {
        for index in 0..weights.len() + bias.len() {
            gradient.push((at(layer, index, step) - at(layer, index, -step)) / (2.0 * step));
        }
    }
    gradient
}

/// One step of plain gradient descent on all samples shows the gradient.
#[track_caller]
fn check(activation: Activation, readout: Readout, loss: Loss) {
    let lr = 1.0;
    let data: Problem = problem(20, 4);
    let network = network(activation, readout);
    let params = TrainParams {
        batch: 20,
        max_steps: Some(1),
        optimizer: Optimizer::sgd(lr),
        loss,
        ..TrainParams::default()
    };
    let training = train(Reference, params, &network, &data);
    let (before, after) = (layers64(&network), layers64(&training.network));
    let change = crate::common::flat(&before).into_iter().zip(crate::common::flat(&after));
    let analytic: Vec<f64> =
        change.map(|(before, after)| (before - after) / f64::from(lr)).collect();
    let x = data.samples.mapv(f64::from);
    let numeric = numeric(&before, loss, &x, &data.labels);
    // The parameters are rounded to f32 once, and so are activations and gradients in between.
    assert_close(&analytic, &numeric, Tolerance { absolute: 5e-7, relative: 2e-6 });
    assert_close(
        &[training.losses[0]],
        &[loss64(&before, loss, &x, &data.labels)],
        Tolerance::absolute(1e-6),
    );
}

#[test]
fn every_activation() {
    for activation in Activation::ALL {
        println!("{activation}");
        check(activation, Readout::Linear, Loss::CrossEntropy);
    }
}

#[test]
fn activated_readout_and_double_softmax() {
    check(Activation::Tanh, Readout::Activated, Loss::DoubleSoftmax);
    check(Activation::Tanh, Readout::Activated, Loss::CrossEntropy);
    check(Activation::Softplus, Readout::Linear, Loss::DoubleSoftmax);
}

#[test]
fn mean_squared_error() {
    check(Activation::Tanh, Readout::Linear, Loss::MeanSquaredError);
    check(Activation::Softplus, Readout::Activated, Loss::MeanSquaredError);
}
