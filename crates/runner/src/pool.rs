//! The one pool of threads.

use isobath_tensor::BackendSpec;

/// What `work` gives, done by a thread of the pool.
///
/// From any other thread every parallel operation, however small, would be handed over and waited for.
pub fn in_pool<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::scope(|_| work())
}

/// What `work` gives, which runs on `backend`: done by a thread of the pool, or by this one where it waits for a device
/// most of the time, which would keep a thread of the pool from others.
pub fn in_pool_or_waiting<T: Send>(backend: BackendSpec, work: impl FnOnce() -> T + Send) -> T {
    if backend.is_device() { work() } else { in_pool(work) }
}

/// What `task` gives for each of `0..count`, all under way at once on `backend`.
pub fn side_by_side<T: Send>(
    count: usize,
    backend: BackendSpec,
    task: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let task = &task;
    std::thread::scope(|scope| {
        let work = |index| move || in_pool_or_waiting(backend, || task(index));
        let threads: Vec<_> = (0..count).map(|index| scope.spawn(work(index))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, T>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect()
    })
}
