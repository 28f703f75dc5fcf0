//! Complete trainings against a plain loop in f64 that shares only the order of the samples with the trainer.
#![expect(clippy::unwrap_used, reason = "a test")]

use crate::common::{Layer64, Problem, flat, forward64, layers64, network, problem, select, train};
use isobath_architecture::Activation;
use isobath_architecture::Readout;
use isobath_tensor::{Cpu, Reference};
use isobath_testkit::{Tolerance, assert_close};
use isobath_trainer::{Decay, Loss, Optimizer, Schedule, TrainParams, TrainerBackend, epoch_order};
use ndarray::{Array2, Axis};

const SAMPLES: usize = 50;
const BATCH: usize = 16;
const STEPS: usize = 20;

/// Weight and bias gradients of all layers of a tanh network with a linear readout, in the order of [`flat`].
fn gradient(layers: &[Layer64], loss: Loss, x: &Array2<f64>, labels: &[u8]) -> (f64, Vec<f64>) {
    let outputs = forward64(layers, x);
    let (loss, mut delta) = match loss {
        Loss::CrossEntropy => cross_entropy(&outputs[layers.len()], labels),
        Loss::MeanSquaredError => mean_squared_error(&outputs[layers.len()], labels),
        Loss::DoubleSoftmax => panic!("not implemented here"),
    };
    let mut gradients = Vec::new();
    for (layer, input) in layers.iter().zip(&outputs).rev() {
        let bias = delta.sum_axis(Axis(0));
        let weights = delta.t().dot(input);
        gradients.push(weights.iter().chain(&bias).copied().collect::<Vec<f64>>());
        delta = delta.dot(&layer.weights) * input.mapv(|h| 1.0 - h * h);
    }
    (loss, gradients.into_iter().rev().flatten().collect())
}

/// Cross-entropy of logits, and its derivative.
fn cross_entropy(outputs: &Array2<f64>, labels: &[u8]) -> (f64, Array2<f64>) {
    let mut exponentials = outputs.mapv(f64::exp);
    let mut loss = 0.0;
    for (mut row, &label) in exponentials.rows_mut().into_iter().zip(labels) {
        let sum = row.sum();
        row /= sum;
        loss -= row[usize::from(label)].ln() / labels.len() as f64;
        row[usize::from(label)] -= 1.0;
    }
    (loss, exponentials / labels.len() as f64)
}

/// Mean of the squared differences from one-hot targets over all elements, and its derivative.
fn mean_squared_error(outputs: &Array2<f64>, labels: &[u8]) -> (f64, Array2<f64>) {
    let is_label = |(i, k): (usize, usize)| f64::from(u8::from(usize::from(labels[i]) == k));
    let targets = Array2::from_shape_fn(outputs.dim(), is_label);
    let gap = outputs - &targets;
    (gap.mapv(|x| x * x).mean().unwrap(), &gap * (2.0 / gap.len() as f64))
}

/// One step of `optimizer` on all parameters, by PyTorch's formulas.
fn step(optimizer: Optimizer, step: i32, w: &mut [f64], g: &[f64], state: &mut [Vec<f64>; 2]) {
    let [m, v] = state;
    for i in 0..w.len() {
        let g = g[i] + f64::from(optimizer.weight_decay()) * w[i];
        match optimizer {
            Optimizer::Sgd { lr, momentum, .. } => {
                m[i] = f64::from(momentum) * m[i] + g;
                w[i] -= f64::from(lr) * m[i];
            }
            Optimizer::RmsProp { lr, alpha, eps, .. } => {
                v[i] = f64::from(alpha) * v[i] + (1.0 - f64::from(alpha)) * g * g;
                w[i] -= f64::from(lr) * g / (v[i].sqrt() + f64::from(eps));
            }
            Optimizer::Adagrad { lr, lr_decay, eps, .. } => {
                v[i] += g * g;
                let lr = f64::from(lr) / (1.0 + f64::from(step - 1) * f64::from(lr_decay));
                w[i] -= lr * g / (v[i].sqrt() + f64::from(eps));
            }
            Optimizer::Adam { lr, beta1, beta2, eps, .. } => {
                let (beta1, beta2) = (f64::from(beta1), f64::from(beta2));
                m[i] = beta1 * m[i] + (1.0 - beta1) * g;
                v[i] = beta2 * v[i] + (1.0 - beta2) * g * g;
                let (m, v) = (m[i] / (1.0 - beta1.powi(step)), v[i] / (1.0 - beta2.powi(step)));
                w[i] -= f64::from(lr) * m / (v.sqrt() + f64::from(eps));
            }
        }
    }
}

