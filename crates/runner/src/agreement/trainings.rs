use crate::error::{During, Result};
use isobath_architecture::Activation;
use isobath_architecture::{MlpParams, Readout, Variances, WidthRule};
use isobath_network::{DenseParameters, LayerParameters, Network};
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

/// Some networks trained together on both backends.
#[derive(Clone, Debug, Serialize)]
pub struct TrainingAgreement {
    /// The optimiser.
    pub optimizer: &'static str,
    /// The largest difference of a step's loss, in nats.
    pub loss: f64,
    /// The largest difference of a layer's weights, each over the root of their mean square.
    pub weights: f64,
    /// Whether all end in the same method.
    pub same_outcomes: bool,
    /// Whether each network has the bits it has when it is trained alone.
    pub same_alone: bool,
    /// How large both differences may be.
    pub tolerance: [f64; 2],
    /// Whether they are no larger, and the rest is the same.
    pub passed: bool,
}

/// Variance of the weights of a network whose loss is beyond what is allowed from the first step on, so that the others go
/// on without it.
const EXPLODING: f64 = 1e6;

/// The loss that is not allowed, in nats.
const DIVERGED_ABOVE: f64 = 100.0;

/// As [`compare_backends`](super::compare_backends), for whole networks that are trained together: one of each phase and one that blew up.
///
/// # Errors
/// When a backend is missing or fails.
pub fn compare_trainings(
    backend: BackendSpec,
    baseline: BackendSpec,
    extent: Extent,
    mut heard: impl FnMut(&TrainingAgreement),
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
            // An epoch ends with a minibatch of half the size.
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
        heard(&agreement);
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
            ("momentum", Optimizer::Sgd { lr: 0.005, momentum: 0.9 }),
            ("rmsprop", Optimizer::RmsProp { lr: 1e-4, alpha: 0.99, eps: 1e-3 }),
            ("adam", adam),
        ],
    }
}

/// Its `eps` is not much smaller than gradients, so that it does not magnify rounding errors.
const WELL_CONDITIONED_ADAM: Optimizer =
    Optimizer::Adam { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-4 };

/// Some ten times what was seen between the CPU and the reference backend; products of TF32 factors instead of f32 ones
/// differ by more.
const TOLERANCE: [f64; 2] = [2e-6, 3e-5];

fn compare(
    optimizer: &'static str,
    same_alone: bool,
    actual: &[Training],
    expected: &[Training],
) -> TrainingAgreement {
    let pairs = || actual.iter().zip(expected);
    let same_outcomes = pairs().all(|(a, e)| a.outcome == e.outcome);
    // A network that blew up magnifies every difference.
    let tame = || pairs().filter(|(_, e)| !matches!(e.outcome, Outcome::Diverged { .. }));
    let losses = tame().flat_map(|(a, e)| a.losses.iter().zip(&e.losses));
    let loss = losses.map(|(a, e)| (a - e).abs()).fold(0.0, largest);
    let weights = tame().flat_map(|(a, e)| {
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
    let (LayerParameters::Dense(actual), LayerParameters::Dense(expected)) = (actual, expected);
    let squares: f64 = expected.weights.iter().map(|&w| f64::from(w).powi(2)).sum();
    let differences = actual.weights.iter().zip(&expected.weights);
    let largest = differences.map(|(&a, &e)| f64::from(a - e).abs()).fold(0.0, largest);
    largest / (squares / expected.weights.len() as f64).sqrt()
}

/// The larger one; what is no number is larger than all.
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
                let LayerParameters::Dense(DenseParameters { weights, bias }) = parameters;
                weights.iter().chain(&bias).map(|x| x.to_bits()).collect()
            };
            bits(one) == bits(other)
        })
}

/// Trains networks on whichever backend, so many of them together.
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
    fn backends_differ_by_less_than_is_allowed() {
        let mut heard = 0;
        let agreements =
            compare_trainings(BackendSpec::Reference, BackendSpec::Cpu, Extent::Quick, |_| {
                heard += 1
            })
            .unwrap();
        assert_eq!(agreements.len(), heard);
        for agreement in agreements {
            assert!(agreement.passed && agreement.loss > 0.0, "{agreement:?}");
        }
    }

    /// Trainings of one network by SGD, with a rate that is off by so much.
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
    fn a_rate_that_is_off_by_a_percent_is_seen() {
        assert!(compare("sgd", true, &trained(0.0), &trained(0.0)).passed);
        let agreement = compare("sgd", true, &trained(0.01), &trained(0.0));
        assert!(!agreement.passed, "{agreement:?}");
        assert!(!compare("sgd", false, &trained(0.0), &trained(0.0)).passed);
    }
}
