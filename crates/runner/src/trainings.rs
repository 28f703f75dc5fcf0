//! The ground truth of a run: the trainings that the search requires.
//!
//! Trainings missing from the store run now; each is stored as soon as it finishes.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    num::NonZero,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::error::{During, Error, Result};
use isobath_trainer::Observer;

use crate::{
    Progress, RunOptions, TrainContext, TrainData,
    checkpoints::CheckpointFolder,
    clock::SharedClock,
    deal::tasks_of,
    schedule::{trainings_at_once, trainings_together},
    search::Task,
    training::{self, Request},
    training_batcher::TrainingBatcher,
    worker_pool::WorkerPool,
};
use isobath_experiment::{Plan, TrainCell};
use isobath_store::{RunFolder, Store, StoredTraining, other_stores};

/// Counts of a run's trainings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrainOutcome {
    /// Trainings in the grid of this shard.
    pub lattice: usize,
    /// Trainings of this shard that were already in the store.
    pub found: usize,
    /// Trainings copied from other runs.
    pub adopted: usize,
    /// Trainings computed.
    pub computed: usize,
    /// Unfinished searches of this shard after an interrupt. With a grid search, each training is one search.
    pub left: usize,
}

/// Runs the trainings of `plan` that are missing from `folder`. Does nothing if the plan has no `[train]` section.
///
/// # Errors
/// When a training, the device or the disk fails. An interrupt is not an error; the outcome counts unfinished searches.
pub fn train(
    plan: &Plan,
    data: &TrainData,
    folder: &RunFolder,
    options: &RunOptions,
) -> Result<TrainOutcome> {
    let Some(train) = &plan.train else { return Ok(TrainOutcome::default()) };
    let context = TrainContext { plan: train, data };
    let mut store = if options.fresh { folder.own_store()? } else { folder.store()? };
    let keys: Vec<String> = train.trainings.iter().map(|cell| context.key(cell)).collect();
    store.set_training_grid(&keys)?;

    let tasks = tasks_of(plan, train, options.shard);
    let lattice = tasks.iter().map(Task::lattice).sum();
    let cache = TrainingCache::new(context, store, folder.path(), options.fresh)?;
    let mut missing: Vec<&Task<'_>> = tasks.iter().filter(|task| !cache.is_done(task)).collect();
    let at_once = options.at_once.map_or_else(|| trainings_at_once(plan, train), NonZero::get);
    let together = trainings_together(train, at_once);
    if together > 1 {
        // Compatible trainings start at the same time, the longest first.
        missing.sort_by_key(|task| Reverse(task.first_network()));
    }

    let progress = Progress::new(missing.iter().map(|task| weight(task)).sum());
    let workers = WorkerPool::new(&progress, train.section.backend);
    let folder = CheckpointFolder::new(folder)?;
    let clock = SharedClock::new();
    let batcher = TrainingBatcher::new(WorkerPool::threads(missing.len(), at_once), together);
    let work = |index: usize| {
        let task = missing[index];
        let share = weight(task) / task.expected() as u64;
        // A search may revisit a cell.
        let (mut visited, mut counted) = (HashSet::new(), 0);
        task.run(|cell| {
            let share = if visited.insert(std::ptr::from_ref(cell)) { share } else { 0 };
            let done = AtomicU64::new(0);
            let observer =
                Arc::new(TrainingObserver { workers: &workers, progress: &progress, share, done });
            progress.message(describe(index, missing.len(), plan, cell, &workers.others()));
            let succeeded = cache
                .get_or_train(cell, &folder, &clock, (&batcher, &observer))
                .during(|| format!("the training of {}", name(plan, cell)))?;
            observer.count(share);
            counted += share;
            Ok::<_, Error>(succeeded)
        })?;
        progress.advance(weight(task).saturating_sub(counted));
        Ok(())
    };
    let done = workers.run_with_exit(missing.len(), at_once, work, || batcher.leave());
    progress.finish();
    let left = missing.iter().filter(|task| !cache.is_done(task)).count();
    let Tally { found, adopted, computed } = cache.tally(&tasks);
    done?;
    Ok(TrainOutcome { lattice, found, adopted, computed, left })
}

/// Progress units per training, so that the bar shows fractions of a training.
const UNITS: u64 = 100;

/// Progress units of a task. They grow with depth, like the work of a step.
fn weight(task: &Task<'_>) -> u64 {
    let depth = match task {
        Task::Single(cell) => cell.id.depth,
        Task::Bisect { column, .. } => column[column.len() / 2].id.depth,
        Task::Staircase { sides } => sides[0][0][sides[0][0].len() / 2].id.depth,
    };
    depth as u64 * UNITS * task.expected() as u64
}

