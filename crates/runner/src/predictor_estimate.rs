//! Cost estimate of a plan's predictors.

use std::time::Instant;

use isobath_architecture::{Layer, NetworkSpec};
use isobath_experiment::{Plan, TrainPlan};
use isobath_network::Network;
use isobath_predictors::{Evidence, Settings, Subject};
use isobath_tensor::{BackendSpec, BackendTask, FullBackend};
use isobath_trainer::{Extent, Labelled, TrainParams, Trainer};
use ndarray::Array2;

use crate::{
    Estimate, TrainEstimate,
    error::{Error, Result},
    schedule::predictor_tasks_at_once,
};

/// Estimated cost of a plan's predictors.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictorEstimate {
    /// Approximate number of networks that the predictors read.
    pub networks: usize,
    /// Floating-point operations of the trial trainings, which take most of the time.
    pub flops: f64,
    /// Seconds of all predictors. `Err` gives the reason if this machine cannot run the measurements.
    pub seconds: Result<f64, String>,
}

/// Estimates the cost of `plan`'s predictors, given the estimates of its cascades and trainings. Trial trainings are as
/// fast as trainings; all other predictors run once, on a network of medium depth and few synthetic samples.
///
/// # Errors
/// When the number of training samples is unknown or a backend fails.
pub fn estimate_predictors(
    plan: &Plan,
    train: &TrainPlan,
    cascade: &Estimate,
    training: &TrainEstimate,
) -> Result<PredictorEstimate> {
    let samples = train.train_samples.ok_or(Error::UnknownSamples)?;
    let networks = training.trainings.div_ceil(train.recipes.len());
    let tasks = plan.points.len() * train.section.seeds.unwrap_or(1);
    let all: Vec<&NetworkSpec> = train.networks.iter().flatten().collect();
    let trials = Trials { plan, train, networks: &all, samples };
    let per_network = BackendSpec::Reference.dispatch(trials)?? / all.len() as f64;
    // One more trial costs as much as the cascade, divided among the networks of a task.
    let flops = per_network * networks as f64 + cascade.flops_per_cell as f64 * tasks as f64;
    let at_once = predictor_tasks_at_once(plan, train).clamp(1, tasks.max(1));
    let seconds = match &training.flops_per_second {
        Err(missing) => Err(missing.clone()),
        Ok(speed) => {
            let share = (at_once as f64 / training.at_once.max(1) as f64).min(1.0);
            let others = train.section.backend.dispatch(Others { plan, train })??;
            Ok(flops / (speed * share) + others * networks as f64 / at_once as f64)
        }
    };
    Ok(PredictorEstimate { networks, flops, seconds })
}

/// Floating-point operations of the trial trainings of a fixed length on each of `networks`.
struct Trials<'a> {
    plan: &'a Plan,
    train: &'a TrainPlan,
    networks: &'a [&'a NetworkSpec],
    samples: usize,
}

impl BackendTask for Trials<'_> {
    type Output = Result<f64>;

    fn run<B: FullBackend>(self, backend: B) -> Result<f64> {
        let recipe = self.train.recipes[0].params.params();
        let mut flops = 0.0;
        for steps in Settings::new(recipe.clone()).steps {
            let params = TrainParams {
                max_steps: Some(steps),
                evaluate_every: Some(steps),
                epochs: isobath_trainer::MAX_EPOCHS,
                success: None,
                hopeless: None,
                ..recipe.clone()
            };
            let trainer = Trainer::new(backend.clone(), params.check()?);
            let (train, test) = (self.samples, self.plan.file.data.probe());
            let of = |spec: &&NetworkSpec| {
                trainer.flops(&Extent { layers: spec.layers(), train, test }) as f64
            };
            flops += self.networks.iter().map(of).sum::<f64>();
        }
        Ok(flops)
    }
}

/// Seconds of all predictors but trial trainings on a network of medium depth.
struct Others<'a> {
    plan: &'a Plan,
    train: &'a TrainPlan,
}

