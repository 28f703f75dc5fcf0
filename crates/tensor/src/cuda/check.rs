//! Compiling every kernel without a device, for those who have none at hand.

use super::{
    batched_gemm, decoder,
    kernel::{Kernel, SOURCES},
    nvrtc,
};
use crate::{CheckedKernel, Result};

/// Compiles every kernel for `architecture`, `sm_90a` say; those that are specialised for every width they have, and for
/// every precision.
///
/// # Errors
/// [`Error::Unavailable`](crate::Error::Unavailable) without a compiler,
/// [`Error::Architecture`](crate::Error::Architecture) where it knows no such one,
/// [`Error::Kernel`](crate::Error::Kernel) for a file that does not compile.
pub fn check_kernels(architecture: &str) -> Result<Vec<CheckedKernel>> {
    let specialised = [batched_gemm::SOURCE.name, decoder::SOURCE.name];
    let whole_files = SOURCES.iter().filter(|source| !specialised.contains(&source.name));
    let mut kernels: Vec<(String, Kernel)> =
        whole_files.map(|source| (String::new(), Kernel::new(source, ""))).collect();
    kernels.extend(batched_gemm::every_kernel());
    kernels.extend(decoder::every_kernel());
    let mut checked = Vec::new();
    // One after the other: the compiler lets nobody in while it is at work.
    for (specialisation, kernel) in kernels {
        let resources = nvrtc::compile(&kernel, architecture)?.resources;
        checked.extend(resources.into_iter().map(|resources| CheckedKernel {
            source: kernel.source.name,
            specialisation: specialisation.clone(),
            is_hot: specialised.contains(&kernel.source.name),
            resources,
        }));
    }
    Ok(checked)
}
