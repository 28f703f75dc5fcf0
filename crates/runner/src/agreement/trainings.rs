use crate::error::{During, Result};
use isobath_architecture::Activation;
use isobath_architecture::{MlpParams, Readout, Variances, WidthRule};
use isobath_network::{LayerParameters, Network, ParameterKind};
use isobath_tensor::{BackendSpec, BackendTask, FullBackend, Optimizer};
use isobath_trainer::{
    Entry, Job, Outcome, Silent, TrainParams, TrainValidParams, Trainer, Training,
};
use serde::Serialize;

use super::{
    Extent,
    cases::{Cases, PHASES, SEED, SIGMA_B2},
};
use crate::pool::in_pool;

/// Comparison of networks trained together on both backends.
#[derive(Clone, Debug, Serialize)]
pub struct TrainingAgreement {
    /// The optimiser.
    pub optimizer: &'static str,
    /// The largest difference of a step's loss, in nats.
    pub loss: f64,
    /// The largest difference of a weight over the root mean square of its layer's weights.
    pub weights: f64,
    /// True if all trainings have the same outcome on both backends.
    pub same_outcomes: bool,
    /// True if each network is bit-identical to the same network trained alone.
    pub same_alone: bool,
    /// Allowed differences of `loss` and `weights`.
    pub tolerance: [f64; 2],
    /// True if both differences are within the tolerance, and `same_outcomes` and `same_alone` hold.
    pub passed: bool,
}

/// Variance of the weights of a network that diverges at its first step. The others continue without it.
const EXPLODING: f64 = 1e6;

/// Loss above which a training counts as diverged, in nats.
const DIVERGED_ABOVE: f64 = 100.0;

/// Compares trainings of whole networks: one network of each phase and one that diverges, trained together.
///
/// See [`compare_backends`](super::compare_backends); `on_result` is called after each optimiser.
///
/// # Errors
/// When a backend is not available or fails.
pub fn compare_trainings(
    backend: BackendSpec,
    baseline: BackendSpec,
    extent: Extent,
    mut on_result: impl FnMut(&TrainingAgreement),
) -> Result<Vec<TrainingAgreement>> {
    let cases = Cases::new(extent)?;
    let [width, depth, samples, steps] = match extent {
        Extent::Full => [256, 6, 320, 24],
        Extent::Quick => [24, 3, 40, 8],
    };
    let widths = WidthRule::Fixed(width);
    let params =
        MlpParams { readout: Readout::Linear, ..MlpParams::new(depth, widths, Activation::Tanh) };
    let [train, test] = cases.labelled(samples);
    let spec = params.check(train.samples.ncols(), CLASSES)?.spec();
    let variances = PHASES.map(|(_, sigma_w2)| sigma_w2).into_iter().chain([EXPLODING]);
    let network = |(sigma_w2, seed)| {
        Ok(Network::random(spec.clone(), Variances::new(sigma_w2, SIGMA_B2)?, seed))
    };
    let networks: Vec<Network> = variances.zip(SEED..).map(network).collect::<Result<_>>()?;
    let job = |(network, seed)| Job { network, train, test, seed };
    let jobs: Vec<Job<'_>> = networks.iter().zip(SEED..).map(job).collect();
    let mut agreements = Vec::new();
    for (optimizer, settings) in optimizers(extent) {
        let params = TrainParams {
            epochs: steps,
            max_steps: Some(steps),
            // The last minibatch of an epoch has half the size.
            batch: samples * 2 / 5,
            evaluate_every: Some(steps / 4),
            optimizer: settings,
            diverged_above: DIVERGED_ABOVE,
            ..TrainParams::default()
        };
        let params = params.check()?;
        let trained = |backend: BackendSpec, at_once: usize| {
            let work = || backend.dispatch(Task { params: &params, jobs: &jobs, at_once })?;
            in_pool(work).during(|| format!("trainings with {optimizer} on {backend}"))
        };
        let together = trained(backend, jobs.len())?;
        let same_alone = together.iter().zip(&trained(backend, 1)?).all(|(a, b)| is_same(a, b));
        let expected = trained(baseline, jobs.len())?;
        let agreement = compare(optimizer, same_alone, &together, &expected);
        on_result(&agreement);
        agreements.push(agreement);
    }
    Ok(agreements)
}

const CLASSES: usize = 10;

fn optimizers(extent: Extent) -> Vec<(&'static str, Optimizer)> {
    let (sgd, adam) = (Optimizer::sgd(0.02), WELL_CONDITIONED_ADAM);
    match extent {
        Extent::Quick => vec![("sgd", sgd), ("adam", adam)],
        Extent::Full => vec![
            ("sgd", sgd),
            ("momentum", Optimizer::momentum(0.005, 0.9)),
            ("rmsprop", Optimizer::RmsProp { lr: 1e-4, alpha: 0.99, eps: 1e-3, weight_decay: 0.0 }),
            ("adam", adam),
        ],
    }
}

/// Adam with an `eps` of the order of the gradients, so that it does not amplify rounding errors.
const WELL_CONDITIONED_ADAM: Optimizer =
    Optimizer::Adam { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-4, weight_decay: 0.0 };

/// Allowed differences of losses and weights. About ten times the differences measured between the CPU and the reference
/// backend. Products of TF32 factors differ by more.
const TOLERANCE: [f64; 2] = [2e-6, 3e-5];

