//! Concurrent computation of the cells of a run.
//!
//! Decoders of narrow networks have too few blocks of units to keep all cores busy, and the entropies of a cell use mostly
//! one core. Several cells therefore run concurrently in one thread pool.
//! Results do not depend on the other work in the pool or on the order in which cells finish.

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
use isobath_experiment::{Cell, Plan};
use isobath_store::Store;

/// Computes and stores `cells`, given with their keys, at most `at_once` at a time. Returns the number of stored cells.
///
/// After an interrupt, some cells are left.
///
/// # Errors
/// The first failure. It cancels running cells; stored cells stay.
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
    let output = Mutex::new((store, 0_usize));
    let finish = |key: &str, cell: &Cell| -> Result<()> {
        let observer = CellObserver {
            workers: &workers,
            progress,
            all: context.plan.layers as u64,
            layers: AtomicU64::new(0),
        };
        let cost_share = clock.start();
        let mut done = compute(context, cell, &observer)?;
        let share = cost_share.share();
        drop(cost_share);
        done.measurement.cost.cascade_seconds *= share;
        done.measurement.cost.entropy_seconds *= share;
        save(context.plan, folder, cell, &done)?;
        // A cell is stored in one transaction, so a panic leaves no partial state.
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        output.0.insert(key, &done.measurement)?;
        output.1 += 1;
        // Count the layers that a diverged cell did not reach.
        progress.advance(context.plan.layers as u64 - observer.layers.into_inner());
        Ok(())
    };
    let task = |index: usize| {
        let (key, cell) = &cells[index];
        let name = name(context.plan, cell);
        progress.message(format!(
            "cell {} of {}, {name}{}",
            index + 1,
            cells.len(),
            workers.others()
        ));
        finish(key, cell).during(|| format!("cell {name}"))
    };
    workers.run(cells.len(), at_once, task)?;
    Ok(output.into_inner().unwrap_or_else(PoisonError::into_inner).1)
}

/// Reports the progress of one cell and passes on cancellation.
struct CellObserver<'a> {
    workers: &'a WorkerPool<'a>,
    progress: &'a Progress,
    /// Layers of the cell, the unit of progress.
    all: u64,
    /// Layers so far.
    layers: AtomicU64,
}

impl Observer for CellObserver<'_> {
    fn progress(&self, share: f64) {
        let layers = (share * self.all as f64) as u64;
        let before = self.layers.fetch_max(layers, Ordering::Relaxed);
        self.progress.advance(layers.saturating_sub(before));
    }

    fn cancelled(&self) -> bool {
        self.workers.is_stopped()
    }
}

fn name(plan: &Plan, cell: &Cell) -> String {
    let id = cell.id;
    format!("{}, seed {}", plan.describe(id.point), id.seed_index)
}
