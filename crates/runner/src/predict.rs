//! Runs the predictors on every trained network.

use std::{
    collections::{BTreeSet, HashMap},
    num::NonZero,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use crate::error::{During, Error, Result};
use isobath_architecture::NetworkSpec;
use isobath_network::Network;
use isobath_predictors::{
    CASCADE, CascadeCutoff, CascadePredictor, Evidence, FINITE_WIDTH_THEORY, Predictor,
    PredictorId, RIDGE_CASCADE, Scope, ScoreInfo, Settings, Subject,
};
use isobath_tensor::{BackendTask, FullBackend};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    Progress, RunOptions, TrainData, clock::SharedClock, schedule::predictor_tasks_at_once,
    worker_pool::WorkerPool,
};
use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_experiment::{Cell, CellId, GridPoint, Plan, TrainPlan};
use isobath_store::{CellRecord, CutoffRecord, ScoreRecord};
use isobath_store::{RunFolder, Store, other_stores};

/// Version of the predictor numerics. Increment it when predictors give different numbers for the same networks.
const NUMERICS: u32 = 2;

/// Version of the numerics of predictors whose scores are stored apart.
const NUMERICS_APART: u32 = 1;

/// Predictors whose scores are stored apart from those of all others, so that runs that are older than them, or that had other
/// settings of them, keep the other scores.
const APART: [PredictorId; 2] = [FINITE_WIDTH_THEORY.id, RIDGE_CASCADE.id];

/// Predictors of one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    /// All but those whose scores are stored apart.
    Common,
    /// One of the others.
    Apart(PredictorId),
}

impl Group {
    fn has(self, predictor: PredictorId) -> bool {
        match self {
            Self::Common => !APART.contains(&predictor),
            Self::Apart(only) => predictor == only,
        }
    }
}

/// Counts of initialisations of grid points, each of which has a task for every group of predictors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PredictOutcome {
    /// All of whose scores were already in the store.
    pub found: usize,
    /// All of whose missing scores were copied from other runs.
    pub adopted: usize,
    /// Some of whose scores were computed.
    pub computed: usize,
    /// Some of whose scores are left after an interrupt.
    pub left: usize,
}

/// One initialisation of a grid point with its trained depths.
struct PredictorTask<'a> {
    /// Place among all tasks, those without trained networks included.
    place: usize,
    group: Group,
    cell: &'a Cell,
    /// Results of the cascade.
    record: CellRecord,
    /// Indices into the plan's depths, increasing.
    depths: Vec<usize>,
    key: String,
}

/// Runs every predictor on the trained networks of `plan` and stores the scores in `folder`.
///
/// The cascade's predictions come from its stored cells; it does not run again. Trial trainings use the first recipe.
///
/// # Errors
/// When a predictor, the device or the disk fails. An interrupt is not an error.
pub fn predict(
    plan: &Plan,
    data: &TrainData,
    folder: &RunFolder,
    options: &RunOptions,
) -> Result<PredictOutcome> {
    let Some(train) = &plan.train else { return Ok(PredictOutcome::default()) };
    let mut store = folder.store()?;
    let runner = PredictorRunner::new(plan, train, data);
    let tasks = runner.tasks(&store)?;
    let keys: HashMap<usize, &str> =
        tasks.iter().map(|task| (task.place, task.key.as_str())).collect();
    let key = |place: usize| keys.get(&place).copied();
    store.set_score_grid((0..runner.groups().len() * plan.cells.len()).map(key))?;
    let (known, total) = (store.score_keys()?, initialisations(&tasks));
    let mut missing: Vec<PredictorTask<'_>> =
        tasks.into_iter().filter(|task| !known.contains(&task.key)).collect();
    let before = initialisations(&missing);
    let found = total - before;
    if !options.fresh {
        adopt(&mut store, folder, &mut missing);
    }
    let (after, tasks) = (initialisations(&missing), missing.len());
    let adopted = before - after;

    let progress = Progress::new(missing.iter().map(|task| task.depths.len() as u64).sum());
    let workers = WorkerPool::new(&progress, train.section.backend);
    let clock = SharedClock::new();
    let output = Mutex::new((store, 0_usize, BTreeSet::new()));
    let run_task = |index: usize| {
        let task = &missing[index];
        let CellId { point, seed_index, .. } = task.cell.id;
        let name = format!("{}, seed {seed_index}", plan.describe(point));
        progress.message(format!("predictors for {name}{}", workers.others()));
        let cost_share = clock.start();
        let mut scores = runner.scores(task).during(|| format!("predictors for {name}"))?;
        let share = cost_share.share();
        drop(cost_share);
        // The store already has the charged cost of the cascade.
        scores
            .iter_mut()
            .filter(|score| !is_cascade(score))
            .for_each(|score| score.seconds *= share);
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        output.0.insert_scores(&task.key, &scores)?;
        output.1 += 1;
        output.2.insert((point, seed_index));
        progress.advance(task.depths.len() as u64);
        Ok(())
    };
    let at_once =
        options.at_once.map_or_else(|| predictor_tasks_at_once(plan, train), NonZero::get);
    let done = workers.run(missing.len(), at_once, run_task);
    progress.finish();
    done?;
    let (_, tasks_done, computed) = output.into_inner().unwrap_or_else(PoisonError::into_inner);
    let is_whole = tasks_done == tasks;
    let left = if is_whole { 0 } else { (after - computed.len()).max(1) };
    Ok(PredictOutcome { found, adopted, computed: computed.len(), left })
}

