//! Work of each shard: how much is stored and how much is left.

use std::collections::{HashMap, HashSet};

use isobath_experiment::{Plan, TrainPlan, TrainingId};
use isobath_store::Store;

use crate::{
    CellContext, CellSamples, TrainContext, TrainData,
    deal::deal,
    error::Result,
    estimate::cell_flops,
    search::{Task, tasks},
    train_estimate::task_flops,
};

/// Keys of all cells and trainings of a plan, in plan order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkKeys {
    /// Keys of the cells.
    pub cells: Vec<String>,
    /// Keys of the trainings; empty without `[train]`.
    pub trainings: Vec<String>,
}

impl WorkKeys {
    /// Computes the keys of `plan` with its samples.
    pub fn new(plan: &Plan, data: &CellSamples, train_data: Option<&TrainData>) -> Self {
        let context = CellContext { plan, data };
        let cells = plan.cells.iter().map(|cell| context.key(cell)).collect();
        let trainings = plan.train.as_ref().zip(train_data).map(|(plan, data)| {
            let context = TrainContext { plan, data };
            plan.trainings.iter().map(|cell| context.key(cell)).collect()
        });
        Self { cells, trainings: trainings.unwrap_or_default() }
    }

    /// Reads the keys that a run stored, which needs no samples. Keys that no process has stored yet are missing.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn stored(store: &Store) -> Result<Self> {
        Ok(Self { cells: store.grid()?, trainings: store.training_grid()? })
    }
}

/// Work of one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ShardWork {
    /// Stored cells.
    pub cells: usize,
    /// Cells to compute.
    pub cells_left: usize,
    /// Stored trainings.
    pub trainings: usize,
    /// Trainings to run; an estimate if a search chooses them.
    pub trainings_left: usize,
    /// Estimated seconds for the cells and trainings that are left, from stored ones; `None` if none is stored.
    pub seconds_left: Option<f64>,
}

impl ShardWork {
    /// True if nothing is left.
    pub const fn is_done(&self) -> bool {
        self.cells_left == 0 && self.trainings_left == 0
    }

    /// Sum of the work of several shards.
    pub fn total(shards: &[Self]) -> Self {
        let seconds = shards.iter().map(|shard| shard.seconds_left);
        Self {
            cells: shards.iter().map(|shard| shard.cells).sum(),
            cells_left: shards.iter().map(|shard| shard.cells_left).sum(),
            trainings: shards.iter().map(|shard| shard.trainings).sum(),
            trainings_left: shards.iter().map(|shard| shard.trainings_left).sum(),
            seconds_left: seconds.sum(),
        }
    }
}

/// Work of each of `shards` shards of `plan`, given the keys and the results of its run. Without keys or without a
/// store, nothing is done.
///
/// # Errors
/// When the store cannot be read.
pub fn shard_work(
    plan: &Plan,
    keys: &WorkKeys,
    store: Option<&Store>,
    shards: usize,
) -> Result<Vec<ShardWork>> {
    let mut all = vec![ShardWork { seconds_left: Some(0.0), ..ShardWork::default() }; shards];
    add_cells(&mut all, plan, keys, store)?;
    if let Some(train) = &plan.train {
        add_trainings(&mut all, plan, train, keys, store)?;
    }
    Ok(all)
}

fn add_cells(
    all: &mut [ShardWork],
    plan: &Plan,
    keys: &WorkKeys,
    store: Option<&Store>,
) -> Result<()> {
    let of_variant = cell_flops(plan);
    let costs: Vec<u64> = plan.cells.iter().map(|cell| of_variant[cell.id.point.variant]).collect();
    let known = store.map(Store::keys).transpose()?.unwrap_or_default();
    let is_done = |index: usize| keys.cells.get(index).is_some_and(|key| known.contains(key));
    let mut rate = Rate::default();
    for index in sample((0..costs.len()).filter(|&index| is_done(index))) {
        if let Some(cell) = store.map(|store| store.get(&keys.cells[index])).transpose()?.flatten()
        {
            rate.add(cell.cost.cascade_seconds + cell.cost.entropy_seconds, costs[index]);
        }
    }
    for (index, owner) in deal(&costs, all.len()).into_iter().enumerate() {
        if is_done(index) {
            all[owner].cells += 1;
        } else {
            all[owner].cells_left += 1;
            all[owner].seconds_left =
                add(all[owner].seconds_left, rate.seconds(costs[index] as f64));
        }
    }
    Ok(())
}

