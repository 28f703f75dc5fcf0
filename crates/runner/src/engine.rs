//! The run: every cell of the plan that is not there yet, each stored as soon as it is done.

use std::{num::NonZero, path::Path};

use crate::error::Result;
use isobath_datasets::Dataset;

use crate::{CellContext, Progress, cells::compute_cells, schedule::cells_at_once};
use isobath_experiment::{Cell, Plan};
use isobath_store::{RunFolder, Shard, Store, other_stores};

/// How a run is to go.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Forget earlier results of this run, and take none from other runs.
    pub fresh: bool,
    /// Do only this part.
    pub shard: Option<Shard>,
    /// Cells under way at once; by default as many as keep the cores busy and fit into memory.
    pub at_once: Option<NonZero<usize>>,
}

impl RunOptions {
    /// Whether the piece of work at `index` belongs to this part.
    pub(super) fn is_mine(&self, index: usize) -> bool {
        self.shard.is_none_or(|shard| index % shard.count == shard.index - 1)
    }
}

/// How a run went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Cells of this part that were there before.
    pub found: usize,
    /// Cells taken over from other runs.
    pub adopted: usize,
    /// Cells computed.
    pub computed: usize,
    /// Cells of this part still to do, after an interrupt.
    pub left: usize,
}

/// Computes what is missing of `plan` in `folder`.
///
/// # Errors
/// When a stage, the device or the disk fails. An interrupt is no error: it leaves cells.
pub fn run(
    plan: &Plan,
    data: &Dataset,
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
    let is_mine = |cell: &Cell| options.is_mine(cell.id.index);
    let keyed: Vec<(String, &Cell)> =
        keys.into_iter().zip(&plan.cells).filter(|(_, cell)| is_mine(cell)).collect();
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

/// Takes cells that other runs beside `folder` have computed; those found leave `missing`.
fn adopt(store: &mut Store, folder: &Path, missing: &mut Vec<(String, &Cell)>) -> usize {
    let before = missing.len();
    for theirs in other_stores(folder) {
        if missing.is_empty() {
            break;
        }
        missing.retain(|(key, cell)| match theirs.get(key, cell.id) {
            Ok(Some(record)) => store.insert(key, &record).is_err(),
            _ => true,
        });
    }
    before - missing.len()
}
