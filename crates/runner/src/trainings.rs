//! The ground truth of a run: every training that the search asks for and that is not there yet, each stored as soon as it
//! is done.

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
    clock::SharedClock,
    schedule::{trainings_at_once, trainings_together},
    search::{Task, tasks},
    training::{self, Request},
    training_batcher::TrainingBatcher,
    worker_pool::WorkerPool,
};
use isobath_experiment::{Plan, TrainCell};
use isobath_store::{RunFolder, Store, StoredTraining, other_stores};

/// How the trainings of a run went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrainOutcome {
    /// Trainings there could have been.
    pub lattice: usize,
    /// Trainings of this part that were there before.
    pub found: usize,
    /// Trainings taken over from other runs.
    pub adopted: usize,
    /// Trainings done.
    pub computed: usize,
    /// Searches of this part still to finish, after an interrupt. Where every depth is trained, each training is one.
    pub left: usize,
}

/// Trains what is missing of `plan` in `folder`; nothing where the plan asks for no training.
///
/// # Errors
/// When a training, the device or the disk fails. An interrupt is no error: it leaves searches.
pub fn train(
    plan: &Plan,
    data: &TrainData,
    folder: &RunFolder,
    options: &RunOptions,
) -> Result<TrainOutcome> {
    let Some(train) = &plan.train else { return Ok(TrainOutcome::default()) };
    let context = TrainContext { plan: train, data };
    let mut store = folder.store()?;
    let keys: Vec<String> = train.trainings.iter().map(|cell| context.key(cell)).collect();
    store.set_training_grid(&keys)?;

    let tasks = tasks(plan, train).into_iter().enumerate();
    let tasks: Vec<Task<'_>> =
        tasks.filter(|(index, _)| options.is_mine(*index)).map(|(_, task)| task).collect();
    let lattice = tasks.iter().map(Task::lattice).sum();
    let cache = TrainingCache::new(context, store, folder.path(), options.fresh)?;
    let mut missing: Vec<&Task<'_>> = tasks.iter().filter(|task| !cache.is_done(task)).collect();
    let at_once = options.at_once.map_or_else(|| trainings_at_once(plan, train), NonZero::get);
    let together = trainings_together(train, at_once);
    if together > 1 {
        // Those that are alike are asked for at the same time, the longest first.
        missing.sort_by_key(|task| Reverse(task.network()));
    }

    let progress = Progress::new(missing.iter().map(|task| weight(task)).sum());
    let workers = WorkerPool::new(&progress, train.section.backend);
    let folder = Folder::new(folder.path().join(CHECKPOINTS))?;
    let clock = SharedClock::new();
    let batcher = TrainingBatcher::new(WorkerPool::threads(missing.len(), at_once), together);
    let work = |index: usize| {
        let task = missing[index];
        let share = weight(task) / task.expected() as u64;
        // A search may come back to what it knows.
        let (mut asked, mut counted) = (HashSet::new(), 0);
        task.run(|cell| {
            let share = if asked.insert(std::ptr::from_ref(cell)) { share } else { 0 };
            let done = AtomicU64::new(0);
            let watch = Arc::new(Watch { workers: &workers, progress: &progress, share, done });
            progress.message(describe(index, missing.len(), plan, cell, &workers.others()));
            let succeeded = cache
                .ask(cell, &folder, &clock, (&batcher, &watch))
                .during(|| format!("the training of {}", name(plan, cell)))?;
            watch.count(share);
            counted += share;
            Ok::<_, Error>(succeeded)
        })?;
        progress.advance(weight(task).saturating_sub(counted));
        Ok(())
    };
    let done = workers.run_leaving(missing.len(), at_once, work, || batcher.leave());
    progress.finish();
    let left = missing.iter().filter(|task| !cache.is_done(task)).count();
    let Tally { found, adopted, computed } = cache.tally(&tasks);
    done?;
    Ok(TrainOutcome { lattice, found, adopted, computed, left })
}

/// The folder of checkpoints in a run's folder.
const CHECKPOINTS: &str = "checkpoints";

/// Units of progress of a training, so that a fraction of one shows.
const UNITS: u64 = 100;

/// Units of progress: the work of a step grows with depth.
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
    format!("depth {}, {}, seed {}{recipe}", id.depth, id.point, id.seed_index)
}

fn describe(index: usize, count: usize, plan: &Plan, cell: &TrainCell, others: &str) -> String {
    let is_grid = plan
        .train
        .as_ref()
        .is_some_and(|train| train.section.search == isobath_experiment::Search::Grid);
    let what = if is_grid { "training" } else { "search" };
    format!("{what} {} of {count}, {}{others}", index + 1, name(plan, cell))
}

/// Where the outcome of a training comes from: this run's store, another run's, or the training itself.
struct TrainingCache<'a> {
    context: TrainContext<'a>,
    own: Mutex<Own>,
    others: Mutex<Vec<(Store, HashSet<String>)>>,
    /// Trainings that were there at the beginning.
    before: HashSet<String>,
}

