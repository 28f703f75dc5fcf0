//! Computes the missing cells of a plan. Each cell is stored as soon as it finishes.

use std::{num::NonZero, path::Path};

use crate::error::Result;
use crate::{CellContext, CellSamples, Progress, cells::compute_cells, schedule::cells_at_once};
use isobath_experiment::{Cell, Plan};
use isobath_store::{RunFolder, Shard, Store, other_stores};

/// Options of a run.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Discard earlier results of this run and reuse none from other runs.
    pub fresh: bool,
    /// Compute only this shard.
    pub shard: Option<Shard>,
    /// Number of concurrent cells. Default: enough to keep all cores busy, limited by memory.
    pub at_once: Option<NonZero<usize>>,
}

impl RunOptions {
    /// True if the task with `index` belongs to the selected shard.
    pub(super) fn belongs_to_shard(&self, index: usize) -> bool {
        self.shard.is_none_or(|shard| index % shard.count == shard.index - 1)
    }
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
    let mut store = folder.store()?;
    folder.write(RunFolder::EXPERIMENT, &plan.resolved_toml())?;
    folder.write(RunFolder::ENVIRONMENT, &isobath_store::environment::json())?;
    let context = CellContext { plan, data };
    let keys: Vec<String> = plan.cells.iter().map(|cell| context.key(cell)).collect();
    store.set_grid(&keys)?;
    store.set_plan(&plan.run_name())?;
    let in_shard = |cell: &Cell| options.belongs_to_shard(cell.id.index);
    let keyed: Vec<(String, &Cell)> =
        keys.into_iter().zip(&plan.cells).filter(|(_, cell)| in_shard(cell)).collect();
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
        missing.retain(|(key, _)| match other.get(key) {
            Ok(Some(measurement)) => store.insert(key, &measurement).is_err(),
            _ => true,
        });
    }
    before - missing.len()
}
