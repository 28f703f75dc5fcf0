//! Trainings that are done together end as each would alone.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::sync::Mutex;

use isobath_architecture::Activation;
use isobath_architecture::{MlpParams, Readout, Variances, WidthRule};
use isobath_network::Network;
use isobath_tensor::{Cpu, Optimizer, Reference};
use isobath_trainer::{
    BatchEntropyParams, Checkpoints, Entry, Error, Job, Observer, Outcome, Silent, Success,
    TrainParams, Trainer, TrainerBackend, Training,
};

use crate::common::{CLASSES, INPUTS, Problem, assert_same, problem};

/// Networks of one shape: three that learn at their own pace, and between them one that blows up.
fn networks() -> Vec<Network> {
    let widths = WidthRule::List(vec![9, 11]);
    let params =
        MlpParams { readout: Readout::Linear, ..MlpParams::new(3, widths, Activation::Relu) };
    let spec = params.check(INPUTS, CLASSES).unwrap().spec();
    let random = |(seed, sigma_w2)| {
        Network::random(spec.clone(), Variances::new(sigma_w2, 0.05).unwrap(), seed)
    };
    [(1, 1.0), (2, 1e4), (3, 2.0), (4, 0.1)].map(random).into()
}

fn params(optimizer: Optimizer) -> TrainParams {
    TrainParams {
        epochs: 12,
        batch: 16,
        optimizer,
        evaluate_every: Some(2),
        diverged_above: 100.0,
        success: Some(Success { accuracy: 0.97 }),
        ..TrainParams::default()
    }
}

/// Test samples that do not go through the networks at once.
const TWO_CHUNKS: usize = 1100;

struct Samples {
    train: Problem,
    test: Problem,
}

impl Samples {
    /// Two full minibatches and a short one to an epoch, and so many test samples.
    fn new(test: usize) -> Self {
        Self { train: problem(40, 1), test: problem(test, 9) }
    }

    fn job<'a>(&'a self, network: &'a Network, seed: u64) -> Job<'a> {
        Job { network, train: self.train.labelled(), test: self.test.labelled(), seed }
    }
}

/// Trains all together, and gives back the trainings in the entries' order, and the order in which they ended.
fn together<B: TrainerBackend>(
    trainer: &Trainer<B>,
    entries: &[Entry<'_, '_>],
) -> isobath_trainer::Result<(Vec<Training>, Vec<Vec<usize>>)> {
    let (mut trainings, mut order) = (Vec::new(), Vec::new());
    trainer.train_together(entries, &mut |finished| {
        order.push(finished.iter().map(|(index, _)| *index).collect());
        trainings.extend(finished);
    })?;
    trainings.sort_by_key(|(index, _)| *index);
    Ok((trainings.into_iter().map(|(_, training)| training).collect(), order))
}

#[track_caller]
fn check<B: TrainerBackend>(backend: B, params: TrainParams, test: usize) -> Vec<Vec<usize>> {
    let (networks, samples) = (networks(), Samples::new(test));
    let trainer = Trainer::new(backend, params.check().unwrap());
    let jobs: Vec<Job<'_>> =
        networks.iter().zip(5..).map(|(network, seed)| samples.job(network, seed)).collect();
    let entry = |job| Entry { job, observer: &Silent, checkpoints: None };
    let entries: Vec<Entry<'_, '_>> = jobs.iter().map(entry).collect();
    let (trainings, order) = together(&trainer, &entries).unwrap();
    assert_eq!(trainings.len(), networks.len());
    for (training, job) in trainings.iter().zip(&jobs) {
        assert_same(training, &trainer.train(job, &Silent).unwrap());
    }
    assert!(matches!(trainings[1].outcome, Outcome::Diverged { .. }), "{:?}", trainings[1].outcome);
    order
}

#[test]
fn each_ends_with_the_bits_it_has_alone() {
    for optimizer in [
        Optimizer::sgd(0.05),
        Optimizer::rmsprop(5e-3),
        Optimizer::adam(5e-3),
        Optimizer::adagrad(5e-3).with_weight_decay(0.01),
    ] {
        let order = check(Cpu::new(), params(optimizer), TWO_CHUNKS);
        // Those that end early leave, and the others go on.
        assert!(order.len() > 1 && order[0] == [1], "{order:?}");
        check(Reference, TrainParams { gradient_norms: true, ..params(optimizer) }, 60);
    }
}

#[test]
fn regularised_networks_are_trained_too() {
    let batch_entropy = Some(BatchEntropyParams::default());
    check(Cpu::new(), TrainParams { batch_entropy, ..params(Optimizer::sgd(0.05)) }, 60);
}

/// Cancels after some steps.
struct Canceller {
    after: usize,
    done: Mutex<usize>,
}

impl Observer for Canceller {
    fn steps_done(&self, done: usize, _: usize) {
        *self.done.lock().unwrap() = done;
    }

    fn cancelled(&self) -> bool {
        *self.done.lock().unwrap() >= self.after
    }
}

fn kept<'a, 'd>(
    jobs: &'a [Job<'d>],
    checkpoints: &'a [Checkpoints],
    observer: &'a dyn Observer,
) -> Vec<Entry<'a, 'd>> {
    let entries = jobs.iter().zip(checkpoints);
    entries
        .map(|(job, checkpoints)| Entry { job, observer, checkpoints: Some(checkpoints) })
        .collect()
}

#[test]
fn trainings_killed_at_different_steps_resume() {
    let (networks, samples, folder) = (networks(), Samples::new(60), tempfile::tempdir().unwrap());
    let params = TrainParams { success: None, ..params(Optimizer::rmsprop(1e-3)) };
    let trainer = Trainer::new(Cpu::new(), params.check().unwrap());
    let jobs = [0, 2, 3].map(|index| samples.job(&networks[index], 7));
    let checkpoints =
        ["a", "b", "c"].map(|name| Checkpoints { path: folder.path().join(name), every: 1000 });
    // The first two stop after 8 steps, and one of them goes on to 20.
    for (range, after) in [(0..2, 8), (1..2, 20)] {
        let canceller = Canceller { after, done: Mutex::default() };
        let error = together(&trainer, &kept(&jobs, &checkpoints, &canceller)[range])
            .expect_err("cancelled");
        assert!(matches!(error, Error::Cancelled), "{error}");
    }
    assert!(checkpoints[0].path.exists() && checkpoints[1].path.exists());
    let (trainings, order) = together(&trainer, &kept(&jobs, &checkpoints, &Silent)).unwrap();
    assert_eq!(order.len(), 3, "one that starts, one from step 8, one from step 20");
    for (training, job) in trainings.iter().zip(&jobs) {
        assert_same(training, &trainer.train(job, &Silent).unwrap());
    }
}

#[test]
fn different_networks_cannot_be_trained_together() {
    let (networks, samples, others) = (networks(), Samples::new(60), Samples::new(60));
    let deeper = crate::common::network(Activation::Tanh, Readout::Linear);
    let trainer = Trainer::new(Cpu::new(), params(Optimizer::sgd(0.1)).check().unwrap());
    let job = samples.job(&networks[0], 1);
    let others = [
        (samples.job(&deeper, 1), "shape"),
        (Job { train: others.train.labelled(), ..job }, "set of training samples"),
        (Job { test: others.test.labelled(), ..job }, "set of test samples"),
    ];
    for (other, what) in &others {
        let entry = |job| Entry { job, observer: &Silent, checkpoints: None };
        let error = together(&trainer, &[entry(&job), entry(other)]).expect_err(what).to_string();
        assert!(error.contains(what), "{error}");
    }
}