impl BackendTask for Others<'_> {
    type Output = Result<f64>;

    fn run<B: FullBackend>(self, backend: B) -> Result<f64> {
        /// Most floating-point operations of a forward pass of one sample that is timed; larger networks take as much
        /// longer as their forward passes.
        const MOST_FLOPS: u64 = 100_000_000;
        let Self { plan, train } = self;
        let forward = |cell: &&isobath_experiment::TrainCell| -> u64 {
            train.network(cell).layers().iter().map(Layer::forward_flops).sum()
        };
        let medium = &train.trainings[train.depths.len() / 2];
        let cell = if forward(&medium) > MOST_FLOPS { &train.trainings[0] } else { medium };
        let factor = forward(&medium) as f64 / forward(&cell).max(1) as f64;
        let point = cell.id.point;
        let network =
            Network::random(train.network(cell).clone(), train.initialisation(cell), cell.seed);
        let ridge_noise = train.section.ridge_noise.clone();
        let settings =
            Settings { steps: Vec::new(), ridge_noise, ..Settings::new(TrainParams::default()) };
        let samples = Array2::from_shape_fn((settings.samples, plan.shape.len()), |(i, j)| {
            ((i * 31 + j * 17) % 101) as f32 / 101.0
        });
        let labels: Vec<u8> = (0..settings.samples).map(|i| (i % plan.classes) as u8).collect();
        let labelled = Labelled { samples: samples.view(), labels: &labels };
        let subject = Subject {
            network: &network,
            variances: cell.variances,
            train: labelled,
            held_out: labelled,
            seed: cell.seed,
        };
        let is_covered = plan.variant(point).theory_gap().is_none();
        let start = Instant::now();
        for predictor in isobath_predictors::all(&backend, &settings) {
            if is_covered || predictor.info().evidence != Evidence::Theory {
                predictor.predict(&subject)?;
            }
        }
        Ok(start.elapsed().as_secs_f64() * factor)
    }
}

#[cfg(test)]
mod tests {
    use isobath_experiment::read_text;

    use super::*;

    /// Trials of 10 and of 100 steps of 8 samples, three passes each, and one that costs as much as the cascade.
    #[test]
    fn trials_are_counted_for_every_network() {
        let text = "name = \"x\"\n[data]\ndataset = \"digits\"\ntrain = 64\nprobe = 10\n[network]\ndepth = 4\nwidth = 20\n\
                    [grid]\nsigma_w2 = [1.0, 2.0]\n[train]\ndepths = [2, 4]\nbatch = 8\nsuccess = { accuracy = 0.5 }\n";
        let plan = Plan::new(read_text(text, "test", &[]).unwrap()).unwrap();
        let train = plan.train.as_ref().unwrap();
        let missing = "not measured".to_owned();
        let cascade = Estimate { flops_per_cell: 1000, at_once: 1, speed: Err(missing.clone()) };
        let training = TrainEstimate {
            lattice: 4,
            trainings: 4,
            flops: 0.0,
            at_once: 1,
            flops_per_second: Err(missing.clone()),
        };
        let estimate = estimate_predictors(&plan, train, &cascade, &training).unwrap();
        assert_eq!((estimate.networks, estimate.seconds), (4, Err(missing)));
        // Products of 784 x 20, 20 x 10 and, in the deeper networks, two of 20 x 20. The first layer has no gradient of its
        // input; each trial ends with the probe samples.
        let [shallow, deep] = [0.0, 2.0 * 400.0].map(|inner| {
            let (first, rest) = (2.0 * 784.0 * 20.0, 2.0 * (inner + 200.0));
            let step = 8.0 * (2.0 * first + 3.0 * rest);
            110.0 * step + 2.0 * 10.0 * (first + rest)
        });
        let expected = 2.0 * (shallow + deep) + 2.0 * 1000.0;
        assert!((estimate.flops / expected - 1.0).abs() < 0.02, "{} {expected}", estimate.flops);
    }
}
