//! Computes the missing cells of a plan. Each cell is stored as soon as it finishes.

use std::{num::NonZero, path::Path};

use crate::error::Result;
use crate::{
    CellContext, CellSamples, Progress, cells::compute_cells, deal::cells_of,
    schedule::cells_at_once,
};
use isobath_experiment::{Cell, Plan};
use isobath_store::{RunFolder, Shard, Store, other_stores};

/// Options of a run.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Discard earlier results of this run and reuse none from other runs.
    pub fresh: bool,
    /// Compute only the part of this shard; see [`cells_of`](crate::cells_of).
    pub shard: Option<Shard>,
    /// Number of concurrent cells. Default: enough to keep all cores busy, limited by memory.
    pub at_once: Option<NonZero<usize>>,
}

/// Counts of a run's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Cells of this shard that were already in the store.
    pub found: usize,
    /// Cells copied from other runs.
    pub adopted: usize,
    /// Cells computed.
    pub computed: usize,
    /// Cells of this shard that are left after an interrupt.
    pub left: usize,
}

/// Computes the cells of `plan` that are missing from `folder`.
///
/// # Errors
/// When a stage, the device or the disk fails. An interrupt is not an error; the outcome counts the cells that are left.
pub fn run(
    plan: &Plan,
    data: &CellSamples,
    folder: &RunFolder,
    options: &RunOptions,
) -> Result<Outcome> {
    if options.fresh {
        folder.clear()?;
    }
    let mut store = if options.fresh { folder.own_store()? } else { folder.store()? };
    folder.write(RunFolder::EXPERIMENT, &plan.resolved_toml())?;
    folder.write(RunFolder::ENVIRONMENT, &isobath_store::environment::json())?;
    let context = CellContext { plan, data };
    let keys: Vec<String> = plan.cells.iter().map(|cell| context.key(cell)).collect();
    store.set_grid(&keys)?;
    store.set_plan(&plan.run_name())?;
    let own = cells_of(plan, options.shard);
    let keyed: Vec<(String, &Cell)> =
        own.into_iter().map(|index| (keys[index].clone(), &plan.cells[index])).collect();
    let known = store.keys()?;
    let mut missing: Vec<(String, &Cell)> =
        keyed.iter().filter(|(key, _)| !known.contains(key)).cloned().collect();
    let found = keyed.len() - missing.len();
    let adopted = if options.fresh { 0 } else { adopt(&mut store, folder.path(), &mut missing) };
    let progress = Progress::new((missing.len() * plan.layers) as u64);
    let at_once = options.at_once.map_or_else(|| cells_at_once(plan), NonZero::get);
    let computed = compute_cells(context, folder.path(), &mut store, &missing, &progress, at_once);
    progress.finish();
    let computed = computed?;
    Ok(Outcome { found, adopted, computed, left: missing.len() - computed })
}

/// Copies cells from the runs beside `folder` and removes them from `missing`. Returns the number of copied cells.
fn adopt(store: &mut Store, folder: &Path, missing: &mut Vec<(String, &Cell)>) -> usize {
    let before = missing.len();
    for other in other_stores(folder) {
        if missing.is_empty() {
            break;
        }
        missing.retain(|(key, _)| !matches!(store.adopt(key, &other), Ok(true)));
    }
    before - missing.len()
}
