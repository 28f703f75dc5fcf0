//! A simulated CUDA device and a mock of CUDA's driver. Only tests depend on this crate; no release program contains it.
//!
//! [`Simulated`] is a device that runs the kernels' sources on the processor, see [`simulator`].
//! [`mock_driver::open`] opens the CUDA backend itself, with libraries of this crate in the place of CUDA's, see
//! [`mock_driver`]. Both need a C++ compiler; without one they return an error, and tests skip.
#![expect(unsafe_code, reason = "loads compiled kernels, and implements CUDA's interfaces in C")]

pub mod mock_driver;
pub mod simulator;

pub use simulator::{Settings, Simulated, simulated, simulated_with_seed};
