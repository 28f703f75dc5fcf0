//! One training: its identity, and how it is done.

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
    time::Instant,
};

use anyhow::{Context, Result};
use network::Network;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tensor::{BackendTask, FullBackend};
use trainer::{Checkpoints, Error, Job, Observer, Trainer, Training};

use super::{StoredTraining, TrainData};
use crate::{
    experiment::{Recipe, TrainCell, TrainPlan},
    record::TrainingRecord,
};

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
            network: &'a [network::Layer],
            sigma_w2: u64,
            sigma_b2: u64,
            seed: u64,
            settings: &'a trainer::TrainParams,
            backend: tensor::BackendSpec,
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
        crate::hex(&Sha256::digest(json))
    }

    /// Trains a network. Divergence is an outcome, not an error. A training long enough for it to matter keeps itself in
    /// `checkpoint`, and goes on from there.
    ///
    /// # Errors
    /// When the device or the disk fails, or the observer cancels.
    pub fn train(
        &self,
        cell: &TrainCell,
        checkpoint: &Path,
        observer: &dyn Observer,
    ) -> Result<StoredTraining> {
        let Recipe { name, params } = self.plan.recipe(cell);
        let spec = self.plan.network(cell).clone();
        let network = Network::random(spec, cell.variances, cell.seed);
        let job = Job {
            network: &network,
            train: self.data.train(),
            test: self.data.test(),
            seed: cell.seed,
        };
        let watch = Stopwatch::new(observer);
        let stage = || Stage { recipe: params, job: &job, observer: &watch, checkpoint };
        let backend = self.plan.section.backend;
        let done = match backend.dispatch(stage())? {
            (
                Err(Error::ForeignCheckpoint { path, .. } | Error::LoadCheckpoint { path, .. }),
                _,
            ) => {
                // Of another machine's instruction set, or cut off: of no use any more.
                remove(&path)?;
                backend.dispatch(stage())?
            }
            done => done,
        };
        let (training, backend) = (done.0?, done.1);
        let accuracy = training.best_accuracy().unwrap_or(0.0);
        let record = TrainingRecord {
            id: cell.id,
            outcome: training.outcome,
            accuracy,
            succeeded: accuracy >= self.plan.section.success.accuracy,
            seconds: watch.seconds(training.losses.len()),
            evaluations: training.evaluations,
            losses: training.losses,
            flops: training.flops,
        };
        Ok(StoredTraining { record, recipe: name.clone(), backend })
    }
}

/// Removes a checkpoint that is not needed any more, if there is one.
///
/// # Errors
/// When it cannot be removed.
pub(super) fn remove(checkpoint: &PathBuf) -> Result<()> {
    match std::fs::remove_file(checkpoint) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", checkpoint.display()))
        }
        _ => Ok(()),
    }
}

/// A training on whichever backend.
struct Stage<'a, 'j> {
    recipe: &'a trainer::TrainValidParams,
    job: &'a Job<'j>,
    observer: &'a dyn Observer,
    checkpoint: &'a Path,
}

/// Floating-point operations between two checkpoints: ten seconds or so of one fast core. Shorter trainings keep none.
const CHECKPOINT_FLOPS: u64 = 1_000_000_000_000;

impl BackendTask for Stage<'_, '_> {
    type Output = (trainer::Result<Training>, String);

    fn run<B: FullBackend>(self, backend: B) -> Self::Output {
        let label = backend.description();
        let mut trainer = Trainer::new(backend, self.recipe.clone());
        let extent = self.job.extent();
        let flops = trainer.flops(&extent);
        if flops > CHECKPOINT_FLOPS {
            let steps = self.recipe.steps(extent.train) as u64;
            let every = (steps / (flops / CHECKPOINT_FLOPS)).max(1) as usize;
            let path = self.checkpoint.to_owned();
            trainer = trainer.with_checkpoints(Checkpoints { path, every });
        }
        (trainer.train(self.job, self.observer), label)
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

    fn evaluated(&self, evaluation: &trainer::Evaluation) {
        self.observer.evaluated(evaluation);
    }

    fn cancelled(&self) -> bool {
        self.observer.cancelled()
    }
}
