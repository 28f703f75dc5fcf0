//! Trainings: their identity hash and their execution.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Instant,
};

use crate::error::{Error, Result};
use isobath_network::Network;
use isobath_tensor::{BackendSpec, BackendTask, FullBackend};
use isobath_trainer::{Checkpoints, Entry, Extent, Job, Observer, Trainer, Training};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{TrainData, training_batcher::ResultSink};
use isobath_experiment::{Recipe, TrainCell, TrainPlan};
use isobath_store::StoredTraining;
use isobath_store::TrainingRecord;

/// Version of the training numerics. Increment it when the same settings give different numbers; it changes every key, so
/// results of older versions are not reused.
const NUMERICS: u32 = 1;

/// Plan and data shared by all trainings.
#[derive(Clone, Copy, Debug)]
pub struct TrainContext<'a> {
    /// The plan.
    pub plan: &'a TrainPlan,
    /// The samples.
    pub data: &'a TrainData,
}

impl TrainContext<'_> {
    /// Hash of everything that determines the training's numbers.
    ///
    /// # Panics
    /// Never; the settings are serialisable.
    pub fn key(&self, cell: &TrainCell) -> String {
        #[derive(Serialize)]
        struct Identity<'a> {
            numerics: u32,
            data: (&'a str, usize),
            network: &'a [isobath_architecture::Layer],
            sigma_w2: u64,
            sigma_b2: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            scheme: Option<&'a isobath_architecture::Scheme>,
            seed: u64,
            settings: &'a isobath_trainer::TrainParams,
            backend: BackendSpec,
        }
        let identity = Identity {
            numerics: NUMERICS,
            data: self.data.fingerprint(),
            network: self.plan.network(cell).layers(),
            sigma_w2: cell.variances.sigma_w2().to_bits(),
            sigma_b2: cell.variances.sigma_b2().to_bits(),
            scheme: crate::cell::unusual(&self.plan.schemes[cell.id.point.variant]),
            seed: cell.seed,
            settings: self.plan.recipe(cell).params.params(),
            backend: self.plan.section.backend,
        };
        let json = serde_json::to_vec(&identity).expect("settings are serialisable");
        isobath_experiment::hex(&Sha256::digest(json))
    }

    /// True if two networks can train in one batch: same recipe and same layers.
    pub(super) fn are_compatible(&self, one: &TrainCell, other: &TrainCell) -> bool {
        one.id.recipe == other.id.recipe
            && self.plan.network(one).layers() == self.plan.network(other).layers()
    }

    /// Trains compatible networks together and passes each result to `finished`.
    ///
    /// Divergence is an outcome, not an error. Long trainings write checkpoints and resume from them.
    ///
    /// # Errors
    /// When the device or the disk fails, or an observer cancels.
    pub(super) fn train(
        &self,
        requests: &[Request<'_>],
        finished: &mut ResultSink<'_, StoredTraining>,
    ) -> Result<()> {
        let Some(first) = requests.first() else { return Ok(()) };
        let Recipe { name, params } = self.plan.recipe(first.cell);
        let (train, test) = (self.data.train(), self.data.test());
        let network = |request: &Request<'_>| {
            let spec = self.plan.network(request.cell).clone();
            Network::random(spec, self.plan.initialisation(request.cell), request.cell.seed)
        };
        let networks: Vec<Network> = requests.iter().map(network).collect();
        let job = |(network, request): (_, &Request<'_>)| Job {
            network,
            train,
            test,
            seed: request.cell.seed,
        };
        let jobs: Vec<Job<'_>> = networks.iter().zip(requests).map(job).collect();
        let watches: Vec<Stopwatch<'_>> =
            requests.iter().map(|request| Stopwatch::new(request.observer)).collect();
        let interval = match self.plan.section.backend {
            BackendSpec::Cuda { .. } => CHECKPOINT_FLOPS_ON_DEVICE,
            _ => CHECKPOINT_FLOPS,
        };
        let mut left: Vec<usize> = (0..requests.len()).collect();
        let mut store = |backend: &str, trainings: Vec<(usize, Training)>| {
            let stored = trainings.into_iter().map(|(index, training)| {
                let accuracy = training.best_accuracy().unwrap_or(0.0);
                let record = TrainingRecord {
                    id: requests[index].cell.id,
                    outcome: training.outcome,
                    accuracy,
                    succeeded: accuracy >= self.plan.section.success.accuracy,
                    seconds: watches[index].seconds(training.losses.len()),
                    evaluations: training.evaluations,
                    losses: training.losses,
                    flops: training.flops,
                };
                let backend = backend.to_owned();
                (index, StoredTraining { record, recipe: name.clone(), backend })
            });
            finished(stored.collect());
        };
        loop {
            let entries = left.iter().map(|&index| BatchEntry {
                index,
                job: &jobs[index],
                observer: &watches[index],
                checkpoint: requests[index].checkpoint,
            });
            let (entries, mut done) = (entries.collect(), HashSet::new());
            let stage = TrainStage {
                recipe: params,
                interval,
                entries,
                finished: &mut |backend: &str, trainings: Vec<(usize, Training)>| {
                    done.extend(trainings.iter().map(|(index, _)| *index));
                    store(backend, trainings);
                },
            };
            match self.plan.section.backend.dispatch(stage)? {
                // The checkpoint is truncated or comes from another instruction set: discard it and start again.
                Err(
                    isobath_trainer::Error::ForeignCheckpoint { path, .. }
                    | isobath_trainer::Error::LoadCheckpoint { path, .. },
                ) => {
                    remove(&path)?;
                }
                trained => return Ok(trained?),
            }
            left.retain(|index| !done.contains(index));
        }
    }
}

