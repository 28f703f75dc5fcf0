//! That there is learning, on generated digits.
#![expect(clippy::unwrap_used, reason = "a test")]

use isobath_architecture::Activation;
use isobath_architecture::{MlpParams, Variances, WidthRule};
use isobath_datasets::{DatasetName, LoadRequest, Samples, load};
use isobath_network::Network;
use isobath_tensor::Cpu;
use isobath_trainer::{Job, Labelled, Optimizer, Outcome, Silent, Success, TrainParams, Trainer};

fn labelled(samples: &Samples) -> Labelled<'_> {
    Labelled { samples: samples.images.view(), labels: &samples.labels }
}

/// Training of a tanh network of width 40 and depth 6 on generated digits.
fn outcome(sigma_w2: f64) -> Outcome {
    let request = LoadRequest {
        train: Some(2000),
        test: Some(400),
        seed: 1,
        ..LoadRequest::new(DatasetName::Digits, "")
    };
    let data = load(&request).unwrap();
    let mlp = MlpParams::new(6, WidthRule::Fixed(40), Activation::Tanh);
    let spec = mlp.check(784, 10).unwrap().spec();
    let network = Network::random(spec, Variances::new(sigma_w2, 0.05).unwrap(), 1);
    let params = TrainParams {
        epochs: 10,
        optimizer: Optimizer::sgd(0.1),
        success: Some(Success { accuracy: 0.8 }),
        ..TrainParams::default()
    };
    let job = Job {
        network: &network,
        train: labelled(&data.train),
        test: labelled(&data.test),
        seed: 1,
    };
    Trainer::new(Cpu::new(), params.check().unwrap()).train(&job, &Silent).unwrap().outcome
}

#[test]
fn a_critical_network_learns_digits() {
    assert!(matches!(outcome(1.76), Outcome::Succeeded { .. }));
}

#[test]
fn an_ordered_network_does_not_learn_digits() {
    assert!(matches!(outcome(0.01), Outcome::Exhausted { .. }));
}
