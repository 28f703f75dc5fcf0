//! Concurrent execution of independent tasks in the shared thread pool.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use crate::{Error, Result};

use isobath_tensor::BackendSpec;

use crate::Progress;

use crate::pool::in_pool_unless_device;

/// Runs tasks until none is left, one fails or the user interrupts.
pub(super) struct WorkerPool<'p> {
    progress: &'p Progress,
    backend: BackendSpec,
    next: AtomicUsize,
    running: AtomicUsize,
    failure: Mutex<Option<Error>>,
    failed: AtomicBool,
}

impl<'p> WorkerPool<'p> {
    /// Creates a pool for tasks that run mostly on `backend`.
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

    /// Runs tasks `0..count`, at most `at_once` at a time. After an interrupt, some tasks are left.
    ///
    /// # Errors
    /// The first failure. Cancellation is not a failure.
    pub(super) fn run(
        &self,
        count: usize,
        at_once: usize,
        task: impl Fn(usize) -> Result<()> + Sync,
    ) -> Result<()> {
        self.run_with_exit(count, at_once, task, || ())
    }

    /// Number of threads for `count` tasks, at most `at_once` at a time; at least one, the calling thread.
    pub(super) fn threads(count: usize, at_once: usize) -> usize {
        at_once.min(count).max(1)
    }

    /// Runs tasks like [`run`](Self::run). Each of its [`threads`](Self::threads) calls `on_exit` after its last task.
    ///
    /// # Errors
    /// See [`run`](Self::run).
    pub(super) fn run_with_exit(
        &self,
        count: usize,
        at_once: usize,
        task: impl Fn(usize) -> Result<()> + Sync,
        on_exit: impl Fn() + Sync,
    ) -> Result<()> {
        let work = || {
            // Runs also if a task panics.
            let _guard = OnDrop(&on_exit);
            self.work(count, &task);
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

    /// True if running tasks must stop.
    pub(super) fn is_stopped(&self) -> bool {
        self.failed.load(Ordering::Relaxed) || self.progress.interrupted()
    }

    /// Text for the number of other running tasks: ` and 2 more`; empty if there are none.
    pub(super) fn others(&self) -> String {
        match self.running.load(Ordering::Relaxed).saturating_sub(1) {
            0 => String::new(),
            others => format!(" (and {others} other running)"),
        }
    }

    fn work(&self, count: usize, task: &(impl Fn(usize) -> Result<()> + Sync)) {
        while !self.is_stopped() {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                break;
            }
            self.running.fetch_add(1, Ordering::Relaxed);
            let outcome = in_pool_unless_device(self.backend, || task(index));
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
    fn every_task_runs_once() {
        let progress = Progress::new(0);
        let done: Vec<_> = (0..50).map(|_| AtomicUsize::new(0)).collect();
        let task = |index: usize| {
            done[index].fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        WorkerPool::new(&progress, BackendSpec::Cpu).run(done.len(), 4, task).unwrap();
        assert!(done.iter().all(|count| count.load(Ordering::Relaxed) == 1));
    }

    #[test]
    fn first_failure_stops_the_remaining_tasks() {
        let progress = Progress::new(0);
        let done = AtomicUsize::new(0);
        let task = |index: usize| {
            done.fetch_add(1, Ordering::Relaxed);
            if index == 3 { Err(Error::OtherGrid) } else { Ok(()) }
        };
        let error = WorkerPool::new(&progress, BackendSpec::Cpu)
            .run(1000, 1, task)
            .expect_err("task 3 fails");
        assert!(matches!(error, Error::OtherGrid), "{error}");
        assert_eq!(done.into_inner(), 4);
    }

    #[test]
    fn device_tasks_are_not_limited_by_the_pool() {
        let progress = Progress::new(0);
        let many = rayon::current_num_threads() + 3;
        let barrier = std::sync::Barrier::new(many);
        let task = |_| {
            barrier.wait();
            Ok(())
        };
        let workers = WorkerPool::new(&progress, BackendSpec::Cuda { ordinal: 0 });
        assert!(workers.run(many, many, task).is_ok());
    }

    #[test]
    fn cancellation_is_not_a_failure() {
        let progress = Progress::new(0);
        let task = |_| Err(isobath_trainer::Error::Cancelled).during(|| "training".to_owned());
        assert!(WorkerPool::new(&progress, BackendSpec::Cpu).run(10, 2, task).is_ok());
    }
}
