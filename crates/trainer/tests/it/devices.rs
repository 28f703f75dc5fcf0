//! Training on a device that is given its work as recordings.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use isobath_architecture::Activation;
use isobath_architecture::{MlpParams, Readout, Variances, WidthRule};
use isobath_network::Network;
use isobath_tensor::{Optimizer, Reference, cuda::Cuda};
use isobath_testkit::{Tolerance, assert_close};
use isobath_trainer::{TrainParams, Training};

use crate::common::{CLASSES, INPUTS, flat, layers64, problem, train};

/// A network of `widths.len() + 1` layers.
fn network(widths: &[usize]) -> Network {
    let depth = widths.len() + 1;
    let widths = WidthRule::List(widths.to_vec());
    let params =
        MlpParams { readout: Readout::Linear, ..MlpParams::new(depth, widths, Activation::Tanh) };
    let spec = params.check(INPUTS, CLASSES).unwrap().spec();
    Network::random(spec, Variances::new(1.5, 0.05).unwrap(), 3)
}

#[track_caller]
fn check(widths: &[usize], optimizer: Optimizer) {
    let backend = match Cuda::simulated() {
        Ok(backend) => backend,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    // Two full minibatches and a short one to an epoch.
    let (samples, epochs) = (problem(40, 1), 4);
    let params = TrainParams { batch: 16, epochs, optimizer, ..TrainParams::default() };
    let network = network(widths);
    let simulated = train(backend, params.clone(), &network, &samples);
    let expected = train(Reference, params, &network, &samples);
    let parameters = |training: &Training| flat(&layers64(&training.network));
    assert!(parameters(&simulated) != flat(&layers64(&network)), "it was trained");
    assert_close(&parameters(&simulated), &parameters(&expected), Tolerance::absolute(2e-5));
    assert_close(&simulated.losses, &expected.losses, Tolerance::absolute(1e-5));
}

#[test]
fn an_odd_number_of_layers() {
    check(&[9, 11], Optimizer::sgd(0.1));
}

#[test]
fn an_even_number_of_layers() {
    check(&[9, 11, 7], Optimizer::sgd(0.1));
}

#[test]
fn momentum_and_adam() {
    check(&[9], Optimizer::Sgd { lr: 0.05, momentum: 0.9 });
    check(&[9], Optimizer::adam(1e-3));
}
