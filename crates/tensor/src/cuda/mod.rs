//! The CUDA backend.
//!
//! Everything is written against [`device::Device`]: memory, launches of kernels and products. Below it is the CUDA
//! driver ([`Driver`]) or, in tests, a simulator that runs the same kernels' sources on the processor (crate
//! `isobath-cuda-sim`). So the host's work around a kernel, the shapes, the arguments, the sizes of blocks, is tested
//! where there is no GPU.
//!
//! Kernels are header-free `.cu` files, each in its operation's folder, compiled for the device at hand on first use.
#![expect(unsafe_code, reason = "the driver's interface is C")]

pub(crate) mod activation;
pub(crate) mod argument;
pub(crate) mod backend;
pub(crate) mod buffer;
#[doc(hidden)]
pub mod cache;
mod check;
pub mod device;
mod driver;
pub(crate) mod kernel;
pub(crate) mod launch;
mod libraries;
mod nvrtc;
pub(crate) mod product;
mod state;

pub use backend::Cuda;
pub use buffer::CudaBuffer;
pub use check::{check_kernels, kernel_files};
pub use driver::Driver;
pub use libraries::{LIBRARIES_VARIABLE, Library};
pub use nvrtc::{CACHE_VARIABLE, not_kept};
pub use state::state;
