//! Backends and kernels: memory, dense algebra, decoder training and reductions. Knows nothing of networks.
//!
//! A backend is a [`Backend`] (memory only) plus one small trait per family of operations, so that each consumer names
//! exactly what it needs and porting a new device can go one family at a time. Three rules hold for every backend:
//!
//! * **Same seed, same numbers.** Random draws are indexed by (seed, stream, element), see [`random`].
//! * **Threads change nothing.** How rows are divided among threads changes no element of a product, and every reduction
//!   adds blocks whose size depends on the shapes alone, in a fixed order.
//! * **Rounding is all that differs.** [`conformance`] runs the same checks on every backend.
//!
//! # Shape letters
//! Used throughout the workspace: `B` samples in a batch, `D` width of a layer, `L` depth in weight layers, `K` classes.
//! Matrices are row-major with one sample per row, `[B, D]`; weights are `[outputs, inputs]`.

pub mod backend;
#[cfg(feature = "conformance")]
pub mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
mod error;
mod ops;
mod precision;
pub mod random;
mod reference;
mod spec;
mod toolkit;

pub use backend::{Backend, Element, HOST_SPARE_BYTES, HostBuffer};
pub use cpu::{Cpu, SimdLevel, row_minimum, row_sum, symmetric_eigenvalues};
pub use error::{Error, Result};
pub use isobath_architecture::{Activation, Boundary, PoolKind};
pub use ops::*;
pub use precision::Precision;
pub use reference::{Reference, activation_value};
pub use spec::{BackendSpec, BackendTask};
pub use toolkit::{
    CheckedKernel, CudaPart, CudaState, Resources, check_cuda_kernels, cuda_kernels_not_kept,
    cuda_state,
};