fn name(plan: &Plan, cell: &TrainCell) -> String {
    let id = cell.id;
    let recipes = plan.train.as_ref().map_or(&[][..], |train| &train.recipes);
    let recipe = match recipes {
        [_, _, ..] => format!(", {}", recipes[id.recipe].name),
        _ => String::new(),
    };
    format!("depth {}, {}, seed {}{recipe}", id.depth, plan.describe(id.point), id.seed_index)
}

fn describe(index: usize, count: usize, plan: &Plan, cell: &TrainCell, others: &str) -> String {
    let is_grid = plan
        .train
        .as_ref()
        .is_some_and(|train| train.section.search == isobath_experiment::Search::Grid);
    let what = if is_grid { "training" } else { "search" };
    format!("{what} {} of {count}, {}{others}", index + 1, name(plan, cell))
}

/// Source of training outcomes: this run's store, another run's store, or a new training.
struct TrainingCache<'a> {
    context: TrainContext<'a>,
    own: Mutex<OwnStore>,
    others: Mutex<Vec<(Store, HashSet<String>)>>,
    /// Keys of the trainings stored before this run started.
    before: HashSet<String>,
}

/// This run's store. One thread writes at a time.
struct OwnStore {
    store: Store,
    /// Stored accuracies, by key.
    accuracies: HashMap<String, f64>,
    adopted: usize,
    computed: usize,
}

/// Counts of trainings by source.
struct Tally {
    found: usize,
    adopted: usize,
    computed: usize,
}

impl<'a> TrainingCache<'a> {
    /// Opens the stores of the runs beside `folder` too, unless `fresh` is set.
    fn new(context: TrainContext<'a>, store: Store, folder: &Path, fresh: bool) -> Result<Self> {
        let accuracies = store.accuracies()?;
        let mut others = Vec::new();
        if !fresh {
            for store in other_stores(folder) {
                let Ok(accuracies) = store.accuracies() else { continue };
                others.push((store, accuracies.into_keys().collect()));
            }
        }
        let before = accuracies.keys().cloned().collect();
        let own = Mutex::new(OwnStore { store, accuracies, adopted: 0, computed: 0 });
        Ok(Self { context, own, others: Mutex::new(others), before })
    }

    /// True if this run's store has every training that the task requires.
    fn is_done(&self, task: &Task<'_>) -> bool {
        let own = self.own();
        let known = |cell: &TrainCell| {
            own.accuracies.get(&self.context.key(cell)).map(|&accuracy| self.succeeded(accuracy))
        };
        task.run(|cell| known(cell).ok_or(())).is_ok()
    }

    fn succeeded(&self, accuracy: f64) -> bool {
        accuracy >= self.context.plan.section.success.accuracy
    }

    /// Returns true if the training of `cell` succeeds. Trains the network if no store has the result.
    fn get_or_train<'w>(
        &self,
        cell: &'w TrainCell,
        folder: &CheckpointFolder,
        clock: &SharedClock,
        (batcher, observer): (
            &TrainingBatcher<BatchItem<'w>, StoredTraining>,
            &Arc<TrainingObserver<'w>>,
        ),
    ) -> Result<bool> {
        let key = self.context.key(cell);
        let known = self.own().accuracies.get(&key).copied();
        if let Some(accuracy) = known {
            return Ok(self.succeeded(accuracy));
        }
        if let Some(accuracy) = self.adopt(&key, cell) {
            return Ok(self.succeeded(accuracy));
        }
        let checkpoint = folder.checkpoint(&key);
        let cost_share = clock.start();
        let item =
            BatchItem { cell, checkpoint: checkpoint.clone(), observer: Arc::clone(observer) };
        let compatible = |one: &BatchItem<'_>, other: &BatchItem<'_>| {
            self.context.are_compatible(one.cell, other.cell)
        };
        let mut training = batcher.submit(item, compatible, |items, finished| {
            let requests: Vec<Request<'_>> = items.iter().map(BatchItem::request).collect();
            self.context.train(&requests, finished)
        })?;
        training.record.seconds *= cost_share.share();
        let mut own = self.own();
        own.store.insert_training(&key, &training)?;
        own.accuracies.insert(key, training.record.accuracy);
        own.computed += 1;
        drop(own);
        training::remove(&checkpoint)?;
        Ok(training.record.succeeded)
    }

    /// Copies the training from the store of another run and returns its accuracy.
    fn adopt(&self, key: &str, cell: &TrainCell) -> Option<f64> {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let success = self.context.plan.section.success.accuracy;
        let adopt = |store: &Store| {
            let accuracy = store.training(key, cell.id, success).ok()??.record.accuracy;
            let mut own = self.own();
            own.store.adopt_training(key, store).ok()?;
            own.accuracies.insert(key.to_owned(), accuracy);
            own.adopted += 1;
            Some(accuracy)
        };
        others.iter().filter(|(_, keys)| keys.contains(key)).find_map(|(store, _)| adopt(store))
    }

    /// Counts the trainings of `tasks` by source.
    fn tally(&self, tasks: &[Task<'_>]) -> Tally {
        let own = self.own();
        let mut found = HashSet::new();
        for task in tasks {
            // An unfinished task stops at its first missing training.
            let _ = task.run(|cell| {
                let key = self.context.key(cell);
                let accuracy = own.accuracies.get(&key).copied().ok_or(())?;
                if self.before.contains(&key) {
                    found.insert(key);
                }
                Ok::<_, ()>(self.succeeded(accuracy))
            });
        }
        Tally { found: found.len(), adopted: own.adopted, computed: own.computed }
    }

    fn own(&self) -> MutexGuard<'_, OwnStore> {
        // A training is stored in one statement, so a panic leaves no partial state.
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A training submitted to the batcher.
struct BatchItem<'w> {
    cell: &'w TrainCell,
    checkpoint: PathBuf,
    observer: Arc<TrainingObserver<'w>>,
}

