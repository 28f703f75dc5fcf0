//! The run: every cell of the plan that is not there yet, each stored as soon as it is done.

use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, Result, anyhow};
use datasets::Dataset;

use super::{CellContext, Progress, RunFolder, Store, cell::Computed, compute, folder::list_runs};
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
    let is_mine = |cell: &Cell| {
        options.shard.is_none_or(|shard| cell.id.index % shard.count == shard.index - 1)
    };
    let keyed: Vec<(String, &Cell)> =
        keys.into_iter().zip(&plan.cells).filter(|(_, cell)| is_mine(cell)).collect();
    let known = store.keys()?;
    let mut missing: Vec<(String, &Cell)> =
        keyed.iter().filter(|(key, _)| !known.contains(key)).cloned().collect();
    let found = keyed.len() - missing.len();
    let adopted = if options.fresh { 0 } else { adopt(&mut store, folder.path(), &mut missing) };
    let progress = Progress::new((missing.len() * plan.layers) as u64);
    let mut computed = 0;
    for (index, (key, cell)) in missing.iter().enumerate() {
        if progress.interrupted() {
            break;
        }
        progress.message(format!("cell {} of {}, {}", index + 1, missing.len(), cell_name(cell)));
        match compute(context, cell, &progress) {
            Ok(done) => {
                save(plan, folder.path(), cell, &done)?;
                store.insert(key, &done.record)?;
                computed += 1;
                // A cell that failed did not count all its layers.
                progress.set((computed * plan.layers) as u64);
            }
            Err(error) if is_cancelled(&error) => break,
            Err(error) => {
                progress.finish();
                return Err(error).with_context(|| format!("cell {}", cell_name(cell)));
            }
        }
    }
    progress.finish();
    Ok(Outcome { found, adopted, computed, left: missing.len() - computed })
}

fn cell_name(cell: &Cell) -> String {
    let id = cell.id;
    format!("sigma_w2 = {}, sigma_b2 = {}, seed {}", id.sigma_w2, id.sigma_b2, id.seed_index)
}

fn is_cancelled(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(cascade::Error::Cancelled))
}

/// Takes cells that other runs beside `folder` have computed; those found leave `missing`.
fn adopt(store: &mut Store, folder: &Path, missing: &mut Vec<(String, &Cell)>) -> usize {
    let before = missing.len();
    let others = folder.parent().map_or_else(|| Ok(Vec::new()), list_runs).unwrap_or_default();
    for other in others.into_iter().filter(|other| other != folder) {
        if missing.is_empty() {
            break;
        }
        // A run that cannot be read has nothing to offer; it is not this run's business to say so.
        let Ok(theirs) = Store::open_existing(&other.join(Store::FILE)) else { continue };
        missing.retain(|(key, cell)| match theirs.get(key, cell.id) {
            Ok(Some(record)) => store.insert(key, &record).is_err(),
            _ => true,
        });
    }
    before - missing.len()
}

/// Writes decoders and reconstructions where the file asks for them.
fn save(plan: &Plan, folder: &Path, cell: &Cell, done: &Computed) -> Result<()> {
    let Some(cascade) = done.cascade.as_ref().filter(|_| plan.file.cascade.save) else {
        return Ok(());
    };
    let id = cell.id;
    let name = format!("w{}-b{}-seed{}", id.sigma_w2, id.sigma_b2, id.seed_index);
    let target: PathBuf = folder.join("cascades").join(name);
    fs::create_dir_all(&target)
        .with_context(|| format!("cannot make the folder {}", target.display()))?;
    cascade::save_decoders(&target.join("decoders.safetensors"), &cascade.decoders)?;
    cascade::save_reconstructions(&target.join("reconstructions.safetensors"), cascade)
        .map_err(|error| anyhow!(error))
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
