//! Trainings: their identity, and how they are done.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Instant,
};

use crate::error::{Error, Result};
use isobath_network::Network;
use isobath_tensor::{BackendSpec, BackendTask, FullBackend};
use isobath_trainer::{Checkpoints, Entry, Job, Observer, Trainer, Training};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{TrainData, training_batcher::ResultSink};
use isobath_experiment::{Recipe, TrainCell, TrainPlan};
use isobath_store::StoredTraining;
use isobath_store::TrainingRecord;

/// Changes whenever the same settings give other numbers, so that trainings of older programs are not taken for new ones.
const NUMERICS: u32 = 1;

/// What all trainings of a plan share.
#[derive(Clone, Copy, Debug)]
pub struct TrainContext<'a> {
    /// The plan.
    pub plan: &'a TrainPlan,
    /// The samples.
    pub data: &'a TrainData,
}

impl TrainContext<'_> {
    /// The hash of everything that determines the training's numbers.
    ///
    /// # Panics
    /// Never: the settings can be written as JSON.
    pub fn key(&self, cell: &TrainCell) -> String {
        #[derive(Serialize)]
        struct Identity<'a> {
            numerics: u32,
            data: (&'a str, usize),
            network: &'a [isobath_architecture::Layer],
            sigma_w2: u64,
            sigma_b2: u64,
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
            seed: cell.seed,
            settings: self.plan.recipe(cell).params.params(),
            backend: self.plan.section.backend,
        };
        let json = serde_json::to_vec(&identity).expect("settings can be written as JSON");
        isobath_experiment::hex(&Sha256::digest(json))
    }

    /// Whether two networks can be trained together.
    pub(super) fn are_alike(&self, one: &TrainCell, other: &TrainCell) -> bool {
        one.id.recipe == other.id.recipe
            && self.plan.network(one).layers() == self.plan.network(other).layers()
    }

    /// Trains networks that are alike, and hands each over when it is done. Divergence is an outcome, not an error. A
    /// training long enough for it to matter keeps itself in its checkpoint, and goes on from there.
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
            Network::random(spec, request.cell.variances, request.cell.seed)
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
        let mut take = |backend: &str, trainings: Vec<(usize, Training)>| {
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
            let parts = left.iter().map(|&index| Part {
                index,
                job: &jobs[index],
                observer: &watches[index],
                checkpoint: requests[index].checkpoint,
            });
            let (parts, mut done) = (parts.collect(), HashSet::new());
            let stage = Stage {
                recipe: params,
                interval,
                parts,
                finished: &mut |backend: &str, trainings: Vec<(usize, Training)>| {
                    done.extend(trainings.iter().map(|(index, _)| *index));
                    take(backend, trainings);
                },
            };
            match self.plan.section.backend.dispatch(stage)? {
                // Of another machine's instruction set, or cut off: of no use any more.
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

/// A training that is asked for.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    /// The network.
    pub(super) cell: &'a TrainCell,
    /// Where it keeps itself.
    pub(super) checkpoint: &'a Path,
    /// Hears of it.
    pub(super) observer: &'a dyn Observer,
}

/// Removes a checkpoint that is not needed any more, if there is one.
///
/// # Errors
/// When it cannot be removed.
pub(super) fn remove(checkpoint: &PathBuf) -> Result<()> {
    match std::fs::remove_file(checkpoint) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove", checkpoint)(error))
        }
        _ => Ok(()),
    }
}

/// Trainings on whichever backend.
struct Stage<'a, 'd> {
    recipe: &'a isobath_trainer::TrainValidParams,
    /// Floating-point operations between two checkpoints.
    interval: u64,
    parts: Vec<Part<'a, 'd>>,
    finished: &'a mut Take<'a>,
}

/// Takes trainings that are done, each with its request's index, and the backend that did them.
type Take<'a> = dyn FnMut(&str, Vec<(usize, Training)>) + 'a;

/// One of them.
struct Part<'a, 'd> {
    /// Its place among all requests.
    index: usize,
    job: &'a Job<'d>,
    observer: &'a dyn Observer,
    checkpoint: &'a Path,
}

/// Floating-point operations between two checkpoints: ten seconds or so of one fast core. Shorter trainings keep none.
const CHECKPOINT_FLOPS: u64 = 1_000_000_000_000;

/// The same on a device that trains many networks together, and from which they would all come back.
const CHECKPOINT_FLOPS_ON_DEVICE: u64 = 50 * CHECKPOINT_FLOPS;

impl BackendTask for Stage<'_, '_> {
    type Output = isobath_trainer::Result<()>;

    fn run<B: FullBackend>(self, backend: B) -> Self::Output {
        let Self { recipe, interval, parts, finished } = self;
        let label = backend.description();
        let trainer = Trainer::new(backend, recipe.clone());
        let checkpoints = |part: &Part<'_, '_>| {
            let extent = part.job.extent();
            let flops = trainer.flops(&extent);
            let steps = recipe.steps(extent.train) as u64;
            (flops > interval).then(|| Checkpoints {
                path: part.checkpoint.to_owned(),
                every: (steps / (flops / interval)).max(1) as usize,
            })
        };
        let checkpoints: Vec<_> = parts.iter().map(checkpoints).collect();
        let entries = parts.iter().zip(&checkpoints).map(|(part, checkpoints)| Entry {
            job: part.job,
            observer: part.observer,
            checkpoints: checkpoints.as_ref(),
        });
        let entries: Vec<_> = entries.collect();
        trainer.train_together(&entries, &mut |trainings| {
            let trainings = trainings.into_iter();
            finished(&label, trainings.map(|(at, done)| (parts[at].index, done)).collect());
        })
    }
}

/// Measures how long a training takes, also if it went on from a checkpoint.
struct Stopwatch<'a> {
    observer: &'a dyn Observer,
    start: Instant,
    /// Steps done when it was first heard of, and when that was.
    first: Mutex<Option<(usize, Instant)>>,
}

impl<'a> Stopwatch<'a> {
    fn new(observer: &'a dyn Observer) -> Self {
        Self { observer, start: Instant::now(), first: Mutex::new(None) }
    }

    /// Seconds for all `steps`. Those done before a restart count as these did on average.
    fn seconds(&self, steps: usize) -> f64 {
        /// A training from its start is heard of after fewer steps than this.
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
