//! Outcomes and results of trainings, and their independence of the number of threads.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::sync::Mutex;

use crate::common::{Problem, layers64, network, problem, train};
use isobath_architecture::Activation;
use isobath_architecture::{MlpParams, Readout, Variances, WidthRule};
use isobath_network::Network;
use isobath_tensor::Cpu;
use isobath_testkit::{Tolerance, assert_close};
use isobath_trainer::{
    Error, Evaluation, Hopeless, Job, Loss, Observer, Optimizer, Outcome, Success, TrainParams,
    Trainer, Training,
};

fn params() -> TrainParams {
    TrainParams { epochs: 20, batch: 16, optimizer: Optimizer::sgd(0.1), ..TrainParams::default() }
}

fn run(params: TrainParams) -> Training {
    train(Cpu::new(), params, &network(Activation::Tanh, Readout::Linear), &problem(200, 4))
}

#[test]
fn all_steps_are_used_up_without_a_goal() {
    let training = run(params());
    assert_eq!(training.outcome, Outcome::Exhausted { step: 20 * 13 });
    assert_eq!(training.losses.len(), 260);
    let steps: Vec<usize> = training.evaluations.iter().map(|e| e.step).collect();
    assert_eq!(steps, (1..=20).map(|epoch| epoch * 13).collect::<Vec<_>>());
    let last = &training.evaluations[19];
    assert!(last.test_accuracy > 0.9 && last.train_accuracy > 0.9, "{last:?}");
    assert!(last.test_loss < 0.3, "{last:?}");
}

#[test]
fn success_ends_training() {
    let training = run(TrainParams { success: Some(Success { accuracy: 0.9 }), ..params() });
    let Outcome::Succeeded { step } = training.outcome else { panic!("{:?}", training.outcome) };
    assert_eq!(step, training.losses.len());
    let (last, earlier) = training.evaluations.split_last().unwrap();
    assert!(last.test_accuracy >= 0.9 && earlier.iter().all(|e| e.test_accuracy < 0.9));
}

#[test]
fn hopeless_trainings_are_given_up() {
    let hopeless = Some(Hopeless { after: 3, accuracy: 0.99 });
    let training = run(TrainParams { hopeless, optimizer: Optimizer::sgd(1e-6), ..params() });
    assert_eq!(training.outcome, Outcome::Hopeless { step: 3 * 13 });
    assert_eq!(training.evaluations.len(), 3);
}

#[test]
fn divergence_is_an_outcome() {
    let training = run(TrainParams { optimizer: Optimizer::sgd(1e30), ..params() });
    let Outcome::Diverged { step } = training.outcome else { panic!("{:?}", training.outcome) };
    assert_eq!(step, training.losses.len());
    let (last, earlier) = training.losses.split_last().unwrap();
    let bad = |loss: &f64| !loss.is_finite() || *loss > 1e6;
    assert!(bad(last) && !earlier.iter().any(bad), "{:?}", training.losses);
}

#[test]
fn evaluations_follow_their_interval() {
    let training = run(TrainParams { evaluate_every: Some(5), max_steps: Some(12), ..params() });
    let steps: Vec<usize> = training.evaluations.iter().map(|e| e.step).collect();
    assert_eq!(steps, [5, 10, 12]);
}

#[test]
fn gradient_norms_change_nothing() {
    let with = run(TrainParams { gradient_norms: true, ..params() });
    let without = run(params());
    assert_eq!(with.losses, without.losses);
    for evaluation in &with.evaluations {
        let norms = evaluation.gradient_norms.as_ref().unwrap();
        assert!(norms.len() == 3 && norms.iter().all(|&norm| norm > 0.0), "{norms:?}");
    }
    assert!(without.evaluations.iter().all(|e| e.gradient_norms.is_none()));
}

#[test]
fn a_gradient_norm_is_that_of_the_step() {
    let optimizer = Optimizer::sgd(1.0);
    let one = TrainParams { max_steps: Some(1), gradient_norms: true, optimizer, ..params() };
    let training = run(one);
    let before = layers64(&network(Activation::Tanh, Readout::Linear));
    let change = before.iter().zip(layers64(&training.network));
    let norms: Vec<f64> = change
        .map(|(before, after)| (&before.weights - &after.weights).mapv(|g| g * g).sum().sqrt())
        .collect();
    let measured = training.evaluations[0].gradient_norms.as_ref().unwrap();
    assert_close(measured, &norms, Tolerance::relative(1e-5));
}

