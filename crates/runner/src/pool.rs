//! The one pool of threads.

/// What `work` gives, done by a thread of the pool.
///
/// From any other thread every parallel operation, however small, would be handed over and waited for.
pub(crate) fn in_pool<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::scope(|_| work())
}
