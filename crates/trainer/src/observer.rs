use crate::Evaluation;

/// Receives progress and may cancel the work.
pub trait Observer: Sync {
    /// `done` of at most `steps` steps are done.
    fn steps_done(&self, done: usize, steps: usize);

    /// The network was evaluated.
    fn evaluated(&self, _: &Evaluation) {}

    /// Polled every few steps; `true` ends the work with [`Error::Cancelled`](crate::Error::Cancelled), after a checkpoint
    /// where there are any.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Observer that ignores everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn steps_done(&self, _: usize, _: usize) {}
}
