//! Repetition of recorded work.

#[cfg(feature = "conformance")]
pub(super) mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod reference;

#[cfg(feature = "cuda")]
pub use cuda::CudaRecording;

use std::fmt::Debug;

use crate::{Backend, Result};

/// Repetition of the same operations on the same buffers with the same arguments.
///
/// A step of training starts hundreds of small operations, and starting one may take a device longer than doing it.
/// A backend of such a device records the work and repeats the recording.
pub trait Replay: Backend {
    /// Recorded work; the default is empty.
    type Recording: Default + Debug + Send;

    /// Does `work`, or what it did when it was recorded.
    ///
    /// `work` must do the same whenever it is called with the same `recording` and `key`. Being recorded, it does not
    /// happen until it is repeated, so it must not read from the device, write to it or ask it for memory. It is not
    /// recorded the first time, when it still may compile kernels, nor before `key` comes a second time in a row.
    ///
    /// # Errors
    /// Those of `work`; when the device fails.
    fn replay(
        &self,
        recording: &mut Self::Recording,
        key: u64,
        work: &mut dyn FnMut() -> Result<()>,
    ) -> Result<()>;
}

/// Implements [`Replay`] for a backend that starts work as fast as it does it.
macro_rules! replay_by_doing {
    ($backend:ty) => {
        impl $crate::Replay for $backend {
            type Recording = ();

            fn replay(
                &self,
                (): &mut (),
                _: u64,
                work: &mut dyn FnMut() -> $crate::Result<()>,
            ) -> $crate::Result<()> {
                work()
            }
        }
    };
}
pub(crate) use replay_by_doing;
