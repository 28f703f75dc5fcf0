//! The CUDA backend.
//!
//! Everything is written against `Device`: memory, launches of kernels and products. Below it is either the CUDA
//! driver ([`Driver`]) or, in tests, the simulator, which runs the same kernels' sources on the processor. So what the
//! host does around a kernel, the shapes, the arguments, the sizes of blocks, is tested where there is no GPU.
//!
//! Kernels are header-free `.cu` files, compiled for the device at hand on first use.
#![expect(unsafe_code, reason = "the driver's interface is C")]

mod activation;
mod backward;
mod batch_entropy;
mod batched_gemm;
mod buffer;
mod cache;
mod check;
mod decoder;
mod device;
mod divergence;
mod driver;
mod gather;
mod gemm;
mod kernel;
mod libraries;
mod loss;
mod moments;
mod nvrtc;
mod optimizer;
mod pointwise;
mod product;
mod random_fill;
#[cfg(feature = "test-util")]
mod rehearsal;
mod replay;
#[cfg(feature = "test-util")]
mod simulator;
mod state;
mod wide_decoder;

pub use buffer::CudaBuffer;
pub use check::check_kernels;
pub use driver::Driver;
pub use libraries::{LIBRARIES_VARIABLE, Library};
pub use nvrtc::{CACHE_VARIABLE, not_kept};
pub use optimizer::CudaStep;
pub use replay::CudaRecording;
#[cfg(feature = "test-util")]
pub use simulator::Simulated;
pub use state::state;

use crate::FitRidge;
use device::Device;

/// A CUDA device: `cuda:0`.
///
/// Every clone of a backend works on the one stream it was opened with; work on different streams overlaps.
#[derive(Clone, Debug)]
pub struct Cuda<D = Driver> {
    device: D,
}

impl<D: Device> FitRidge for Cuda<D> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    /// In unit tests launches have few blocks, see `Launch`.
    #[test]
    fn kernels_loop() {
        let backend = match Cuda::simulated() {
            Ok(backend) => backend,
            Err(error) => return eprintln!("skipped: {error}"),
        };
        for finding in conformance::run(&backend, 4, 7).unwrap() {
            assert!(finding.passed(), "{finding:#?}");
        }
    }
}
