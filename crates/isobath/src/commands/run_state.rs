//! Stored and missing results of a run. Reading them needs no samples.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use isobath_experiment as experiment;
use isobath_experiment::Plan;
use isobath_runner::{ShardWork, WorkKeys, shard_work};
use isobath_store::{RunFolder, Store};

/// State of a run.
pub(super) struct RunState {
    /// The run's folder.
    pub(super) path: PathBuf,
    /// The experiment.
    pub(super) plan: Plan,
    /// Work of each shard.
    pub(super) shards: Vec<ShardWork>,
    /// True if all predictors ran, or the experiment trains no networks.
    pub(super) has_scores: bool,
}

impl RunState {
    /// Reads the state of the run in `path`, divided into `shards`. Changes nothing on the disk.
    pub(super) fn read(path: &Path, shards: usize) -> Result<Self> {
        let file = path.join(RunFolder::EXPERIMENT);
        let plan = Plan::new(experiment::read(&file, &[])?)?;
        let store = Store::has_run(path).then(|| Store::open_run(path)).transpose()?;
        if store
            .as_ref()
            .map(Store::plan)
            .transpose()?
            .flatten()
            .is_some_and(|it| it != plan.run_name())
        {
            bail!("{} was changed after the run; undo the change", file.display());
        }
        let keys = store.as_ref().map(WorkKeys::stored).transpose()?.unwrap_or_default();
        let shards = shard_work(&plan, &keys, store.as_ref(), shards)?;
        let has_scores = has_scores(&plan, store.as_ref())?;
        Ok(Self { path: path.to_owned(), plan, shards, has_scores })
    }

    /// True if every cell and training is stored.
    pub(super) fn is_computed(&self) -> bool {
        self.shards.iter().all(ShardWork::is_done)
    }
}

/// True if all predictors of `plan` ran.
pub(super) fn has_scores(plan: &Plan, store: Option<&Store>) -> Result<bool> {
    if plan.train.is_none() {
        return Ok(true);
    }
    let Some(store) = store else { return Ok(false) };
    let planned = store.score_grid()?.iter().flatten().count();
    Ok(planned > 0 && store.score_keys()?.len() >= planned)
}
