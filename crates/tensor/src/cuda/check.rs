//! Compiling every kernel without a device, for those who have none at hand.

use super::{
    decoder,
    kernel::{Kernel, Resources, SOURCES},
    nvrtc,
};
use crate::Result;

/// What the compiler says of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedKernel {
    /// The kernels' file, without `.cu`.
    pub source: &'static str,
    /// What it was specialised for, in words; empty where it is not.
    pub specialisation: String,
    /// What it takes of a device.
    pub resources: Resources,
}

impl CheckedKernel {
    /// Whether all its variables are in registers.
    pub const fn stays_in_registers(&self) -> bool {
        self.resources.stack_bytes == 0 && self.resources.spill_bytes == 0
    }
}

/// Compiles every kernel for `architecture`, `sm_90a` say; those that are specialised for every width they have, and for
/// every precision.
///
/// # Errors
/// [`Error::Unavailable`](crate::Error::Unavailable) without a compiler,
/// [`Error::Kernel`](crate::Error::Kernel) for a file that does not compile.
pub fn check_kernels(architecture: &str) -> Result<Vec<CheckedKernel>> {
    let whole_files = SOURCES.iter().filter(|source| source.name != decoder::SOURCE.name);
    let mut kernels: Vec<(String, Kernel)> =
        whole_files.map(|source| (String::new(), Kernel::new(source, ""))).collect();
    kernels.extend(decoder::every_kernel());
    let mut checked = Vec::new();
    for (specialisation, kernel) in kernels {
        let resources = nvrtc::compile(&kernel, architecture)?.resources;
        checked.extend(resources.into_iter().map(|resources| CheckedKernel {
            source: kernel.source.name,
            specialisation: specialisation.clone(),
            resources,
        }));
    }
    Ok(checked)
}