/// Number of initialisations that `tasks` are about.
fn initialisations(tasks: &[PredictorTask<'_>]) -> usize {
    let ids = tasks.iter().map(|task| (task.cell.id.point, task.cell.id.seed_index));
    ids.collect::<BTreeSet<_>>().len()
}

fn is_cascade(score: &ScoreRecord) -> bool {
    ScoreInfo::find(&score.quantity).is_some_and(|score| score.predictor == CASCADE.id)
}

/// Copies scores from the runs beside this one and removes their tasks from `missing`.
fn adopt(store: &mut Store, folder: &RunFolder, missing: &mut Vec<PredictorTask<'_>>) {
    for other in other_stores(folder.path()) {
        let Ok(known) = other.score_keys() else { continue };
        missing.retain(|task| {
            !known.contains(&task.key) || !matches!(store.adopt_scores(&task.key, &other), Ok(true))
        });
    }
}

/// Runs predictor tasks of a plan.
struct PredictorRunner<'a> {
    plan: &'a Plan,
    train: &'a TrainPlan,
    data: &'a TrainData,
    /// For each variant, true if its networks of different depth share their first layers.
    nested: Vec<bool>,
}

impl<'a> PredictorRunner<'a> {
    fn new(plan: &'a Plan, train: &'a TrainPlan, data: &'a TrainData) -> Self {
        let is_prefix = |spec: &NetworkSpec, deepest: &NetworkSpec| {
            let hidden = spec.depth() - spec.readout_layers();
            spec.layers()[..hidden] == deepest.layers()[..hidden]
        };
        let pairs = plan.variants.iter().zip(&train.networks);
        let nested = pairs.map(|(variant, networks)| {
            networks.iter().all(|network| is_prefix(network, &variant.network))
        });
        Self { plan, train, data, nested: nested.collect() }
    }

    /// Groups of predictors, each with a task for every initialisation.
    fn groups(&self) -> Vec<Group> {
        let runs = |id: &PredictorId| {
            *id != RIDGE_CASCADE.id || !self.train.section.ridge_noise.is_empty()
        };
        let apart = APART.into_iter().filter(runs).map(Group::Apart);
        [Group::Common].into_iter().chain(apart).collect()
    }

