//! The run: every cell of the plan that is not there yet, each stored as soon as it is done.

use std::{num::NonZero, path::Path, str::FromStr};

use anyhow::Result;
use isobath_datasets::Dataset;

use super::{
    CellContext, Progress, RunFolder, Store, cells::compute_cells, folder::other_stores,
    schedule::cells_at_once,
};
use crate::experiment::{Cell, Plan};

/// One part of a run shared among processes: `2/3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which part, from 1.
    pub index: usize,
    /// Parts.
    pub count: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (index, count) = text.split_once('/')?;
            let (index, count) = (index.parse().ok()?, count.parse().ok()?);
            (1..=count).contains(&index).then_some(Self { index, count })
        };
        parse().ok_or_else(|| format!("`{text}` must be I/N with I from 1 to N, such as 1/2"))
    }
}

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
    folder.write(RunFolder::ENVIRONMENT, &crate::environment::json())?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_parse() {
        assert_eq!("2/3".parse(), Ok(Shard { index: 2, count: 3 }));
        for text in ["", "1", "0/2", "3/2", "1/0", "a/b", "1/2/3"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
