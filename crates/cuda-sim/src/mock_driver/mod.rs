//! Mock of CUDA's driver, compiler and library of products over the simulated device, so that the code that calls them
//! runs where there is no GPU: finding and opening the libraries, contexts and threads, streams, memory and its reuse,
//! modules, launches, graphs.
//!
//! In the process that calls [`open`], libraries with the names of CUDA's jump to functions of this folder. They refuse
//! what CUDA refuses: calls from a thread whose device it is not, freed handles and memory, memory taken while work is
//! recorded, shared memory beyond a kernel's limit. A stream's work is delayed until somebody waits for it, or chance
//! runs it, in any order with the work of other streams. Memory that was not cleared holds NaN.
//!
//! It does not show deviations of an actual driver from its documentation, and does not measure speed.

mod answer;
mod cublas;
mod driver;
mod libraries;
mod machine;
mod nvrtc;

use std::{ffi::c_void, sync::OnceLock};

use isobath_tensor::{
    Error, Result,
    cuda::{Cuda, Library},
};

use crate::simulator::{Settings, Simulated};

use machine::Machine;

/// Version of all libraries. No release has this number, so that kernels compiled here are not mistaken for others.
const VERSION: [i32; 2] = [13, 99];
const VERSION_NAME: &str = "13.99";

/// A function's name and where it is.
type Symbol = (&'static str, Address);

/// Address of a function.
#[derive(Clone, Copy)]
struct Address(*const c_void);

// SAFETY: functions are there for all threads.
unsafe impl Sync for Address {}

/// Functions of this crate's by the names that libraries give them.
macro_rules! symbols {
    ($($name:literal => $function:ident),* $(,)?) => {
        &[$(($name, $crate::mock_driver::Address($function as *const std::ffi::c_void))),*]
    };
}
use symbols;

/// Memory of the device, unless it was given another amount.
const MEMORY_BYTES: usize = 2 << 30;

/// The CUDA backend on a simulated device behind CUDA's own interfaces: `cuda:0` in this process from the first call on.
///
/// # Errors
/// [`Error::Unavailable`] where CUDA's own libraries are found, or were looked for before, and without a C++ compiler.
pub fn open() -> Result<Cuda> {
    open_with_memory(MEMORY_BYTES)
}

/// [`open`], with a device of `bytes` bytes if this is the first call.
///
/// # Errors
/// As [`open`].
pub fn open_with_memory(bytes: usize) -> Result<Cuda> {
    static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
    let unavailable = |reason| Error::Unavailable { backend: "mock driver".to_owned(), reason };
    INSTALLED.get_or_init(|| install(bytes)).clone().map_err(unavailable)?;
    Cuda::open(0)
}

fn install(memory_bytes: usize) -> Result<(), String> {
    let device = Simulated::new(Settings::default()).map_err(|error| error.to_string())?;
    libraries::provide(&device)?;
    *machine::lock() = Some(Machine::new(device, memory_bytes));
    for library in [Library::Driver, Library::Nvrtc, Library::Cublas] {
        library.find()?;
        if library.version_name() != VERSION_NAME {
            return Err(format!("{library:?} was found, but not the mock driver's"));
        }
    }
    Ok(())
}
