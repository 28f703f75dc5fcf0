use std::fmt::{self, Debug};

use cudarc::driver::CudaGraph;

/// Recorded work of a stream.
pub struct Graph(pub(super) CudaGraph);

// SAFETY: a graph may be used by any thread, one at a time; it is not `Sync`.
unsafe impl Send for Graph {}

impl Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph").finish_non_exhaustive()
    }
}
