//! The one pool of threads.

/// What `work` gives, done by a thread of the pool.
///
/// From any other thread every parallel operation, however small, would be handed over and waited for.
pub(crate) fn in_pool<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::scope(|_| work())
}

/// What `task` gives for each of `0..count`, all under way at once in the pool.
pub(crate) fn side_by_side<T: Send>(count: usize, task: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let task = &task;
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..count).map(|index| scope.spawn(move || in_pool(|| task(index)))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, T>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect()
    })
}
