//! Compilation of every kernel without a device.

use super::{kernel::Source, nvrtc};
use crate::{CheckedKernel, Result, ops};

/// All files of kernels.
pub fn kernel_files() -> impl Iterator<Item = &'static Source> {
    ops::kernel_files()
}

/// Compiles every kernel for `architecture`, `sm_90a` say, in every specialisation.
///
/// # Errors
/// [`Error::Unavailable`](crate::Error::Unavailable) without a compiler,
/// [`Error::Architecture`](crate::Error::Architecture) where it knows no such one,
/// [`Error::Kernel`](crate::Error::Kernel) for a file that does not compile.
pub fn check_kernels(architecture: &str) -> Result<Vec<CheckedKernel>> {
    let mut checked = Vec::new();
    // One after the other: the compiler runs one compilation at a time.
    for (specialisation, kernel) in kernel_files().flat_map(Source::every_kernel) {
        let resources = nvrtc::compile(&kernel, architecture)?.resources;
        checked.extend(resources.into_iter().map(|resources| CheckedKernel {
            source: kernel.source.name,
            specialisation: specialisation.clone(),
            is_hot: kernel.source.is_specialised(),
            resources,
        }));
    }
    Ok(checked)
}