fn put(layers: &mut [Layer64], numbers: &[f64]) {
    let mut numbers = numbers.iter();
    for layer in layers {
        for parameter in layer.weights.iter_mut().chain(&mut layer.bias) {
            *parameter = *numbers.next().unwrap();
        }
    }
}

/// Losses and final parameters of the plain loop.
fn plain_loop(params: &TrainParams, data: &Problem) -> (Vec<f64>, Vec<f64>) {
    let mut layers = layers64(&network(Activation::Tanh, Readout::Linear));
    let mut w = flat(&layers);
    let mut state = [vec![0.0; w.len()], vec![0.0; w.len()]];
    let mut losses = Vec::new();
    let per_epoch = SAMPLES.div_ceil(BATCH);
    for index in 0..STEPS {
        let order = epoch_order(5, (index / per_epoch) as u64, SAMPLES);
        let start = index % per_epoch * BATCH;
        let (x, labels) = select(data, &order[start..SAMPLES.min(start + BATCH)]);
        let (loss, g) = gradient(&layers, params.loss, &x, &labels);
        losses.push(loss);
        let lr = f64::from(params.optimizer.lr()) * params.schedule.factor(index, STEPS);
        let optimizer = params.optimizer.with_lr(lr as f32);
        step(optimizer, index as i32 + 1, &mut w, &g, &mut state);
        put(&mut layers, &w);
    }
    (losses, w)
}

#[track_caller]
fn check_on<B: TrainerBackend>(backend: B, params: &TrainParams, tolerance: f64) {
    let data = problem(SAMPLES, 4);
    let training =
        train(backend, params.clone(), &network(Activation::Tanh, Readout::Linear), &data);
    let (losses, parameters) = plain_loop(params, &data);
    assert_close(&training.losses, &losses, Tolerance::absolute(tolerance));
    let trained = flat(&layers64(&training.network));
    assert_close(&trained, &parameters, Tolerance::absolute(tolerance));
    assert!(losses[STEPS - 1] < 0.8 * losses[0], "nothing was learned: {losses:?}");
}

#[track_caller]
fn check(optimizer: Optimizer) {
    check_with(optimizer, Loss::CrossEntropy);
}

#[track_caller]
fn check_with(optimizer: Optimizer, loss: Loss) {
    let max_steps = Some(STEPS);
    let params = TrainParams { batch: BATCH, max_steps, optimizer, loss, ..TrainParams::default() };
    check_on(Reference, &params, 1e-5);
    check_on(Cpu::new(), &params, 1e-5);
    let schedule = Schedule { decay: Decay::Cosine, warmup: 5 };
    check_on(Reference, &TrainParams { schedule, ..params }, 1e-5);
}

#[test]
fn plain_gradient_descent() {
    check(Optimizer::sgd(0.1));
}

#[test]
fn momentum() {
    check(Optimizer::momentum(0.05, 0.9));
}

#[test]
fn rmsprop() {
    check(Optimizer::RmsProp { lr: 0.005, alpha: 0.9, eps: 1e-3, weight_decay: 0.0 });
}

#[test]
fn adam() {
    check(Optimizer::Adam { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-3, weight_decay: 0.0 });
}

#[test]
fn adagrad() {
    check(Optimizer::Adagrad { lr: 0.02, lr_decay: 0.0, eps: 1e-3, weight_decay: 0.0 });
    check(Optimizer::Adagrad { lr: 0.05, lr_decay: 0.1, eps: 1e-3, weight_decay: 0.0 });
}

#[test]
fn weight_decay() {
    for optimizer in [
        Optimizer::sgd(0.1),
        Optimizer::momentum(0.05, 0.9),
        Optimizer::RmsProp { lr: 0.005, alpha: 0.9, eps: 1e-3, weight_decay: 0.0 },
        Optimizer::Adagrad { lr: 0.02, lr_decay: 0.0, eps: 1e-3, weight_decay: 0.0 },
        Optimizer::Adam { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-3, weight_decay: 0.0 },
    ] {
        check(optimizer.with_weight_decay(0.1));
    }
}

#[test]
fn mean_squared_errors() {
    check_with(Optimizer::sgd(0.2), Loss::MeanSquaredError);
    check_with(Optimizer::momentum(0.1, 0.9).with_weight_decay(0.01), Loss::MeanSquaredError);
}