    /// Returns one task per group of predictors and initialisation that has trained networks and a stored cascade.
    fn tasks(&self, store: &Store) -> Result<Vec<PredictorTask<'a>>> {
        let (cells, trainings) = (store.grid()?, store.training_grid()?);
        if cells.len() != self.plan.cells.len() || trainings.len() != self.train.trainings.len() {
            return Err(Error::OtherGrid);
        }
        let trained = store.accuracies()?;
        let mut depths: HashMap<_, BTreeSet<usize>> = HashMap::new();
        for (key, training) in trainings.iter().zip(&self.train.trainings) {
            if trained.contains_key(key) {
                let id = training.id;
                depths.entry((id.point, id.seed_index)).or_default().insert(training.depth_index);
            }
        }
        let groups = self.groups();
        let mut tasks = Vec::new();
        for (index, (cell_key, cell)) in cells.iter().zip(&self.plan.cells).enumerate() {
            let id = cell.id;
            let initialisation = (id.point, id.seed_index);
            let (Some(depths), Some(measurement)) =
                (depths.get(&initialisation), store.get(cell_key)?)
            else {
                continue;
            };
            let record = measurement.conclude(id, &self.plan.file.entropy, cell.seed, 0)?;
            let depths: Vec<usize> = depths.iter().copied().collect();
            let key = self.key(cell_key, id.point, &depths);
            let is_covered = self.plan.variant(id.point).theory_gap().is_none();
            for (turn, &group) in groups.iter().enumerate() {
                if group == Group::Apart(FINITE_WIDTH_THEORY.id) && !is_covered {
                    continue;
                }
                tasks.push(PredictorTask {
                    place: turn * cells.len() + index,
                    group,
                    cell,
                    record: record.clone(),
                    depths: depths.clone(),
                    key: self.key_of_group(&key, group),
                });
            }
        }
        Ok(tasks)
    }

    /// The predictor that reads what the cascade measured on a cell.
    fn cascade(&self, record: &CellRecord) -> CascadePredictor {
        let profile = |&estimator: &EstimatorSpec| {
            let found = record.profiles.iter().find(|profile| profile.estimator == estimator);
            let layers = found.map_or(&[][..], |profile| &profile.layers);
            (estimator, layers.iter().map(|layer| layer.value).collect())
        };
        let cutoff = |estimator: EstimatorSpec, rule: CutoffRule| {
            let is_it =
                |cutoff: &&CutoffRecord| cutoff.estimator == estimator && cutoff.rule == rule;
            let depth = match record.cutoffs.iter().find(is_it) {
                Some(cutoff) if cutoff.beyond => f64::INFINITY,
                Some(CutoffRecord { depth: Some(depth), .. }) => *depth,
                _ => f64::NAN,
            };
            CascadeCutoff { estimator, rule, depth }
        };
        let section = &self.plan.file.entropy;
        let rules = section.cutoff.as_slice();
        let of_estimator =
            |&estimator: &EstimatorSpec| rules.iter().map(move |&rule| cutoff(estimator, rule));
        CascadePredictor {
            profiles: section.estimators.iter().map(profile).collect(),
            cutoffs: section.estimators.iter().flat_map(of_estimator).collect(),
            deepest: self.plan.depth,
            flops: record.cost.flops,
        }
    }

    /// Hash of everything that determines the scores of a group, given that of the common ones.
    fn key_of_group(&self, common: &str, group: Group) -> String {
        let Group::Apart(predictor) = group else { return common.to_owned() };
        let is_ridge = predictor == RIDGE_CASCADE.id;
        let noises = if is_ridge { &self.train.section.ridge_noise[..] } else { &[] };
        let identity = (NUMERICS_APART, predictor.as_str(), common, noises);
        let json = serde_json::to_vec(&identity).expect("settings are serialisable");
        isobath_experiment::hex(&Sha256::digest(json))
    }

    /// Hash of everything that determines the common scores, including the cell's key.
    fn key(&self, cell: &str, point: GridPoint, depths: &[usize]) -> String {
        #[derive(Serialize)]
        struct Identity<'a> {
            numerics: u32,
            cell: &'a str,
            estimators: &'a [EstimatorSpec],
            rules: &'a [CutoffRule],
            data: (&'a str, usize),
            networks: Vec<&'a [isobath_architecture::Layer]>,
            train: &'a isobath_trainer::TrainParams,
            backend: isobath_tensor::BackendSpec,
        }
        let networks = &self.train.networks[point.variant];
        let identity = Identity {
            numerics: NUMERICS,
            cell,
            estimators: &self.plan.file.entropy.estimators,
            rules: self.plan.file.entropy.cutoff.as_slice(),
            data: self.data.fingerprint(),
            networks: depths.iter().map(|&index| networks[index].layers()).collect(),
            train: self.train.recipes[0].params.params(),
            backend: self.train.section.backend,
        };
        let json = serde_json::to_vec(&identity).expect("settings are serialisable");
        isobath_experiment::hex(&Sha256::digest(json))
    }

    /// Scores of a task's predictors for its networks.
    fn scores(&self, task: &PredictorTask<'_>) -> Result<Vec<ScoreRecord>> {
        let cascade = self.cascade(&task.record);
        // The cascade ran on the plan's network, whatever the widths of the trained ones.
        let point = task.cell.id.point;
        let network = &self.plan.variant(point).network;
        let mut scores = if task.group == Group::Common {
            self.predictor_scores(task, &cascade, network, &task.depths)?
        } else {
            Vec::new()
        };
        let cost = &task.record.cost;
        let seconds = (cost.cascade_seconds + cost.entropy_seconds) / task.depths.len() as f64;
        scores.iter_mut().for_each(|score| score.seconds = seconds);
        let equal_cost = task.record.cost.flops / task.depths.len() as u64;
        for predictor in
            self.train.section.backend.dispatch(BuildPredictors { runner: self, equal_cost })?
        {
            let id = predictor.info().id;
            if !task.group.has(id) {
                continue;
            }
            let is_covered = self.plan.variant(point).theory_gap().is_none();
            if predictor.info().evidence == Evidence::Theory && !is_covered {
                continue;
            }
            if id == RIDGE_CASCADE.id {
                // Cut-offs are those of the plan's network, as the cascade's are.
                let predictor = predictor.as_ref();
                scores.extend(self.predictor_scores(task, predictor, network, &task.depths)?);
                continue;
            }
            let whole = [task.depths.as_slice()];
            let single: Vec<&[usize]> = task.depths.chunks(1).collect();
            let is_family = predictor.info().scope == Scope::Family && self.nested[point.variant];
            for depths in if is_family { &whole[..] } else { &single[..] } {
                let deepest = depths[depths.len() - 1];
                let network = &self.train.networks[point.variant][deepest];
                scores.extend(self.predictor_scores(task, predictor.as_ref(), network, depths)?);
            }
        }
        Ok(scores)
    }

    /// Runs one predictor on one network. Returns its scores for networks of the given depths, which share the cost equally.
    fn predictor_scores(
        &self,
        task: &PredictorTask<'_>,
        predictor: &dyn Predictor,
        network: &NetworkSpec,
        depths: &[usize],
    ) -> Result<Vec<ScoreRecord>> {
        let Cell { id, variances, seed } = *task.cell;
        let initialisation = self.plan.initialisation(id.point);
        let network = Network::random(network.clone(), initialisation, seed);
        let (train, held_out) = (self.data.train(), self.data.probe());
        let subject = Subject { network: &network, variances, train, held_out, seed };
        let start = Instant::now();
        let output = predictor.predict(&subject)?;
        let share = depths.len() as f64;
        let (seconds, flops) = (start.elapsed().as_secs_f64() / share, output.flops as f64 / share);
        let infos = predictor.scores();
        let scores = depths.iter().map(|&index| self.train.depths[index]).flat_map(|depth| {
            infos.iter().zip(&output.predictions).map(move |(info, prediction)| ScoreRecord {
                point: id.point,
                seed_index: id.seed_index,
                depth,
                quantity: info.id.to_string(),
                score: prediction.score(depth),
                predicted_depth: prediction.depth().filter(|depth| !depth.is_nan()),
                seconds,
                flops,
            })
        });
        Ok(scores.collect())
    }
}

/// Backend task that builds the predictors.
struct BuildPredictors<'a> {
    runner: &'a PredictorRunner<'a>,
    /// Floating-point operations of the equal-cost trial training: the cascade's cost per network.
    equal_cost: u64,
}

impl BackendTask for BuildPredictors<'_> {
    type Output = Vec<Box<dyn Predictor>>;

    fn run<B: FullBackend>(self, backend: B) -> Self::Output {
        let recipe = self.runner.train.recipes[0].params.params().clone();
        let (equal_cost, ridge_noise) =
            (Some(self.equal_cost), self.runner.train.section.ridge_noise.clone());
        let settings = Settings { equal_cost, ridge_noise, ..Settings::new(recipe) };
        isobath_predictors::all(&backend, &settings)
    }
}
