//! The cells of a run, several at once.
//!
//! A decoder of a narrow network has too few blocks of units to keep all cores busy, and the entropies of a cell are the
//! work of one core for the most part. So several cells are under way at once, all in the one pool of threads.
//! A cell's numbers do not depend on what else the pool does, nor does what is stored depend on the order in which cells
//! end.

use std::{
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::error::{During, Result};
use isobath_cascade::Observer;

use crate::{
    CellContext, Progress, clock::SharedClock, compute, save::save, worker_pool::WorkerPool,
};
use isobath_experiment::Cell;
use isobath_store::Store;

/// Computes and stores cells, given with their keys, at most `at_once` at a time, and gives the number of those stored.
/// After an interrupt that is not all of them.
///
/// # Errors
/// With the first failure; cells that were under way then are given up, those stored stay.
pub(super) fn compute_cells(
    context: CellContext<'_>,
    folder: &Path,
    store: &mut Store,
    cells: &[(String, &Cell)],
    progress: &Progress,
    at_once: usize,
) -> Result<usize> {
    let workers = WorkerPool::new(progress, context.plan.file.cascade.backend);
    let clock = SharedClock::new();
    let ledger = Mutex::new((store, 0_usize));
    let finish = |key: &str, cell: &Cell| -> Result<()> {
        let watch = Watch { workers: &workers, progress, layers: AtomicU64::new(0) };
        let charge = clock.start();
        let mut done = compute(context, cell, &watch)?;
        let share = charge.share();
        drop(charge);
        done.record.cost.cascade_seconds *= share;
        done.record.cost.entropy_seconds *= share;
        save(context.plan, folder, cell, &done)?;
        // A cell is stored in one transaction, so a thread that panicked left nothing half done.
        let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.0.insert(key, &done.record)?;
        ledger.1 += 1;
        // A cell that diverged did not count all its layers.
        progress.advance(context.plan.layers as u64 - watch.layers.into_inner());
        Ok(())
    };
    let piece = |index: usize| {
        let (key, cell) = &cells[index];
        let name = name(cell);
        progress.message(format!(
            "cell {} of {}, {name}{}",
            index + 1,
            cells.len(),
            workers.others()
        ));
        finish(key, cell).during(|| format!("cell {name}"))
    };
    workers.run(cells.len(), at_once, piece)?;
    Ok(ledger.into_inner().unwrap_or_else(PoisonError::into_inner).1)
}

/// Watches one cell.
struct Watch<'a> {
    workers: &'a WorkerPool<'a>,
    progress: &'a Progress,
    layers: AtomicU64,
}

impl Observer for Watch<'_> {
    fn layer_done(&self, _: usize, _: usize) {
        self.layers.fetch_add(1, Ordering::Relaxed);
        self.progress.advance(1);
    }

    fn cancelled(&self) -> bool {
        self.workers.is_stopped()
    }
}

fn name(cell: &Cell) -> String {
    let id = cell.id;
    format!("{}, seed {}", id.point, id.seed_index)
}