impl BatchItem<'_> {
    fn request(&self) -> Request<'_> {
        Request { cell: self.cell, checkpoint: &self.checkpoint, observer: &*self.observer }
    }
}

/// Reports the progress of one training and passes on cancellation.
struct TrainingObserver<'a> {
    workers: &'a WorkerPool<'a>,
    progress: &'a Progress,
    /// Progress units of the training.
    share: u64,
    done: AtomicU64,
}

impl TrainingObserver<'_> {
    /// Raises the counted progress units to `to`.
    fn count(&self, to: u64) {
        let before = self.done.fetch_max(to, Ordering::Relaxed);
        self.progress.advance(to.saturating_sub(before));
    }
}

impl Observer for TrainingObserver<'_> {
    fn steps_done(&self, done: usize, steps: usize) {
        self.count(self.share * done as u64 / steps.max(1) as u64);
    }

    fn cancelled(&self) -> bool {
        self.workers.is_stopped()
    }
}

#[cfg(test)]
mod tests {
    use isobath_datasets::{DatasetName, LoadRequest};

    use super::*;
    use isobath_experiment::read_text;
    use isobath_store::TrainingRecord;

    /// Records of a small bisection search on `backend` with `at_once` concurrent trainings.
    fn trained(backend: &str, at_once: usize) -> Vec<TrainingRecord> {
        let text = format!(
            "name = \"x\"\n[data]\ndataset = \"digits\"\ntrain = 10\nprobe = 3\n[network]\ndepth = 4\nwidth = 8\n\
             [grid]\nsigma_w2 = [1.0, 2.0]\nsigma_b2 = 0.05\nseeds = 2\n\
             [train]\ndepths = [2, 3, 4]\ntrain = 40\ntest = 20\nsuccess = {{ accuracy = 0.2 }}\nmax_steps = 4\n\
             evaluate_every = 2\nbatch = 20\noptimizer = {{ kind = \"sgd\", lr = 0.1 }}\nsearch = \"bisect\"\n\
             backend = \"{backend}\"\n"
        );
        let plan = Plan::new(read_text(&text, "test", &[]).unwrap()).unwrap();
        let request = LoadRequest {
            train: Some(40),
            test: Some(23),
            ..LoadRequest::new(DatasetName::Digits, "")
        };
        let data = TrainData::new(isobath_datasets::load(&request).unwrap(), 3).unwrap();
        let place = tempfile::tempdir().unwrap();
        let folder = RunFolder::lock(place.path().to_owned(), None).unwrap();
        let at_once = NonZero::new(at_once);
        let options = RunOptions { fresh: false, shard: None, at_once };
        let outcome = train(&plan, &data, &folder, &options).unwrap();
        assert_eq!(outcome.left, 0);

        let train = plan.train.as_ref().unwrap();
        let context = TrainContext { plan: train, data: &data };
        let store = folder.store().unwrap();
        let records: Vec<TrainingRecord> = train
            .trainings
            .iter()
            .filter_map(|cell| store.training(&context.key(cell), cell.id, 0.2).unwrap())
            .map(|training| TrainingRecord { seconds: 0.0, ..training.record })
            .collect();
        assert_eq!(records.len(), outcome.computed);
        records
    }

    #[test]
    fn concurrent_trainings_are_bit_identical_to_serial_ones() {
        let alone = trained("cpu", 1);
        assert!(alone.len() > 4, "{alone:?}");
        assert!(alone.iter().any(|record| record.succeeded), "{alone:?}");
        assert!(alone.iter().any(|record| !record.succeeded), "{alone:?}");
        assert_eq!(trained("cpu", 3), alone);
    }
}
