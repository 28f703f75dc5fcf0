//! Layer-wise batch-entropy regularisation against finite differences of the published formula in f64.

use std::f64::consts::{E, PI};

use crate::common::{Layer64, flat, forward64, layers64, network, problem, select, train};
use isobath_architecture::Activation;
use isobath_architecture::Readout;
use isobath_tensor::Reference;
use isobath_testkit::{Tolerance, assert_close};
use isobath_trainer::{BatchEntropyParams, Loss, Optimizer, TrainParams, epoch_order};
use ndarray::Array2;

const SETTINGS: BatchEntropyParams = BatchEntropyParams { beta: 3.0, alpha: 0.9, alpha_min: 0.3 };

/// `C (1 + mean_l beta (H_l - max(alpha_min, |alpha_l|))^2)`
fn regularised(layers: &[Layer64], alphas: &[f64], x: &Array2<f64>, labels: &[u8]) -> f64 {
    let outputs = forward64(layers, x);
    let loss = Loss::CrossEntropy.evaluate(outputs[layers.len()].view(), labels).loss;
    let term = |(h, alpha): (&Array2<f64>, &f64)| {
        let units = h.columns().into_iter().map(|unit| unit.var(1.0));
        let entropy = units.map(|variance| 0.5 * (PI * E * variance + 1.0).ln()).sum::<f64>();
        let gap = entropy / h.ncols() as f64 - alpha.abs().max(SETTINGS.alpha_min);
        SETTINGS.beta * gap * gap
    };
    let sum: f64 = outputs[1..layers.len()].iter().zip(alphas).map(term).sum();
    loss * (1.0 + sum / alphas.len() as f64)
}

#[test]
fn steps_follow_the_published_formula() {
    let (lr, steps, samples, batch) = (0.2, 3, 36, 12);
    let data = problem(samples, 4);
    let initial = network(Activation::Tanh, Readout::Linear);
    let params = TrainParams {
        batch,
        max_steps: Some(steps),
        optimizer: Optimizer::sgd(lr),
        batch_entropy: Some(SETTINGS),
        ..TrainParams::default()
    };
    let training = train(Reference, params.clone(), &initial, &data);

    let mut layers = layers64(&initial);
    let mut alphas = vec![SETTINGS.alpha; 2];
    for step in 0..steps {
        let order = epoch_order(5, 0, samples);
        let (x, labels) = select(&data, &order[step * batch..(step + 1) * batch]);
        let count = flat(&layers).len();
        let at = |place: usize, shift: f64| {
            let (mut layers, mut alphas) = (layers.clone(), alphas.clone());
            if place < count {
                let mut all =
                    layers.iter_mut().flat_map(|l| l.weights.iter_mut().chain(&mut l.bias));
                *all.nth(place).unwrap() += shift;
            } else {
                alphas[place - count] += shift;
            }
            regularised(&layers, &alphas, &x, &labels)
        };
        let slope = |place| (at(place, 1e-5) - at(place, -1e-5)) / 2e-5;
        let gradient: Vec<f64> = (0..count + 2).map(slope).collect();
        let all = layers.iter_mut().flat_map(|l| l.weights.iter_mut().chain(&mut l.bias));
        let all = all.chain(&mut alphas);
        all.zip(gradient).for_each(|(parameter, g)| *parameter -= f64::from(lr) * g);
    }
    let trained = flat(&layers64(&training.network));
    assert_close(&trained, &flat(&layers), Tolerance::absolute(2e-6));
    assert!(alphas.iter().all(|alpha| (alpha - SETTINGS.alpha).abs() > 1e-3), "{alphas:?}");
    // The regulariser is no small matter here.
    let without = train(Reference, TrainParams { batch_entropy: None, ..params }, &initial, &data);
    let without = flat(&layers64(&without.network));
    assert!(trained.iter().zip(&without).any(|(a, b)| (a - b).abs() > 1e-2));
}