/// This run's store, written to by one thread at a time.
struct Own {
    store: Store,
    /// The accuracies in it.
    accuracies: HashMap<String, f64>,
    adopted: usize,
    computed: usize,
}

/// Where trainings came from.
struct Tally {
    found: usize,
    adopted: usize,
    computed: usize,
}

impl<'a> TrainingCache<'a> {
    /// Other runs beside `folder` are asked too, unless all is to be done afresh.
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
        let own = Mutex::new(Own { store, accuracies, adopted: 0, computed: 0 });
        Ok(Self { context, own, others: Mutex::new(others), before })
    }

    /// Whether all that the task asks for is in this run's store.
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

    /// Whether a training succeeds.
    fn ask<'w>(
        &self,
        cell: &'w TrainCell,
        folder: &Folder,
        clock: &SharedClock,
        (batcher, watch): (&TrainingBatcher<BatchItem<'w>, StoredTraining>, &Arc<Watch<'w>>),
    ) -> Result<bool> {
        let key = self.context.key(cell);
        let known = self.own().accuracies.get(&key).copied();
        if let Some(accuracy) = known {
            return Ok(self.succeeded(accuracy));
        }
        let adopted = self.adopt(&key, cell);
        let is_adopted = adopted.is_some();
        let checkpoint = folder.checkpoint(&key);
        let training = if let Some(training) = adopted {
            training
        } else {
            let charge = clock.start();
            let piece =
                BatchItem { cell, checkpoint: checkpoint.clone(), watch: Arc::clone(watch) };
            let alike = |one: &BatchItem<'_>, other: &BatchItem<'_>| {
                self.context.are_alike(one.cell, other.cell)
            };
            let mut training = batcher.ask(piece, alike, |pieces, finished| {
                let requests: Vec<Request<'_>> = pieces.iter().map(BatchItem::request).collect();
                self.context.train(&requests, finished)
            })?;
            training.record.seconds *= charge.share();
            training
        };
        let mut own = self.own();
        own.store.insert_training(&key, &training)?;
        own.accuracies.insert(key, training.record.accuracy);
        *(if is_adopted { &mut own.adopted } else { &mut own.computed }) += 1;
        drop(own);
        training::remove(&checkpoint)?;
        Ok(training.record.succeeded)
    }

    /// The training from another run that has it.
    fn adopt(&self, key: &str, cell: &TrainCell) -> Option<StoredTraining> {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let success = self.context.plan.section.success.accuracy;
        others
            .iter()
            .filter(|(_, keys)| keys.contains(key))
            .find_map(|(store, _)| store.training(key, cell.id, success).ok()?)
    }

    /// Where the trainings that `tasks` ask for came from.
    fn tally(&self, tasks: &[Task<'_>]) -> Tally {
        let own = self.own();
        let mut found = HashSet::new();
        for task in tasks {
            // An unfinished task ends where it does not know on.
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

    fn own(&self) -> MutexGuard<'_, Own> {
        // A training is stored in one statement, so a thread that panicked left nothing half done.
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The folder of checkpoints; gone again where nothing is left in it.
struct Folder(PathBuf);

impl Folder {
    fn new(path: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&path).map_err(Error::file("make the folder", &path))?;
        Ok(Self(path))
    }

    fn checkpoint(&self, key: &str) -> PathBuf {
        self.0.join(format!("{key}.safetensors"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Not removed while there is a checkpoint in it, which is what is wanted.
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// A training that is asked for.
struct BatchItem<'w> {
    cell: &'w TrainCell,
    checkpoint: PathBuf,
    watch: Arc<Watch<'w>>,
}

impl BatchItem<'_> {
    fn request(&self) -> Request<'_> {
        Request { cell: self.cell, checkpoint: &self.checkpoint, observer: &*self.watch }
    }
}

/// Watches one training.
struct Watch<'a> {
    workers: &'a WorkerPool<'a>,
    progress: &'a Progress,
    /// Units of progress it counts for.
    share: u64,
    done: AtomicU64,
}

impl Watch<'_> {
    /// Counts units up to `to`.
    fn count(&self, to: u64) {
        let before = self.done.fetch_max(to, Ordering::Relaxed);
        self.progress.advance(to.saturating_sub(before));
    }
}

impl Observer for Watch<'_> {
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

    /// The trainings of a small search on `backend`, so many at once.
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
        let folder = RunFolder::hold(place.path().to_owned(), None).unwrap();
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
    fn concurrent_trainings_change_no_bit() {
        let alone = trained("cpu", 1);
        assert!(alone.len() > 4, "{alone:?}");
        assert!(alone.iter().any(|record| record.succeeded), "{alone:?}");
        assert!(alone.iter().any(|record| !record.succeeded), "{alone:?}");
        assert_eq!(trained("cpu", 3), alone);
    }
}
