//! Independent pieces of work, several at once in the one pool of threads.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use crate::{Error, Result};

use isobath_tensor::BackendSpec;

use crate::Progress;

use crate::pool::in_pool_or_waiting;

/// Hands out pieces of work until none is left, one fails, or the user interrupts.
pub(super) struct WorkerPool<'p> {
    progress: &'p Progress,
    backend: BackendSpec,
    next: AtomicUsize,
    running: AtomicUsize,
    failure: Mutex<Option<Error>>,
    failed: AtomicBool,
}

impl<'p> WorkerPool<'p> {
    /// Nothing done yet, of work that is `backend`'s for the most part.
    pub(super) fn new(progress: &'p Progress, backend: BackendSpec) -> Self {
        Self {
            progress,
            backend,
            next: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            failure: Mutex::new(None),
            failed: AtomicBool::new(false),
        }
    }

    /// Does pieces `0..count`, at most `at_once` at a time. After an interrupt not all of them are done.
    ///
    /// # Errors
    /// With the first failure. Being cancelled is none.
    pub(super) fn run(
        &self,
        count: usize,
        at_once: usize,
        piece: impl Fn(usize) -> Result<()> + Sync,
    ) -> Result<()> {
        self.run_leaving(count, at_once, piece, || ())
    }

    /// How many threads do `count` pieces, at most `at_once` at a time: this one at least, for want of any piece.
    pub(super) fn threads(count: usize, at_once: usize) -> usize {
        at_once.min(count).max(1)
    }

    /// The same as [`run`](Self::run); each of its [`threads`](Self::threads) that does no piece any more calls `leave`.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub(super) fn run_leaving(
        &self,
        count: usize,
        at_once: usize,
        piece: impl Fn(usize) -> Result<()> + Sync,
        leave: impl Fn() + Sync,
    ) -> Result<()> {
        let work = || {
            // Also when a piece panics.
            let _leaver = OnDrop(&leave);
            self.work(count, &piece);
        };
        std::thread::scope(|scope| {
            for _ in 1..Self::threads(count, at_once) {
                scope.spawn(work);
            }
            work();
        });
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        failure.map_or(Ok(()), Err)
    }

    /// Whether the work at hand is to be given up.
    pub(super) fn is_stopped(&self) -> bool {
        self.failed.load(Ordering::Relaxed) || self.progress.interrupted()
    }

    /// ` and 2 more` where so many other pieces are under way.
    pub(super) fn others(&self) -> String {
        match self.running.load(Ordering::Relaxed).saturating_sub(1) {
            0 => String::new(),
            others => format!(" and {others} more"),
        }
    }

    fn work(&self, count: usize, piece: &(impl Fn(usize) -> Result<()> + Sync)) {
        while !self.is_stopped() {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                break;
            }
            self.running.fetch_add(1, Ordering::Relaxed);
            let outcome = in_pool_or_waiting(self.backend, || piece(index));
            self.running.fetch_sub(1, Ordering::Relaxed);
            let Err(error) = outcome else { continue };
            if !error.is_cancelled() {
                self.failed.store(true, Ordering::Relaxed);
                let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert(error);
            }
            break;
        }
    }
}

/// Calls a function when dropped.
struct OnDrop<'a, F: Fn()>(&'a F);

impl<F: Fn()> Drop for OnDrop<'_, F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::During;

    #[test]
    fn every_piece_is_done_once() {
        let progress = Progress::new(0);
        let done: Vec<_> = (0..50).map(|_| AtomicUsize::new(0)).collect();
        let piece = |index: usize| {
            done[index].fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        WorkerPool::new(&progress, BackendSpec::Cpu).run(done.len(), 4, piece).unwrap();
        assert!(done.iter().all(|count| count.load(Ordering::Relaxed) == 1));
    }

    #[test]
    fn the_first_failure_stops_the_rest() {
        let progress = Progress::new(0);
        let done = AtomicUsize::new(0);
        let piece = |index: usize| {
            done.fetch_add(1, Ordering::Relaxed);
            if index == 3 { Err(Error::OtherGrid) } else { Ok(()) }
        };
        let error = WorkerPool::new(&progress, BackendSpec::Cpu)
            .run(1000, 1, piece)
            .expect_err("a piece failed");
        assert!(matches!(error, Error::OtherGrid), "{error}");
        assert_eq!(done.into_inner(), 4);
    }

    #[test]
    fn pieces_that_wait_for_a_device_are_not_limited_by_the_pool() {
        let progress = Progress::new(0);
        let many = rayon::current_num_threads() + 3;
        let barrier = std::sync::Barrier::new(many);
        let piece = |_| {
            barrier.wait();
            Ok(())
        };
        let workers = WorkerPool::new(&progress, BackendSpec::Cuda { ordinal: 0 });
        assert!(workers.run(many, many, piece).is_ok());
    }

    #[test]
    fn being_cancelled_is_no_failure() {
        let progress = Progress::new(0);
        let piece = |_| Err(isobath_trainer::Error::Cancelled).during(|| "training".to_owned());
        assert!(WorkerPool::new(&progress, BackendSpec::Cpu).run(10, 2, piece).is_ok());
    }
}