fn compare(
    optimizer: &'static str,
    same_alone: bool,
    actual: &[Training],
    expected: &[Training],
) -> TrainingAgreement {
    let pairs = || actual.iter().zip(expected);
    let same_outcomes = pairs().all(|(a, e)| a.outcome == e.outcome);
    // A diverged network amplifies every difference.
    let converged = || pairs().filter(|(_, e)| !matches!(e.outcome, Outcome::Diverged { .. }));
    let losses = converged().flat_map(|(a, e)| a.losses.iter().zip(&e.losses));
    let loss = losses.map(|(a, e)| (a - e).abs()).fold(0.0, largest);
    let weights = converged().flat_map(|(a, e)| {
        let layers = 0..e.network.spec().layers().len();
        layers.map(|index| distance(&a.network.parameters(index), &e.network.parameters(index)))
    });
    let weights = weights.fold(0.0, largest);
    let [most_loss, most_weights] = TOLERANCE;
    let passed = loss <= most_loss && weights <= most_weights && same_outcomes && same_alone;
    let tolerance = TOLERANCE;
    TrainingAgreement { optimizer, loss, weights, same_outcomes, same_alone, tolerance, passed }
}

/// The largest difference of two layers' weights over the root of their mean square.
fn distance(actual: &LayerParameters, expected: &LayerParameters) -> f64 {
    let [actual, expected] = [actual, expected].map(weights);
    let squares: f64 = expected.iter().map(|&w| f64::from(w).powi(2)).sum();
    let differences = actual.iter().zip(&expected);
    let largest = differences.map(|(&a, &e)| f64::from(a - e).abs()).fold(0.0, largest);
    largest / (squares / expected.len() as f64).sqrt()
}

/// All weights of a layer.
fn weights(parameters: &LayerParameters) -> Vec<f32> {
    let arrays = parameters.arrays().into_iter();
    let weights = arrays.filter(|(name, _)| name.kind == ParameterKind::Weight);
    weights.flat_map(|(_, array)| array.iter().copied().collect::<Vec<_>>()).collect()
}

/// The larger of two numbers; NaN if either is NaN.
fn largest(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

fn is_same(one: &Training, other: &Training) -> bool {
    let losses = |training: &Training| -> Vec<u64> {
        training.losses.iter().map(|loss| loss.to_bits()).collect()
    };
    one.outcome == other.outcome
        && losses(one) == losses(other)
        && (0..one.network.spec().layers().len()).all(|index| {
            let [one, other] = [one, other].map(|training| training.network.parameters(index));
            let bits = |parameters: LayerParameters| -> Vec<u32> {
                let arrays = parameters.arrays().into_iter();
                let bits = arrays
                    .flat_map(|(_, array)| array.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
                bits.collect()
            };
            bits(one) == bits(other)
        })
}

/// Backend task that trains networks in batches of `at_once`.
struct Task<'a, 'd> {
    params: &'a TrainValidParams,
    jobs: &'a [Job<'d>],
    at_once: usize,
}

impl BackendTask for Task<'_, '_> {
    type Output = Result<Vec<Training>>;

    fn run<B: FullBackend>(self, backend: B) -> Self::Output {
        let Self { params, jobs, at_once } = self;
        let trainer = Trainer::new(backend, params.clone());
        let mut done = Vec::new();
        for jobs in jobs.chunks(at_once) {
            let entries =
                jobs.iter().map(|job| Entry { job, observer: &Silent, checkpoints: None });
            let entries: Vec<_> = entries.collect();
            let mut trained = Vec::new();
            trainer.train_together(&entries, &mut |trainings| trained.extend(trainings))?;
            trained.sort_by_key(|(index, _)| *index);
            done.extend(trained.into_iter().map(|(_, training)| training));
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_agree_within_tolerance() {
        let mut calls = 0;
        let agreements =
            compare_trainings(BackendSpec::Reference, BackendSpec::Cpu, Extent::Quick, |_| {
                calls += 1
            })
            .unwrap();
        assert_eq!(agreements.len(), calls);
        for agreement in agreements {
            assert!(agreement.passed && agreement.loss > 0.0, "{agreement:?}");
        }
    }

    /// Trains one network by SGD with a learning rate scaled by `1 + off`.
    fn trained(off: f32) -> Vec<Training> {
        let cases = Cases::new(Extent::Quick).unwrap();
        let [train, test] = cases.labelled(40);
        let params = MlpParams::new(3, WidthRule::Fixed(24), Activation::Tanh);
        let spec = params.check(train.samples.ncols(), CLASSES).unwrap().spec();
        let network = Network::random(spec, Variances::new(1.76, SIGMA_B2).unwrap(), SEED);
        let job = Job { network: &network, train, test, seed: SEED };
        let optimizer = Optimizer::sgd(0.02 * (1.0 + off));
        let params = TrainParams { max_steps: Some(8), batch: 16, optimizer, ..Default::default() };
        let params = params.check().unwrap();
        let task = Task { params: &params, jobs: &[job], at_once: 1 };
        BackendSpec::Cpu.dispatch(task).unwrap().unwrap()
    }

    #[test]
    fn learning_rate_error_of_one_percent_is_detected() {
        assert!(compare("sgd", true, &trained(0.0), &trained(0.0)).passed);
        let agreement = compare("sgd", true, &trained(0.01), &trained(0.0));
        assert!(!agreement.passed, "{agreement:?}");
        assert!(!compare("sgd", false, &trained(0.0), &trained(0.0)).passed);
    }
}
