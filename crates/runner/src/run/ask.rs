//! Predictors, asked about every network that was trained.

use std::{
    collections::{BTreeSet, HashMap},
    num::NonZero,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use isobath_architecture::NetworkSpec;
use isobath_network::Network;
use isobath_predictors::{CASCADE, Predictor, Scope, ScoreInfo, Settings, Subject};
use isobath_tensor::{BackendTask, FullBackend};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    Progress, RunFolder, RunOptions, Store, TrainData, cascade_predictor::CascadePredictor,
    clock::SharedClock, crew::Crew, folder::other_stores, schedule::looks_at_once,
};
use crate::{
    experiment::{Cell, Plan, TrainPlan},
    record::{CellId, CellRecord, ScoreRecord},
};

/// Changes whenever predictors give other numbers for the same networks.
const NUMERICS: u32 = 1;

/// How asking went, in initialisations of points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AskOutcome {
    /// Those that were there before.
    pub found: usize,
    /// Those taken over from other runs.
    pub adopted: usize,
    /// Those asked about.
    pub computed: usize,
    /// Those still to be asked about, after an interrupt.
    pub left: usize,
}

/// One initialisation of a point, with the depths that were trained.
struct Look<'a> {
    cell: &'a Cell,
    /// What the cascade found there.
    record: CellRecord,
    /// Positions among the plan's depths, rising.
    depths: Vec<usize>,
    key: String,
}

/// Asks every predictor about the networks of `plan` that were trained, and keeps what they say in `folder`. The cascade is
/// asked for what its cells hold; it is not run again. Trial trainings go by the first recipe.
///
/// # Errors
/// When a predictor, the device or the disk fails. An interrupt is no error.
pub fn ask(
    plan: &Plan,
    data: &TrainData,
    folder: &RunFolder,
    options: &RunOptions,
) -> Result<AskOutcome> {
    let Some(train) = &plan.train else { return Ok(AskOutcome::default()) };
    let mut store = folder.store()?;
    let judge = Judge::new(plan, train, data);
    let looks = judge.looks(&store)?;
    let keys: Vec<String> = looks.iter().map(|look| look.key.clone()).collect();
    store.set_look_grid(&keys)?;
    let known = store.looks()?;
    let mut missing: Vec<Look<'_>> =
        looks.into_iter().filter(|look| !known.contains(&look.key)).collect();
    let found = keys.len() - missing.len();
    let before = missing.len();
    if !options.fresh {
        adopt(&mut store, folder, &mut missing);
    }
    let adopted = before - missing.len();

    let progress = Progress::new(missing.iter().map(|look| look.depths.len() as u64).sum());
    let crew = Crew::new(&progress, train.section.backend);
    let clock = SharedClock::new();
    let ledger = Mutex::new((store, 0_usize));
    let piece = |index: usize| {
        let look = &missing[index];
        let CellId { sigma_w2, sigma_b2, seed_index, .. } = look.cell.id;
        let name = format!("sigma_w2 = {sigma_w2}, sigma_b2 = {sigma_b2}, seed {seed_index}");
        progress.message(format!("asking predictors about {name}{}", crew.others()));
        let charge = clock.start();
        let mut scores = judge.ask(look).with_context(|| format!("asking about {name}"))?;
        let share = charge.share();
        drop(charge);
        // What the cascade took was charged when it ran.
        scores
            .iter_mut()
            .filter(|score| !is_cascade(score))
            .for_each(|score| score.seconds *= share);
        let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.0.insert_scores(&look.key, &scores)?;
        ledger.1 += 1;
        progress.advance(look.depths.len() as u64);
        Ok(())
    };
    let at_once = options.at_once.map_or_else(|| looks_at_once(plan, train), NonZero::get);
    let done = crew.run(missing.len(), at_once, piece);
    progress.finish();
    done?;
    let (_, computed) = ledger.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(AskOutcome { found, adopted, computed, left: missing.len() - computed })
}

fn is_cascade(score: &ScoreRecord) -> bool {
    ScoreInfo::find(&score.quantity).is_some_and(|score| score.predictor == CASCADE.id)
}

/// Takes what other runs beside this one have; looks found there leave `missing`.
fn adopt(store: &mut Store, folder: &RunFolder, missing: &mut Vec<Look<'_>>) {
    for theirs in other_stores(folder.path()) {
        let Ok(known) = theirs.looks() else { continue };
        missing.retain(|look| {
            let scores = known.contains(&look.key).then(|| theirs.scores(&look.key));
            let Some(Ok(scores)) = scores else { return true };
            store.insert_scores(&look.key, &scores).is_err()
        });
    }
}

/// What predictors need to know of a plan.
struct Judge<'a> {
    plan: &'a Plan,
    train: &'a TrainPlan,
    data: &'a TrainData,
    estimators: Vec<String>,
    rules: Vec<String>,
    /// Whether networks of different depth share their first layers.
    nested: bool,
}

impl<'a> Judge<'a> {
    fn new(plan: &'a Plan, train: &'a TrainPlan, data: &'a TrainData) -> Self {
        let is_beginning = |spec: &NetworkSpec| {
            let hidden = spec.depth() - 1;
            spec.layers()[..hidden] == plan.network.layers()[..hidden]
        };
        Self {
            plan,
            train,
            data,
            estimators: plan.file.entropy.estimators.iter().map(ToString::to_string).collect(),
            rules: plan.file.entropy.cutoff.as_slice().iter().map(ToString::to_string).collect(),
            nested: train.networks.iter().all(is_beginning),
        }
    }

