//! State of CUDA on this machine, in builds with and without the CUDA backend.

use crate::Result;

/// A part of CUDA that the backend needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CudaPart {
    /// Its name.
    pub name: &'static str,
    /// Its version, or a sentence that says what is missing, where it was looked for and what to do.
    pub version: Result<String, String>,
}

/// State of CUDA on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CudaState {
    /// The driver, the compiler of kernels, the library of products.
    pub parts: Vec<CudaPart>,
    /// Description of each device, in the order of their numbers, or the reason why it cannot be used.
    pub devices: Vec<Result<String, String>>,
    /// Folder of compiled kernels, or the reason why they cannot be kept.
    pub kernels: Result<String, String>,
}

/// Resources of a kernel, from the compiler's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources {
    /// The kernel's name.
    pub kernel: String,
    /// Registers of a thread.
    pub registers: u32,
    /// Bytes of a thread's stack frame.
    pub stack_bytes: u32,
    /// Bytes that did not fit into registers, stored and loaded.
    pub spill_bytes: u32,
}

/// A compiled kernel of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedKernel {
    /// The kernels' file, without `.cu`.
    pub source: &'static str,
    /// Its specialisation in words; empty where there is none.
    pub specialisation: String,
    /// True for kernels in which time is spent.
    pub is_hot: bool,
    /// Its resources.
    pub resources: Resources,
}

impl CheckedKernel {
    /// True if nothing is spilled and, where time is spent, there is no stack frame. Elsewhere a stack frame is allowed: CUDA's own sine has one, for arguments far from zero.
    pub const fn stays_in_registers(&self) -> bool {
        self.resources.spill_bytes == 0 && (self.resources.stack_bytes == 0 || !self.is_hot)
    }
}

/// Looks for CUDA's parts and devices.
///
/// # Errors
/// [`Error::Unavailable`](crate::Error::Unavailable) when this build has no CUDA backend. What the machine lacks is part of the answer.
pub fn cuda_state() -> Result<CudaState> {
    #[cfg(feature = "cuda")]
    return Ok(crate::cuda::state());
    #[cfg(not(feature = "cuda"))]
    Err(not_built("cuda"))
}

/// Compiles every kernel for `architecture`, `sm_90a` say, without a device; those that are specialised for every width
/// they have, and for every precision.
///
/// # Errors
/// [`Error::Unavailable`](crate::Error::Unavailable) without the backend or a compiler,
/// [`Error::Architecture`](crate::Error::Architecture) where the compiler knows no such one,
/// [`Error::Kernel`](crate::Error::Kernel) for a file that does not compile.
pub fn check_cuda_kernels(architecture: &str) -> Result<Vec<CheckedKernel>> {
    #[cfg(feature = "cuda")]
    return crate::cuda::check_kernels(architecture);
    #[cfg(not(feature = "cuda"))]
    Err(not_built(&format!("cuda for {architecture}")))
}

/// The reason why CUDA kernels that this process compiled were not kept, with what to do about it; `None` if they were.
pub fn cuda_kernels_not_kept() -> Option<&'static str> {
    #[cfg(feature = "cuda")]
    return crate::cuda::not_kept();
    #[cfg(not(feature = "cuda"))]
    None
}

/// Error of a build without `backend`, which says how to get one with it.
#[cfg(not(feature = "cuda"))]
pub(crate) fn not_built(backend: &str) -> crate::Error {
    let reason = "this build has no CUDA backend; `cargo xtask` builds it in where the command line or the experiment \
                  file names \"cuda\", and by hand it is `cargo build --release --package isobath --features cuda`";
    crate::Error::Unavailable { backend: backend.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn builds_without_a_backend_name_the_package_to_build() {
        let message = not_built("cuda:0").to_string();
        assert!(message.contains("--package isobath --features cuda"), "{message}");
    }

    #[track_caller]
    fn check(is_hot: bool, [stack_bytes, spill_bytes]: [u32; 2], expected: bool) {
        let resources =
            Resources { kernel: "k".to_owned(), registers: 32, stack_bytes, spill_bytes };
        let kernel =
            CheckedKernel { source: "k", specialisation: String::new(), is_hot, resources };
        assert_eq!(kernel.stays_in_registers(), expected, "{kernel:?}");
    }

    #[test]
    fn only_cold_kernels_may_have_a_stack_frame() {
        check(true, [0, 0], true);
        check(true, [32, 0], false);
        check(false, [32, 0], true);
        check(false, [32, 8], false);
    }
}
