//! Interface between the backend and a device, and what passes through it.
//!
//! [`Driver`](super::Driver) is the device that CUDA's driver opens. Another implementation can run the same kernels
//! elsewhere: [`Cuda::with_device`](super::Cuda::with_device) makes a backend of it.

use std::fmt::Debug;

pub use super::{
    argument::Argument,
    kernel::{COMMON_PRELUDE, DEVICE_PRELUDE, Kernel, Source},
    launch::{Launch, Limits},
    product::ColumnMajorProduct,
};
use crate::Result;

/// Memory of a device, freed when dropped.
pub trait Memory: Debug + Send + Sync {
    /// Address of its first byte, as kernels see it.
    fn address(&self) -> u64;
}

/// A device. All work is done in the order it is given; only
/// [`download`](Self::download) and [`synchronize`](Self::synchronize) wait for it.
///
/// Offsets and lengths are in bytes and have been checked.
pub trait Device: Clone + Debug + Send + Sync + 'static {
    /// Its memory.
    type Memory: Memory;

    /// The name an experiment file uses for it.
    fn label(&self) -> String;

    /// Its name and properties, for users.
    fn description(&self) -> String;

    /// Sizes that launches have to fit.
    fn limits(&self) -> Limits;

    /// Bytes of memory it has, in use or not.
    fn memory_bytes(&self) -> usize;

    /// True if a kernel may be compiled for every combination of an activation and an optimiser.
    fn compiles_quickly(&self) -> bool;

    /// `bytes` bytes that hold anything, at least one, aligned to 256.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) saying how much was needed when there is not enough memory.
    fn allocate(&self, bytes: usize) -> Result<Self::Memory>;

    /// Makes all of it zeros.
    ///
    /// # Errors
    /// When the driver fails.
    fn clear(&self, memory: &mut Self::Memory) -> Result<()>;

    /// Copies `host` to `memory[offset..]`.
    ///
    /// # Errors
    /// When the driver fails.
    fn upload(&self, memory: &mut Self::Memory, offset: usize, host: &[u8]) -> Result<()>;

    /// Waits for all work given so far and copies `memory[offset..]` to `host`.
    ///
    /// # Errors
    /// When that work or the driver fails.
    fn download(&self, memory: &Self::Memory, offset: usize, host: &mut [u8]) -> Result<()>;

    /// Copies `bytes` bytes from `source` to `target`, each a memory and an offset.
    ///
    /// # Errors
    /// When the driver fails.
    fn copy(
        &self,
        source: (&Self::Memory, usize),
        target: (&mut Self::Memory, usize),
        bytes: usize,
    ) -> Result<()>;

    /// Starts a kernel.
    ///
    /// # Safety
    /// `arguments` are the kernel's, in number, order and type; every address among them begins memory of this device
    /// that is as long as the kernel takes it to be, and that lives until it is next used or dropped.
    ///
    /// # Errors
    /// When the kernel does not compile or the driver fails.
    unsafe fn launch(&self, kernel: &Kernel, launch: Launch, arguments: &[Argument]) -> Result<()>;

    /// A product of matrices.
    ///
    /// # Safety
    /// The memories are as long as `product` needs, and `c` is neither of the others.
    ///
    /// # Errors
    /// When the library fails.
    unsafe fn product(&self, product: &ColumnMajorProduct, addresses: [u64; 3]) -> Result<()>;

    /// Work that can be repeated.
    type Recording: Debug + Send;

    /// Records what `work` gives the device to do, which is not done yet.
    ///
    /// # Errors
    /// Those of `work`; when it does what cannot be recorded.
    fn record(&self, work: &mut dyn FnMut() -> Result<()>) -> Result<Self::Recording>;

    /// Starts what was recorded.
    ///
    /// # Errors
    /// When the driver fails.
    fn repeat(&self, recording: &Self::Recording) -> Result<()>;

    /// Waits until all work given so far is done.
    ///
    /// # Errors
    /// When that work failed.
    fn synchronize(&self) -> Result<()>;
}
