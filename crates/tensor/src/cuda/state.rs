use cudarc::driver::{CudaContext, result};

use super::{backend::Cuda, libraries::Library, nvrtc};
use crate::{Backend, CudaPart, CudaState};

/// Looks for CUDA's libraries and devices; opens each device for a moment.
pub fn state() -> CudaState {
    let libraries =
        [(Library::Driver, "driver"), (Library::Nvrtc, "NVRTC"), (Library::Cublas, "cuBLAS")];
    let part = |(library, name): (Library, &'static str)| CudaPart {
        name,
        version: library.find().map(|()| library.version_name()),
    };
    CudaState { parts: libraries.map(part).into(), devices: devices(), kernels: nvrtc::keeping() }
}

fn devices() -> Vec<Result<String, String>> {
    if Library::Driver.find().is_err() {
        return Vec::new();
    }
    let count = result::init().and_then(|()| CudaContext::device_count());
    let open = |ordinal| match Cuda::open(ordinal) {
        Ok(backend) => Ok(backend.description()),
        Err(error) => Err(error.to_string()),
    };
    match count {
        Ok(count) => (0..count.max(0) as usize).map(open).collect(),
        Err(error) => vec![Err(format!("the driver cannot be used: {error}"))],
    }
}
