//! The cells of a run, several at once.
//!
//! A decoder of a narrow network has too few blocks of units to keep all cores busy, and the entropies of a cell are the
//! work of one core for the most part. So several cells are under way at once, all in the one pool of threads.
//! A cell's numbers do not depend on what else the pool does, nor does what
//! is stored depend on the order in which cells end.

use std::{
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use anyhow::Result;
use cascade::Observer;

use super::{CellContext, Progress, Store, clock::SharedClock, compute, save::save};
use crate::{experiment::Cell, pool::in_pool};

/// What the threads share.
pub(super) struct Workers<'a> {
    context: CellContext<'a>,
    folder: &'a Path,
    /// Cells to compute, with their keys.
    cells: &'a [(String, &'a Cell)],
    next: AtomicUsize,
    running: AtomicUsize,
    failed: AtomicBool,
    progress: &'a Progress,
    clock: SharedClock,
    ledger: Mutex<Ledger<'a>>,
}

/// What is written down, by one thread at a time.
struct Ledger<'a> {
    store: &'a mut Store,
    computed: usize,
    failure: Option<anyhow::Error>,
}

impl<'a> Workers<'a> {
    pub(super) fn new(
        context: CellContext<'a>,
        folder: &'a Path,
        store: &'a mut Store,
        cells: &'a [(String, &'a Cell)],
        progress: &'a Progress,
    ) -> Self {
        Self {
            context,
            folder,
            cells,
            next: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            progress,
            clock: SharedClock::new(),
            ledger: Mutex::new(Ledger { store, computed: 0, failure: None }),
        }
    }

    /// Computes and stores the cells, at most `at_once` at a time, and gives the number of those stored. After an
    /// interrupt that is not all of them.
    ///
    /// # Errors
    /// With the first failure; cells that were under way then are given up, those stored stay.
    pub(super) fn run(self, at_once: usize) -> Result<usize> {
        let others = at_once.min(self.cells.len()).saturating_sub(1);
        std::thread::scope(|scope| {
            for _ in 0..others {
                scope.spawn(|| self.work());
            }
            self.work();
        });
        let Ledger { computed, failure, .. } =
            self.ledger.into_inner().unwrap_or_else(PoisonError::into_inner);
        failure.map_or(Ok(computed), Err)
    }

    /// One thread's work: a cell after the other until none is left.
    fn work(&self) {
        while !self.is_stopped() {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some((key, cell)) = self.cells.get(index) else { break };
            let beside = self.running.fetch_add(1, Ordering::Relaxed);
            self.progress.message(self.describe(index, cell, beside));
            let outcome = self.compute(key, cell);
            self.running.fetch_sub(1, Ordering::Relaxed);
            let Err(error) = outcome else { continue };
            if !is_cancelled(&error) {
                self.failed.store(true, Ordering::Relaxed);
                let error = error.context(format!("cell {}", cell_name(cell)));
                self.ledger().failure.get_or_insert(error);
            }
            break;
        }
    }

    fn compute(&self, key: &str, cell: &Cell) -> Result<()> {
        let watch = Watch { workers: self, layers: AtomicU64::new(0) };
        let charge = self.clock.start();
        let mut done = in_pool(|| compute(self.context, cell, &watch))?;
        let share = charge.share();
        drop(charge);
        done.record.cost.cascade_seconds *= share;
        done.record.cost.entropy_seconds *= share;
        save(self.context.plan, self.folder, cell, &done)?;
        let mut ledger = self.ledger();
        ledger.store.insert(key, &done.record)?;
        ledger.computed += 1;
        // A cell that diverged did not count all its layers.
        self.progress.advance(self.context.plan.layers as u64 - watch.layers.into_inner());
        Ok(())
    }

    fn describe(&self, index: usize, cell: &Cell, beside: usize) -> String {
        let others = if beside == 0 { String::new() } else { format!(" and {beside} more") };
        format!("cell {} of {}, {}{others}", index + 1, self.cells.len(), cell_name(cell))
    }

    fn is_stopped(&self) -> bool {
        self.failed.load(Ordering::Relaxed) || self.progress.interrupted()
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger<'a>> {
        // A cell is stored in one transaction, so a thread that panicked left nothing half done.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches one cell.
struct Watch<'w, 'a> {
    workers: &'w Workers<'a>,
    layers: AtomicU64,
}

impl Observer for Watch<'_, '_> {
    fn layer_done(&self, _: usize, _: usize) {
        self.layers.fetch_add(1, Ordering::Relaxed);
        self.workers.progress.advance(1);
    }

    fn cancelled(&self) -> bool {
        self.workers.is_stopped()
    }
}

fn cell_name(cell: &Cell) -> String {
    let id = cell.id;
    format!("sigma_w2 = {}, sigma_b2 = {}, seed {}", id.sigma_w2, id.sigma_b2, id.seed_index)
}

fn is_cancelled(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(cascade::Error::Cancelled))
}