fn add_trainings(
    all: &mut [ShardWork],
    plan: &Plan,
    train: &TrainPlan,
    keys: &WorkKeys,
    store: Option<&Store>,
) -> Result<()> {
    let known = store.map(Store::accuracies).transpose()?.unwrap_or_default();
    let pairs = keys.trainings.iter().zip(&train.trainings);
    let found = pairs.filter_map(|(key, cell)| Some((cell.id, (key, *known.get(key)?))));
    let found: HashMap<TrainingId, (&String, f64)> = found.collect();
    let success = train.section.success.accuracy;
    let outcome = |id: TrainingId| found.get(&id).map(|(_, accuracy)| *accuracy >= success);
    let tasks = tasks(plan, train);
    let costs: Vec<u64> = tasks.iter().map(|task| task_flops(train, task)).collect();
    let mut rate = Rate::default();
    let trained = train.trainings.iter().map(|cell| cell.id).filter(|id| found.contains_key(id));
    for id in sample(trained) {
        let training = store.map(|store| store.training(found[&id].0, id, success)).transpose()?;
        if let Some(training) = training.flatten() {
            rate.add(training.record.seconds, id.depth as u64);
        }
    }
    for (task, owner) in tasks.iter().zip(deal(&costs, all.len())) {
        let (done, left) = progress(task, outcome);
        let shard = &mut all[owner];
        shard.trainings += done;
        shard.trainings_left += left;
        // The time of a training grows with depth.
        let depths: usize = task.cells().iter().map(|cell| cell.id.depth).sum();
        let depth = depths as f64 / task.lattice() as f64;
        shard.seconds_left = add(shard.seconds_left, rate.seconds(left as f64 * depth));
    }
    Ok(())
}

/// Numbers of stored trainings of a task and of those that are probably left.
fn progress(task: &Task<'_>, outcome: impl Fn(TrainingId) -> Option<bool>) -> (usize, usize) {
    let mut visited = HashSet::new();
    let finished = task.run(|cell| {
        let outcome = outcome(cell.id).ok_or(())?;
        visited.insert(cell.id);
        Ok::<_, ()>(outcome)
    });
    let done = visited.len();
    let left = if finished.is_ok() { 0 } else { task.expected().saturating_sub(done).max(1) };
    (done, left)
}

/// Mean time per unit of work of stored results.
#[derive(Default)]
struct Rate {
    seconds: f64,
    work: f64,
}

impl Rate {
    fn add(&mut self, seconds: f64, work: u64) {
        self.seconds += seconds;
        self.work += work as f64;
    }

    /// Seconds for `work`; `None` if nothing is known.
    fn seconds(&self, work: f64) -> Option<f64> {
        if work == 0.0 {
            return Some(0.0);
        }
        (self.work > 0.0).then(|| self.seconds / self.work * work)
    }
}

fn add(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    Some(one? + other?)
}

/// A few of `items`, evenly spread, because reading a result takes time.
fn sample<T>(items: impl Iterator<Item = T>) -> Vec<T> {
    const MOST: usize = 32;
    let items: Vec<T> = items.collect();
    let step = items.len().div_ceil(MOST).max(1);
    items.into_iter().step_by(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_experiment::read_text;

    fn plan(search: &str) -> Plan {
        let text = format!(
            "name = \"x\"\n[data]\ndataset = \"digits\"\ntrain = 8\nprobe = 4\n[network]\ndepth = 9\nwidth = 20\n\
             [grid]\nsigma_w2 = [2.5, 0.5, 1.7, 1.1]\nsigma_b2 = 0.05\n\
             [train]\ndepths = [3, 6, 9]\ntrain = 20\nsuccess = {{ accuracy = 0.8 }}\nsearch = \"{search}\"\n\
             optimizer = {{ kind = \"adam\" }}"
        );
        Plan::new(read_text(&text, "test", &[]).unwrap()).unwrap()
    }

    #[test]
    fn without_results_everything_is_left() {
        for (search, trainings) in [("grid", 12), ("bisect", 12)] {
            let plan = plan(search);
            let shards = shard_work(&plan, &WorkKeys::default(), None, 3).unwrap();
            let total = ShardWork::total(&shards);
            assert_eq!((total.cells, total.cells_left, total.trainings), (0, 4, 0));
            assert_eq!((total.trainings_left, total.seconds_left), (trainings, None));
            assert!(shards.iter().all(|shard| !shard.is_done()), "{shards:?}");
        }
    }

    #[test]
    fn a_search_is_done_when_it_needs_no_further_training() {
        let plan = plan("bisect");
        let train = plan.train.as_ref().unwrap();
        let task = &tasks(&plan, train)[0];
        let up_to = |depth: usize, known: usize| {
            move |id: TrainingId| (id.depth <= known).then_some(id.depth <= depth)
        };
        assert_eq!(progress(task, up_to(6, 3)), (0, task.expected()));
        assert_eq!(progress(task, up_to(6, 6)).0, 1);
        assert_eq!(progress(task, up_to(6, 9)).1, 0);
    }

    #[test]
    fn shards_without_work_are_done() {
        let shards = shard_work(&plan("grid"), &WorkKeys::default(), None, 20).unwrap();
        assert_eq!(shards.iter().filter(|shard| shard.is_done()).count(), 8);
        assert_eq!(shards[19].seconds_left, Some(0.0));
    }

    #[test]
    fn time_is_known_from_similar_work() {
        let mut rate = Rate::default();
        assert_eq!((rate.seconds(0.0), rate.seconds(1.0)), (Some(0.0), None));
        rate.add(3.0, 6);
        assert_eq!(rate.seconds(4.0), Some(2.0));
        assert_eq!(sample(0..100).len(), 25);
        assert_eq!(sample(0..3), [0, 1, 2]);
    }
}
