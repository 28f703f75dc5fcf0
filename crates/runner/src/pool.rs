//! Work in the shared thread pool.

use isobath_tensor::BackendSpec;

/// Runs `work` on a thread of the pool and returns its result.
///
/// On any other thread, each parallel operation costs a hand-over to the pool.
pub fn in_pool<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::scope(|_| work())
}

/// Runs `work` for `backend` and returns its result.
///
/// Host backends use a thread of the pool. Device work mostly waits, so it stays on the calling thread and does not block
/// the pool.
pub fn in_pool_unless_device<T: Send>(backend: BackendSpec, work: impl FnOnce() -> T + Send) -> T {
    if backend.is_device() { work() } else { in_pool(work) }
}

/// Runs `task` for each index in `0..count` concurrently on `backend`. Returns the results in index order.
pub fn run_concurrently<T: Send>(
    count: usize,
    backend: BackendSpec,
    task: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let task = &task;
    std::thread::scope(|scope| {
        let work = |index| move || in_pool_unless_device(backend, || task(index));
        let threads: Vec<_> = (0..count).map(|index| scope.spawn(work(index))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, T>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect()
    })
}