    /// All initialisations of points of which networks were trained and the cascade is known.
    fn looks(&self, store: &Store) -> Result<Vec<Look<'a>>> {
        let (cells, trainings) = (store.grid()?, store.training_grid()?);
        if cells.len() != self.plan.cells.len() || trainings.len() != self.train.trainings.len() {
            bail!("the run's store belongs to another grid; run the experiment again");
        }
        let trained = store.accuracies()?;
        let place = |w: f64, b: f64, seed: usize| (w.to_bits(), b.to_bits(), seed);
        let mut depths: HashMap<_, BTreeSet<usize>> = HashMap::new();
        for (key, training) in trainings.iter().zip(&self.train.trainings) {
            if trained.contains_key(key) {
                let id = training.id;
                let place = place(id.sigma_w2, id.sigma_b2, id.seed_index);
                depths.entry(place).or_default().insert(training.depth_index);
            }
        }
        let mut looks = Vec::new();
        for (cell_key, cell) in cells.iter().zip(&self.plan.cells) {
            let id = cell.id;
            let place = place(id.sigma_w2, id.sigma_b2, id.seed_index);
            let (Some(depths), Some(record)) = (depths.get(&place), store.get(cell_key, id)?)
            else {
                continue;
            };
            let depths: Vec<usize> = depths.iter().copied().collect();
            let key = self.key(cell_key, &depths);
            looks.push(Look { cell, record, depths, key });
        }
        Ok(looks)
    }

    /// The hash of everything that determines what is said, the cell's own key included.
    fn key(&self, cell: &str, depths: &[usize]) -> String {
        #[derive(Serialize)]
        struct Identity<'a> {
            numerics: u32,
            cell: &'a str,
            data: (&'a str, usize),
            networks: Vec<&'a [isobath_architecture::Layer]>,
            train: &'a isobath_trainer::TrainParams,
            backend: isobath_tensor::BackendSpec,
        }
        let identity = Identity {
            numerics: NUMERICS,
            cell,
            data: self.data.fingerprint(),
            networks: depths.iter().map(|&index| self.train.networks[index].layers()).collect(),
            train: self.train.recipes[0].params.params(),
            backend: self.train.section.backend,
        };
        let json = serde_json::to_vec(&identity).expect("settings can be written as JSON");
        crate::hex(&Sha256::digest(json))
    }

    /// What all predictors say of the networks of a look.
    fn ask(&self, look: &Look<'_>) -> Result<Vec<ScoreRecord>> {
        let cascade = CascadePredictor {
            record: &look.record,
            estimators: &self.estimators,
            rules: &self.rules,
            deepest: self.plan.network.depth(),
        };
        // It has looked at the plan's own network, whatever the widths of the others.
        let mut scores = self.judge(look, &cascade, &self.plan.network, &look.depths)?;
        let seconds = cascade.seconds() / look.depths.len() as f64;
        scores.iter_mut().for_each(|score| score.seconds = seconds);
        let equal_cost = look.record.cost.flops / look.depths.len() as u64;
        for predictor in self.train.section.backend.dispatch(All { judge: self, equal_cost })? {
            let whole = [look.depths.as_slice()];
            let single: Vec<&[usize]> = look.depths.chunks(1).collect();
            let is_family = predictor.info().scope == Scope::Family && self.nested;
            for depths in if is_family { &whole[..] } else { &single[..] } {
                let deepest = depths[depths.len() - 1];
                let network = &self.train.networks[deepest];
                scores.extend(self.judge(look, predictor.as_ref(), network, depths)?);
            }
        }
        Ok(scores)
    }

    /// What one predictor says, having looked at one network, of networks of the given depths, which share the cost.
    fn judge(
        &self,
        look: &Look<'_>,
        predictor: &dyn Predictor,
        network: &NetworkSpec,
        depths: &[usize],
    ) -> Result<Vec<ScoreRecord>> {
        let Cell { id, variances, seed } = *look.cell;
        let network = Network::random(network.clone(), variances, seed);
        let (train, held_out) = (self.data.train(), self.data.probe());
        let subject = Subject { network: &network, variances, train, held_out, seed };
        let start = Instant::now();
        let output = predictor.predict(&subject)?;
        let share = depths.len() as f64;
        let (seconds, flops) = (start.elapsed().as_secs_f64() / share, output.flops as f64 / share);
        let infos = predictor.scores();
        let scores = depths.iter().map(|&index| self.train.depths[index]).flat_map(|depth| {
            infos.iter().zip(&output.predictions).map(move |(info, prediction)| ScoreRecord {
                sigma_w2: id.sigma_w2,
                sigma_b2: id.sigma_b2,
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

/// Makes the predictors on whichever backend; one of them trains for as many operations as the cascade's share.
struct All<'a> {
    judge: &'a Judge<'a>,
    equal_cost: u64,
}

impl BackendTask for All<'_> {
    type Output = Vec<Box<dyn Predictor>>;

    fn run<B: FullBackend>(self, backend: B) -> Self::Output {
        let recipe = self.judge.train.recipes[0].params.params().clone();
        let settings = Settings { equal_cost: Some(self.equal_cost), ..Settings::new(recipe) };
        isobath_predictors::all(&backend, &settings)
    }
}
