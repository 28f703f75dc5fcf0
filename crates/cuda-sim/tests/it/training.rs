//! Training of networks on a device that repeats recorded work.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use isobath_architecture::{Activation, MlpParams, Readout, Variances, WidthRule};
use isobath_cuda_sim::{mock_driver, simulated};
use isobath_network::{LayerParameters, Network};
use isobath_tensor::{Optimizer, RandomStream, Reference};
use isobath_testkit::{Tolerance, assert_close};
use isobath_trainer::{
    Entry, Job, Labelled, Outcome, Silent, TrainParams, Trainer, TrainerBackend, Training,
};
use ndarray::Array2;

const INPUTS: usize = 12;
const CLASSES: usize = 4;

/// Samples around four centres, and their classes.
struct Problem {
    samples: Array2<f32>,
    labels: Vec<u8>,
}

impl Problem {
    fn new(n: usize, seed: u64) -> Self {
        let centres = RandomStream::Normal { seed: 0, stream: 1, std: 1.0 }.take(CLASSES * INPUTS);
        let noise = RandomStream::Normal { seed, stream: 2, std: 0.4 }.take(n * INPUTS);
        let labels: Vec<u8> = (0..n).map(|i| (i * 7 % CLASSES) as u8).collect();
        let samples = Array2::from_shape_fn((n, INPUTS), |(i, j)| {
            noise[i * INPUTS + j] + centres[usize::from(labels[i]) * INPUTS + j]
        });
        Self { samples, labels }
    }

    fn labelled(&self) -> Labelled<'_> {
        Labelled { samples: self.samples.view(), labels: &self.labels }
    }
}

/// Two full minibatches and a short one to an epoch, and test samples.
struct Data {
    train: Problem,
    test: Problem,
}

impl Data {
    fn new(test: usize) -> Self {
        Self { train: Problem::new(40, 1), test: Problem::new(test, 9) }
    }

    fn job<'a>(&'a self, network: &'a Network, seed: u64) -> Job<'a> {
        Job { network, train: self.train.labelled(), test: self.test.labelled(), seed }
    }
}

fn network(widths: &[usize], activation: Activation, sigma_w2: f64, seed: u64) -> Network {
    let depth = widths.len() + 1;
    let widths = WidthRule::List(widths.to_vec());
    let params =
        MlpParams { readout: Readout::Linear, ..MlpParams::new(depth, widths, activation) };
    let spec = params.check(INPUTS, CLASSES).unwrap().spec();
    Network::random(spec, Variances::new(sigma_w2, 0.05).unwrap(), seed)
}

/// Weights and biases of all layers in one list.
fn flat(network: &Network) -> Vec<f64> {
    let layers = (0..network.spec().layers().len()).map(|layer| network.parameters(layer));
    let numbers = layers.flat_map(|parameters: LayerParameters| {
        let arrays = parameters.arrays().into_iter();
        let numbers =
            arrays.flat_map(|(_, array)| array.iter().copied().map(f64::from).collect::<Vec<_>>());
        numbers.collect::<Vec<_>>()
    });
    numbers.collect()
}

#[track_caller]
fn check_against_reference(widths: &[usize], optimizer: Optimizer) {
    let backend = match simulated() {
        Ok(backend) => backend,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    let params = TrainParams { batch: 16, epochs: 4, optimizer, ..TrainParams::default() };
    let params = params.check().unwrap();
    let (network, data) = (network(widths, Activation::Tanh, 1.5, 3), Data::new(50));
    let job = data.job(&network, 5);
    let simulated = Trainer::new(backend, params.clone()).train(&job, &Silent).unwrap();
    let expected = Trainer::new(Reference, params).train(&job, &Silent).unwrap();
    assert!(flat(&simulated.network) != flat(&network), "training changes parameters");
    assert_close(&flat(&simulated.network), &flat(&expected.network), Tolerance::absolute(2e-5));
    assert_close(&simulated.losses, &expected.losses, Tolerance::absolute(1e-5));
}

#[test]
fn an_odd_number_of_layers() {
    check_against_reference(&[9, 11], Optimizer::sgd(0.1));
}

#[test]
fn an_even_number_of_layers() {
    check_against_reference(&[9, 11, 7], Optimizer::sgd(0.1));
}

#[test]
fn momentum_and_adam() {
    check_against_reference(&[9], Optimizer::momentum(0.05, 0.9));
    check_against_reference(&[9], Optimizer::adam(1e-3));
}

#[track_caller]
fn assert_same(one: &Training, other: &Training) {
    assert_eq!(one.outcome, other.outcome);
    assert_eq!(one.losses, other.losses);
    assert_eq!(one.evaluations, other.evaluations);
    assert_eq!(one.flops, other.flops);
    assert_eq!(flat(&one.network), flat(&other.network));
}

/// Trains all networks together and checks that each ends with the bits it has alone. Returns how many ended at a time.
#[track_caller]
fn check_together<B: TrainerBackend>(trainer: &Trainer<B>, networks: &[Network]) -> Vec<usize> {
    let data = Data::new(60);
    let jobs: Vec<Job<'_>> =
        networks.iter().zip(5..).map(|(network, seed)| data.job(network, seed)).collect();
    let entry = |job| Entry { job, observer: &Silent, checkpoints: None };
    let entries: Vec<Entry<'_, '_>> = jobs.iter().map(entry).collect();
    let (mut trainings, mut counts) = (Vec::new(), Vec::new());
    trainer
        .train_together(&entries, &mut |finished| {
            counts.push(finished.len());
            trainings.extend(finished);
        })
        .unwrap();
    trainings.sort_by_key(|(index, _)| *index);
    assert_eq!(trainings.len(), networks.len());
    for ((_, training), job) in trainings.iter().zip(&jobs) {
        assert_same(training, &trainer.train(job, &Silent).unwrap());
    }
    let outcome = &trainings[1].1.outcome;
    assert!(matches!(outcome, Outcome::Diverged { .. }), "{outcome:?}");
    counts
}

#[test]
fn networks_trained_together_end_as_alone() {
    let backend = match mock_driver::open() {
        Ok(backend) => backend,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    // Three that learn at their own pace, and between them one that diverges.
    let networks = [(1, 1.0), (2, 1e4), (3, 2.0), (4, 0.1)]
        .map(|(seed, sigma_w2)| network(&[9, 11], Activation::Relu, sigma_w2, seed));
    for optimizer in [Optimizer::sgd(0.05), Optimizer::adam(5e-3)] {
        let params = TrainParams {
            epochs: 5,
            batch: 16,
            optimizer,
            evaluate_every: Some(2),
            diverged_above: 100.0,
            ..TrainParams::default()
        };
        let trainer = Trainer::new(backend.clone(), params.check().unwrap());
        let counts = check_together(&trainer, &networks);
        assert!(counts.len() > 1, "{counts:?}");
    }
}
