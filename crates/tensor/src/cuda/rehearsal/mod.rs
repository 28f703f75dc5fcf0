//! CUDA's own interfaces over the simulated device, so that what calls them can be run where there is no GPU: finding and
//! opening the libraries, contexts and threads, streams, memory and its reuse, modules, launches, graphs.
//!
//! For the length of a process there are libraries by the names of the driver, the compiler and the library of products,
//! whose functions are those of this folder. They refuse what CUDA refuses: calls from a thread whose device it is not,
//! handles and memory that are not there any more, memory taken while work is recorded, shared memory that was not asked
//! for. And they take their time: a stream does what it was given when somebody waits for it, or when chance has it, in
//! any order with what others do. Memory that was not cleared holds no numbers.
//!
//! It cannot show what an actual driver does beyond its documentation, nor anything of speed.

mod cublas;
mod driver;
mod libraries;
mod machine;
mod nvrtc;

use std::{ffi::c_void, sync::OnceLock};

use super::{Cuda, libraries::Library, simulator::Simulated};
use crate::{Error, Result};

use machine::Machine;

/// What all libraries say their version is. No release has this number: what is compiled here is not mistaken for what
/// others compiled.
const VERSION: [i32; 2] = [13, 99];
const VERSION_NAME: &str = "13.99";

/// A function's name and where it is.
type Symbol = (&'static str, Address);

/// Where a function is.
#[derive(Clone, Copy)]
struct Address(*const c_void);

// SAFETY: functions are there for all threads.
unsafe impl Sync for Address {}

/// Functions of this crate's by the names that libraries give them.
macro_rules! symbols {
    ($($name:literal => $function:ident),* $(,)?) => {
        &[$(($name, $crate::cuda::rehearsal::Address($function as *const std::ffi::c_void))),*]
    };
}
use symbols;

/// Memory of the device, unless it was given another amount.
const MEMORY_BYTES: usize = 2 << 30;

impl Cuda {
    /// A simulated device behind CUDA's own interfaces, which is `cuda:0` in this process from the first call on.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where CUDA's own libraries are found, or were looked for before, and without a C++ compiler.
    pub fn rehearsed() -> Result<Self> {
        Self::rehearsed_with_memory(MEMORY_BYTES)
    }

    /// The same, of so many bytes if this is the first call.
    ///
    /// # Errors
    /// As [`rehearsed`](Self::rehearsed).
    pub fn rehearsed_with_memory(bytes: usize) -> Result<Self> {
        static BEGUN: OnceLock<Result<(), String>> = OnceLock::new();
        let unavailable =
            |reason| Error::Unavailable { backend: "cuda-rehearsed".to_owned(), reason };
        BEGUN.get_or_init(|| begin(bytes)).clone().map_err(unavailable)?;
        Self::open(0)
    }
}

fn begin(memory_bytes: usize) -> Result<(), String> {
    let device = Simulated::new(0).map_err(|error| error.to_string())?;
    libraries::provide(&device)?;
    *machine::lock() = Some(Machine::new(device, memory_bytes));
    for library in [Library::Driver, Library::Nvrtc, Library::Cublas] {
        library.find()?;
        if library.version_name() != VERSION_NAME {
            return Err(format!("{library:?} was found, but not the one that is rehearsed"));
        }
    }
    Ok(())
}
