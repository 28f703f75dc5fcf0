//! Trainings that are killed and go on.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::{fs, path::Path, sync::Mutex};

use crate::common::{assert_same, network, problem};
use isobath_architecture::Activation;
use isobath_architecture::Readout;
use isobath_network::Network;
use isobath_tensor::Cpu;
use isobath_trainer::{
    BatchEntropyParams, Checkpoints, Error, Job, Observer, Optimizer, Outcome, Silent, TrainParams,
    Trainer, Training,
};

fn params(optimizer: Optimizer) -> TrainParams {
    TrainParams {
        epochs: 6,
        batch: 16,
        optimizer,
        evaluate_every: Some(10),
        ..TrainParams::default()
    }
}

fn tanh() -> Network {
    network(Activation::Tanh, Readout::Linear)
}

fn train(
    params: TrainParams,
    seed: u64,
    path: Option<&Path>,
    observer: &dyn Observer,
) -> isobath_trainer::Result<Training> {
    let (network, data, test) = (tanh(), problem(200, 4), problem(50, 9));
    let job = Job { network: &network, train: data.labelled(), test: test.labelled(), seed };
    let mut trainer = Trainer::new(Cpu::new(), params.check().unwrap());
    if let Some(path) = path {
        trainer = trainer.with_checkpoints(Checkpoints { path: path.to_owned(), every: 7 });
    }
    trainer.train(&job, observer)
}

/// Copies the checkpoint there is after so many steps, as a kill would leave it.
struct Copier<'a> {
    at: usize,
    from: &'a Path,
    to: &'a Path,
    done: Mutex<bool>,
}

impl Observer for Copier<'_> {
    fn steps_done(&self, done: usize, _: usize) {
        let mut copied = self.done.lock().unwrap();
        if done >= self.at && !*copied {
            fs::copy(self.from, self.to).unwrap();
            *copied = true;
        }
    }
}

#[test]
fn killed_trainings_resume_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let batch_entropy = Some(BatchEntropyParams::default());
    for params in [
        params(Optimizer::sgd(0.1)),
        params(Optimizer::momentum(0.05, 0.9)),
        params(Optimizer::rmsprop(1e-3)),
        params(Optimizer::adagrad(1e-3).with_weight_decay(0.1)),
        TrainParams { batch_entropy, ..params(Optimizer::adam(1e-3)) },
    ] {
        let train =
            |path, observer: &dyn Observer| train(params.clone(), 5, path, observer).unwrap();
        let whole = train(None, &Silent);
        assert_eq!(whole.outcome, Outcome::Exhausted { step: 78 });
        let (kept, killed) = (folder.path().join("kept"), folder.path().join("killed"));
        for path in [&kept, &killed] {
            fs::remove_file(path).ok();
        }
        let copier = Copier { at: 47, from: &kept, to: &killed, done: Mutex::new(false) };
        let watched = train(Some(&kept), &copier);
        assert_same(&whole, &watched);
        let resumed = train(Some(&killed), &Silent);
        assert_same(&whole, &resumed);
        // The finished one finds its end again.
        assert_same(&whole, &train(Some(&kept), &Silent));
    }
}

/// Counts steps, and cancels after some.
struct Canceller(Mutex<Vec<usize>>, usize);

impl Observer for Canceller {
    fn steps_done(&self, done: usize, _: usize) {
        self.0.lock().unwrap().push(done);
    }

    fn cancelled(&self) -> bool {
        self.0.lock().unwrap().last().is_some_and(|&done| done >= self.1)
    }
}

#[test]
fn a_cancelled_training_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let optimizer = Optimizer::adam(1e-3);
    let canceller = Canceller(Mutex::default(), 25);
    let error = train(params(optimizer), 5, Some(&path), &canceller).expect_err("cancelled");
    assert!(matches!(error, Error::Cancelled));
    let listener = Canceller(Mutex::default(), usize::MAX);
    let resumed = train(params(optimizer), 5, Some(&path), &listener).unwrap();
    assert_eq!(listener.0.lock().unwrap()[0], 40);
    assert_same(&train(params(optimizer), 5, None, &Silent).unwrap(), &resumed);
    assert!(!path.with_extension("partial").exists());
}

/// Cancels when polled so often.
struct Impatient(std::sync::atomic::AtomicUsize, usize);

impl Observer for Impatient {
    fn steps_done(&self, _: usize, _: usize) {}

    fn cancelled(&self) -> bool {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= self.1
    }
}

#[test]
fn trainings_stop_after_any_step_and_resume_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let params = TrainParams { gradient_norms: true, ..params(Optimizer::adam(1e-3)) };
    let whole = train(params.clone(), 5, None, &Silent).unwrap();
    for polls in [1, 5, 13, 31] {
        let path = folder.path().join(format!("after {polls}"));
        let impatient = Impatient(0.into(), polls);
        let error = train(params.clone(), 5, Some(&path), &impatient).expect_err("cancelled");
        assert!(matches!(error, Error::Cancelled));
        assert!(impatient.0.into_inner() <= polls + 2, "it went on to the next evaluation");
        assert_same(&whole, &train(params.clone(), 5, Some(&path), &Silent).unwrap());
    }
}

#[test]
fn any_flipped_bit_and_any_cut_of_a_checkpoint_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let params = params(Optimizer::adam(1e-3));
    train(params.clone(), 5, Some(&path), &Silent).unwrap();
    let intact = fs::read(&path).unwrap();
    // A stride that is prime to the numbers' size.
    for place in (0..intact.len()).step_by((intact.len() / 40) | 1) {
        let mut bytes = intact.clone();
        bytes[place] ^= 4;
        fs::write(&path, &bytes).unwrap();
        let error = train(params.clone(), 5, Some(&path), &Silent).expect_err("damaged");
        assert!(matches!(error, Error::LoadCheckpoint { .. }), "byte {place}: {error}");
        fs::write(&path, &intact[..place]).unwrap();
        assert!(train(params.clone(), 5, Some(&path), &Silent).is_err(), "cut at {place}");
    }
}

#[test]
fn checkpoints_of_other_trainings_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    train(params(Optimizer::sgd(0.1)), 5, Some(&path), &Silent).unwrap();
    let refused = |params, seed, message: &str| {
        let error = train(params, seed, Some(&path), &Silent).expect_err(message).to_string();
        assert!(error.contains(message), "{error}");
    };
    refused(params(Optimizer::sgd(0.2)), 5, "another choice of settings");
    refused(params(Optimizer::sgd(0.1)), 6, "another seed");
}

#[test]
fn damaged_checkpoints_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let optimizer = Optimizer::sgd(0.1);
    train(params(optimizer), 5, Some(&path), &Silent).unwrap();
    let whole = fs::read(&path).unwrap();
    for damaged in [&whole[..whole.len() - 1], &whole[..100], b"", b"not a checkpoint"] {
        fs::write(&path, damaged).unwrap();
        let error = train(params(optimizer), 5, Some(&path), &Silent).expect_err("it is damaged");
        assert!(matches!(error, Error::LoadCheckpoint { .. }), "{error}");
        assert!(error.to_string().contains("delete it"), "{error}");
    }
}

#[test]
fn missing_folders_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nowhere").join("checkpoint");
    let error = train(params(Optimizer::sgd(0.1)), 5, Some(&path), &Silent).expect_err("no folder");
    assert!(matches!(error, Error::SaveCheckpoint { .. }), "{error}");
}
