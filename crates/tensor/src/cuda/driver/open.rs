//! Checks before a device is opened: libraries, driver, device, settings.

use std::env;

use cudarc::driver::{
    CudaContext,
    result::{self, DriverError},
};

use super::lease::Lease;
use crate::{
    Error, Result,
    cuda::{libraries::Library, nvrtc},
};

/// A stream of the device numbered `ordinal`.
///
/// # Errors
/// [`Error::Unavailable`] that says what is missing and what to do.
pub(super) fn stream(ordinal: usize) -> Result<Lease> {
    let backend = format!("cuda:{ordinal}");
    let unavailable = |reason: String| Error::Unavailable { backend: backend.clone(), reason };
    for library in [Library::Driver, Library::Nvrtc, Library::Cublas] {
        library.find().map_err(unavailable)?;
    }
    check_override(env::var(OVERRIDE_VARIABLE).ok().as_deref()).map_err(unavailable)?;
    let failed = |error: DriverError| unavailable(format!("the driver says: {error}"));
    result::init().map_err(failed)?;
    let count = CudaContext::device_count().map_err(failed)?;
    if ordinal >= count.max(0) as usize {
        return Err(unavailable(devices_there_are(count)));
    }
    let lease = Lease::new(ordinal).map_err(failed)?;
    nvrtc::check_architecture(&lease.architecture)
        .map_err(|error| unavailable(error.to_string()))?;
    Ok(lease)
}

fn devices_there_are(count: i32) -> String {
    match count {
        0 => "this machine has no CUDA device".to_owned(),
        1 => "this machine has one CUDA device, cuda:0".to_owned(),
        _ => format!("this machine has {count} CUDA devices, cuda:0 to cuda:{}", count - 1),
    }
}

/// Variable that sets cuBLAS's precision, over that of each product.
const OVERRIDE_VARIABLE: &str = "NVIDIA_TF32_OVERRIDE";

/// Refuses a value that would round the factors of products in f32.
fn check_override(value: Option<&str>) -> Result<(), String> {
    if value.is_none_or(|value| value.trim() == "0") {
        return Ok(());
    }
    Err(format!(
        "{OVERRIDE_VARIABLE} is set, with which cuBLAS rounds factors in f32 as in tf32; unset it, and set precisions in \
         the experiment file"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tf32_override_is_refused() {
        assert!([None, Some("0")].into_iter().all(|value| check_override(value).is_ok()));
        let error = check_override(Some("1")).unwrap_err();
        assert!(error.contains(OVERRIDE_VARIABLE) && error.contains("unset"), "{error}");
    }
}