#[test]
fn the_published_loss_keeps_to_its_range() {
    let published = TrainParams { loss: Loss::DoubleSoftmax, ..params() };
    let network = network(Activation::Tanh, Readout::Activated);
    let training = train(Cpu::new(), published, &network, &problem(200, 4));
    // Of outputs in [-1, 1] and four classes: the label at 1 and the others at -1, and the other way round.
    let extreme = |sign: f64| {
        let outputs = ndarray::array![[sign, -sign, -sign, -sign]];
        Loss::DoubleSoftmax.evaluate(outputs.view(), &[0]).loss
    };
    let (best, worst) = (extreme(1.0), extreme(-1.0));
    assert!(training.losses.iter().all(|&loss| loss > best && loss < worst));
    assert!(training.best_accuracy().unwrap() > 0.8, "{:?}", training.best_accuracy());
}

#[test]
fn flops_match_the_estimate() {
    let network = network(Activation::Tanh, Readout::Linear);
    let (data, test) = (problem(200, 4), problem(50, 9));
    let job = Job { network: &network, train: data.labelled(), test: test.labelled(), seed: 5 };
    let trainer = Trainer::new(Cpu::new(), params().check().unwrap());
    let training = trainer.train(&job, &isobath_trainer::Silent).unwrap();
    assert_eq!(training.flops, trainer.flops(&job.extent()));
    // 12 x 9, 9 x 11 and 11 x 4 weights; the first layer's input needs no gradient.
    let weights = [108_u64, 99, 44];
    let step: u64 = 4 * weights[0] + 6 * (weights[1] + weights[2]);
    let forward = 2 * weights.iter().sum::<u64>();
    assert_eq!(training.flops, 20 * (200 * step + 50 * forward));
}

#[test]
fn threads_change_no_bit() {
    // Large enough that the work is shared.
    let widths = WidthRule::List(vec![140, 157]);
    let spec = MlpParams::new(3, widths, Activation::Tanh).check(12, 4).unwrap().spec();
    let network = Network::random(spec, Variances::new(1.5, 0.05).unwrap(), 3);
    let data = problem(500, 4);
    let with_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let optimizer = Optimizer::adam(1e-3);
        let params = TrainParams { epochs: 2, batch: 300, optimizer, ..params() };
        pool.install(|| train(Cpu::new(), params, &network, &data))
    };
    let one = with_threads(1);
    for threads in [2, 8] {
        let many = with_threads(threads);
        assert_eq!(one.losses, many.losses);
        assert_eq!(one.evaluations, many.evaluations);
        assert!((0..3).all(|l| one.network.parameters(l) == many.network.parameters(l)));
    }
}

/// Remembers what it hears, and cancels after some steps.
#[derive(Default)]
struct Listener {
    steps: Mutex<Vec<usize>>,
    evaluations: Mutex<Vec<Evaluation>>,
    cancel_at: Option<usize>,
}

impl Observer for Listener {
    fn steps_done(&self, done: usize, steps: usize) {
        assert!(done <= steps);
        self.steps.lock().unwrap().push(done);
    }

    fn evaluated(&self, evaluation: &Evaluation) {
        self.evaluations.lock().unwrap().push(evaluation.clone());
    }

    fn cancelled(&self) -> bool {
        let done = self.steps.lock().unwrap().last().copied();
        self.cancel_at.is_some_and(|at| done.is_some_and(|done| done >= at))
    }
}

fn try_train(data: &Problem, observer: &dyn Observer) -> isobath_trainer::Result<Training> {
    let (network, test) = (network(Activation::Tanh, Readout::Linear), problem(50, 9));
    let job = Job { network: &network, train: data.labelled(), test: test.labelled(), seed: 5 };
    Trainer::new(Cpu::new(), params().check().unwrap()).train(&job, observer)
}

#[test]
fn observers_see_all_events_and_can_cancel() {
    let data = problem(200, 4);
    let listener = Listener::default();
    let training = try_train(&data, &listener).unwrap();
    assert_eq!(*listener.evaluations.lock().unwrap(), training.evaluations);
    assert_eq!(listener.steps.lock().unwrap().last(), Some(&260));

    let listener = Listener { cancel_at: Some(50), ..Listener::default() };
    let error = try_train(&data, &listener).expect_err("it was cancelled");
    assert!(matches!(error, Error::Cancelled));
    assert_eq!(listener.steps.lock().unwrap().last(), Some(&52));
}

#[test]
fn samples_that_do_not_fit_are_refused() {
    #[track_caller]
    fn check(change: impl FnOnce(&mut Problem), message: &str) {
        let mut data = problem(20, 4);
        change(&mut data);
        let error = try_train(&data, &isobath_trainer::Silent).expect_err(message).to_string();
        assert!(error.contains(message), "{error}");
    }
    check(|data| data.labels[7] = 4, "training sample 7 has the label 4");
    check(|data| data.labels.truncate(19), "19 training labels for 20 samples");
    check(|data| data.samples[[3, 1]] = f32::NAN, "sample 3 contains NaN");
    check(|data| data.samples = ndarray::Array2::zeros((20, 5)), "5 numbers each");
    check(|data| *data = problem(0, 4), "no training samples");
}
