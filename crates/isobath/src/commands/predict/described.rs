//! The network, data and training that a file describes.

use std::path::Path;

use anyhow::{Context, Result};
use isobath_datasets::DatasetSource;
use isobath_experiment::{Override, Plan, read_single};
use isobath_network::Network;
use isobath_runner::TrainData;
use isobath_tensor::BackendSpec;
use isobath_trainer::TrainValidParams;

use crate::commands::{GlobalArgs, Usage, run};

/// Optimiser and budget of a file without `[train]`.
pub(super) const DEFAULT_TRAINING: &str =
    "optimizer = { kind = \"adam\", lr = 0.001 }\nbatch = 64\nepochs = 5";

/// A described network with its data and training.
#[derive(Debug)]
pub(in crate::commands) struct Described {
    pub(in crate::commands) plan: Plan,
    pub(in crate::commands) data: TrainData,
    pub(in crate::commands) network: Network,
    pub(in crate::commands) training: TrainValidParams,
    pub(in crate::commands) seed: u64,
    /// True if the parameters come from a file.
    pub(in crate::commands) is_given: bool,
    /// Length of the trial.
    pub(in crate::commands) trial: TrialLimit,
}

/// Limit of a trial's length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::commands) enum TrialLimit {
    /// At most about half a minute on two cores
    #[default]
    Bounded,
    /// All steps that the probability needs
    Full,
}

impl Described {
    /// Backend of its training.
    pub(in crate::commands) fn backend(&self) -> BackendSpec {
        self.plan.train.as_ref().map_or(BackendSpec::Cpu, |train| train.section.backend)
    }

    /// Minibatches of the whole training.
    pub(in crate::commands) fn steps(&self) -> usize {
        self.training.steps(self.data.train().labels.len())
    }
}

/// The plan of `file` with defaults for what a single network does not need, and with changes.
pub(in crate::commands) fn plan(file: &Path, changes: &[Override]) -> Result<Plan> {
    let plan = Plan::new(read_single(file, DEFAULT_TRAINING, changes)?)?;
    check(&plan)?;
    Ok(plan)
}

/// Rejects files of several networks.
fn check(plan: &Plan) -> Result<()> {
    let train = plan.train.as_ref().expect("a default is filled in");
    if plan.points.len() > 1 {
        let text = format!(
            "the file has {} networks, for example {}; predict takes one: choose it with --set, such as --set \
             grid.sigma_w2=1.5",
            plan.points.len(),
            plan.describe(plan.points[0])
        );
        return Err(Usage(text).into());
    }
    if train.depths.len() > 1 {
        let text = format!(
            "[train] lists {} depths; predict takes one: choose it with --set train.depths={}",
            train.depths.len(),
            train.depths[0]
        );
        return Err(Usage(text).into());
    }
    if train.recipes.len() > 1 {
        let text = format!(
            "[train] lists {} optimisers; predict takes one, such as --set train.optimizer='{{ kind = \"sgd\", lr = 0.01 \
             }}'",
            train.recipes.len()
        );
        return Err(Usage(text).into());
    }
    Ok(())
}

/// Reads the file and loads its data.
pub(in crate::commands) fn describe(
    global: &GlobalArgs,
    file: &Path,
    changes: &[Override],
) -> Result<Described> {
    let plan = plan(file, changes)?;
    let data = load(global, &plan)?;
    Ok(of_plan(plan, data))
}

/// Samples of the plan's training.
pub(super) fn load(global: &GlobalArgs, plan: &Plan) -> Result<TrainData> {
    let (section, train) = (&plan.file.data, plan.train.as_ref().context("no training")?);
    let is_named = matches!(section.dataset, DatasetSource::Named(_));
    if is_named && train.train_samples == section.train {
        // The scale is that of the same training samples, which need not be loaded twice.
        let held_out = TrainData::held_out(plan, train);
        let data = run::load_samples(global, plan, section.train, held_out, plan.file.seed)?;
        let scale = section.scale.fit(&data);
        return Ok(TrainData::new(data, section.probe(), scale.as_ref())?);
    }
    let cells = run::load(global, plan)?;
    run::load_to_train(global, plan, &cells)?.context("no training")
}

/// The only network of a plan.
pub(in crate::commands) fn of_plan(plan: Plan, data: TrainData) -> Described {
    let train = plan.train.as_ref().expect("the plan has a training");
    let cell = &train.trainings[0];
    let network =
        Network::random(train.network(cell).clone(), train.initialisation(cell), cell.seed);
    let (training, seed) = (train.recipes[0].params.clone(), cell.seed);
    Described { plan, data, network, training, seed, is_given: false, trial: TrialLimit::default() }
}

/// A network with given parameters under the training of a plan.
pub(super) fn of_network(plan: Plan, data: TrainData, network: Network) -> Described {
    let train = plan.train.as_ref().expect("the plan has a training");
    let (training, seed) = (train.recipes[0].params.clone(), train.trainings[0].seed);
    Described { plan, data, network, training, seed, is_given: true, trial: TrialLimit::default() }
}