/// A requested training.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    /// The network.
    pub(super) cell: &'a TrainCell,
    /// Path of its checkpoint.
    pub(super) checkpoint: &'a Path,
    /// Observer of its progress.
    pub(super) observer: &'a dyn Observer,
}

/// Removes a checkpoint if it exists.
///
/// # Errors
/// When the file cannot be removed.
pub(super) fn remove(checkpoint: &PathBuf) -> Result<()> {
    match std::fs::remove_file(checkpoint) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove", checkpoint)(error))
        }
        _ => Ok(()),
    }
}

/// Backend task that trains a batch of networks.
struct TrainStage<'a, 'd> {
    recipe: &'a isobath_trainer::TrainValidParams,
    /// Floating-point operations between two checkpoints.
    interval: u64,
    entries: Vec<BatchEntry<'a, 'd>>,
    finished: &'a mut ResultFn<'a>,
}

/// Callback for finished trainings: the backend's description, then each training with its request's index.
type ResultFn<'a> = dyn FnMut(&str, Vec<(usize, Training)>) + 'a;

/// One training of a batch.
struct BatchEntry<'a, 'd> {
    /// Index of its request.
    index: usize,
    job: &'a Job<'d>,
    observer: &'a dyn Observer,
    checkpoint: &'a Path,
}

/// True if a training of so many floating-point operations writes a checkpoint when it is stopped. The identity of a
/// checkpoint is a hash of all samples and initial parameters, which may cost a few per cent of the training.
fn is_worth_saving(extent: &Extent<'_>, flops: u64) -> bool {
    const FLOPS_PER_NUMBER: u64 = 5000;
    let inputs = extent.layers.first().map_or(0, isobath_architecture::Layer::inputs);
    let parameters: usize = extent.layers.iter().map(isobath_architecture::Layer::parameters).sum();
    let numbers = (extent.train + extent.test) * inputs + parameters;
    flops > numbers as u64 * FLOPS_PER_NUMBER
}

/// Floating-point operations between two checkpoints: about ten seconds on one fast core.
const CHECKPOINT_FLOPS: u64 = 1_000_000_000_000;

/// Floating-point operations between two checkpoints on a device. Larger, because a checkpoint copies the weights of all
/// networks of the batch to the host.
const CHECKPOINT_FLOPS_ON_DEVICE: u64 = 50 * CHECKPOINT_FLOPS;

impl BackendTask for TrainStage<'_, '_> {
    type Output = isobath_trainer::Result<()>;

    fn run<B: FullBackend>(self, backend: B) -> Self::Output {
        let Self { recipe, interval, entries, finished } = self;
        let label = backend.description();
        let trainer = Trainer::new(backend, recipe.clone());
        let checkpoints = |entry: &BatchEntry<'_, '_>| {
            let extent = entry.job.extent();
            let flops = trainer.flops(&extent);
            let steps = recipe.steps(extent.train) as u64;
            is_worth_saving(&extent, flops).then(|| Checkpoints {
                path: entry.checkpoint.to_owned(),
                every: (steps / (flops / interval).max(1)).max(1) as usize,
            })
        };
        let checkpoints: Vec<_> = entries.iter().map(checkpoints).collect();
        let jobs = entries.iter().zip(&checkpoints).map(|(entry, checkpoints)| Entry {
            job: entry.job,
            observer: entry.observer,
            checkpoints: checkpoints.as_ref(),
        });
        let jobs: Vec<_> = jobs.collect();
        trainer.train_together(&jobs, &mut |trainings| {
            let trainings = trainings.into_iter();
            finished(&label, trainings.map(|(at, done)| (entries[at].index, done)).collect());
        })
    }
}

/// Measures the duration of a training, also after a resume from a checkpoint.
struct Stopwatch<'a> {
    observer: &'a dyn Observer,
    start: Instant,
    /// Step count and time of the first progress report.
    first: Mutex<Option<(usize, Instant)>>,
}

impl<'a> Stopwatch<'a> {
    fn new(observer: &'a dyn Observer) -> Self {
        Self { observer, start: Instant::now(), first: Mutex::new(None) }
    }

    /// Seconds for all `steps`. Steps before a resume count at the average speed of the steps after it.
    fn seconds(&self, steps: usize) -> f64 {
        /// A training that starts from step 0 reports progress before this step.
        const FIRST: usize = 100;
        let now = Instant::now();
        match *self.first.lock().unwrap_or_else(std::sync::PoisonError::into_inner) {
            Some((first, then)) if first > FIRST && steps > first => {
                (now - then).as_secs_f64() * steps as f64 / (steps - first) as f64
            }
            _ => (now - self.start).as_secs_f64(),
        }
    }
}

impl Observer for Stopwatch<'_> {
    fn steps_done(&self, done: usize, steps: usize) {
        self.first
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .get_or_insert((done, Instant::now()));
        self.observer.steps_done(done, steps);
    }

    fn evaluated(&self, evaluation: &isobath_trainer::Evaluation) {
        self.observer.evaluated(evaluation);
    }

    fn cancelled(&self) -> bool {
        self.observer.cancelled()
    }
}
