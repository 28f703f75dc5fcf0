//! Cost estimate of a plan's trainings.

use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use isobath_network::Network;
use isobath_tensor::{BackendSpec, BackendTask, FullBackend};
use isobath_trainer::{
    Entry, Extent, Job, Labelled, Silent, TrainParams, TrainValidParams, Trainer,
};
use ndarray::Array2;

use crate::{
    Memory,
    schedule::{trainings_at_once, trainings_together},
    search::{Task, tasks},
};
use isobath_experiment::{Plan, TrainCell, TrainPlan};

use crate::pool::run_concurrently;

/// Estimated cost of a plan's trainings. An upper bound: no training stops before its last step.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainEstimate {
    /// Trainings in the grid.
    pub lattice: usize,
    /// Approximate number of trainings that the search runs.
    pub trainings: usize,
    /// Floating-point operations of all matrix products.
    pub flops: f64,
    /// Concurrent trainings.
    pub at_once: usize,
    /// Total floating-point operations per second of all concurrent trainings, measured on a network of medium depth.
    /// `Err` gives the reason if this machine cannot run the measurement.
    pub flops_per_second: Result<f64, String>,
}

/// Estimates the cost of `plan`'s trainings. Times the training of one network for about a second.
///
/// # Errors
/// When the number of training samples is unknown or a backend fails.
pub fn estimate_trainings(plan: &Plan, train: &TrainPlan) -> Result<TrainEstimate> {
    let samples = train.train_samples.ok_or(Error::UnknownSamples)?;
    let backend = train.section.backend;
    let tasks = tasks(plan, train);
    let flops = |task: &Task<'_>| expected_flops(train, task, samples);
    let total: f64 = tasks.iter().map(flops).sum::<Result<f64>>()?;
    let at_once = trainings_at_once(plan, train).min(tasks.len());
    let timing = Timing { plan, train, at_once };
    let memory = Memory::of_trainings(plan, train);
    let is_possible = || memory.map_or(Ok(()), Memory::check).map_err(|error| error.to_string());
    let checked = backend.check().map_err(|error| error.to_string());
    let flops_per_second = match checked.and_then(|()| is_possible()) {
        Ok(()) => Ok(backend.dispatch(timing)??),
        Err(missing) => Err(missing),
    };
    Ok(TrainEstimate {
        lattice: tasks.iter().map(Task::lattice).sum(),
        trainings: tasks.iter().map(Task::expected).sum(),
        flops: total,
        at_once,
        flops_per_second,
    })
}

/// Floating-point operations of the trainings that `task` probably runs, for comparison with other tasks: without a known
/// number of training samples, those of one sample.
pub(super) fn task_flops(train: &TrainPlan, task: &Task<'_>) -> u64 {
    expected_flops(train, task, train.train_samples.unwrap_or(1)).unwrap_or(1.0) as u64
}

fn expected_flops(train: &TrainPlan, task: &Task<'_>, samples: usize) -> Result<f64> {
    let cells = task.cells();
    let flops = cells.iter().map(|cell| training_flops(train, cell, samples));
    let sum: f64 = flops.sum::<Result<f64>>()?;
    Ok(sum * task.expected() as f64 / cells.len() as f64)
}

fn training_flops(train: &TrainPlan, cell: &TrainCell, samples: usize) -> Result<f64> {
    let layers = train.network(cell).layers();
    let extent = Extent { layers, train: samples, test: train.test_samples };
    let params = train.recipe(cell).params.clone();
    // The count does not depend on the backend.
    Ok(BackendSpec::Reference.dispatch(Flops { params, extent })? as f64)
}

struct Flops<'a> {
    params: TrainValidParams,
    extent: Extent<'a>,
}

impl BackendTask for Flops<'_> {
    type Output = u64;

    fn run<B: FullBackend>(self, backend: B) -> u64 {
        Trainer::new(backend, self.params).flops(&self.extent)
    }
}

struct Timing<'a> {
    plan: &'a Plan,
    train: &'a TrainPlan,
    at_once: usize,
}

impl BackendTask for Timing<'_> {
    type Output = Result<f64>;

    fn run<B: FullBackend>(self, backend: B) -> Result<f64> {
        /// Number of timed steps, unless they take too long; enough to outweigh start-up costs.
        const STEPS: u64 = 20;
        /// Maximum number of floating-point operations of the timed steps, unless two take more.
        const MOST_FLOPS: u64 = 50_000_000_000;
        /// Maximum number of rows in a timed minibatch.
        const MOST_ROWS: usize = 4096;
        /// Minimum duration of the measurement.
        const LONG_ENOUGH: Duration = Duration::from_millis(500);
        let Self { plan, train, at_once } = self;
        let cell = &train.trainings[train.depths.len() / 2];
        let given = train.recipe(cell).params.params().clone();
        let batch = given.batch.min(MOST_ROWS);
        let layers = train.network(cell).layers();
        let forward: u64 = layers.iter().map(isobath_architecture::Layer::forward_flops).sum();
        let steps = (MOST_FLOPS / (3 * forward * batch as u64).max(1)).clamp(2, STEPS);
        let steps = steps as usize;
        let params = TrainParams {
            batch,
            max_steps: Some(steps),
            evaluate_every: Some(steps),
            success: None,
            ..given
        };
        let samples = params.batch * 4;
        let inputs = Array2::from_shape_fn((samples, plan.shape.len()), |(i, j)| {
            ((i * 31 + j * 17) % 101) as f32 / 101.0
        });
        let labels: Vec<u8> = (0..samples).map(|i| (i % plan.classes) as u8).collect();
        let all = Labelled { samples: inputs.view(), labels: &labels };
        let one = Labelled { samples: inputs.slice(ndarray::s![..1, ..]), labels: &labels[..1] };
        let network =
            Network::random(train.network(cell).clone(), train.initialisation(cell), cell.seed);
        let job = Job { network: &network, train: all, test: one, seed: cell.seed };
        let trainer = Trainer::new(backend, params.check()?);
        let together = trainings_together(train, at_once);
        let entries = vec![Entry { job: &job, observer: &Silent, checkpoints: None }; together];
        let start = Instant::now();
        let repeated = || -> isobath_trainer::Result<u64> {
            let mut flops = 0;
            while flops == 0 || start.elapsed() < LONG_ENOUGH {
                trainer.train_together(&entries, &mut |trainings| {
                    flops += trainings.iter().map(|(_, training)| training.flops).sum::<u64>();
                })?;
            }
            Ok(flops)
        };
        let flops = run_concurrently(at_once / together, train.section.backend, |_| repeated());
        let flops = flops.into_iter().sum::<isobath_trainer::Result<u64>>()?;
        Ok(flops as f64 / start.elapsed().as_secs_f64())
    }
}
