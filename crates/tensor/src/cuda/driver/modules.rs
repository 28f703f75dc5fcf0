//! Kernels loaded into devices, for as long as the program runs.

use std::{
    collections::HashMap,
    ffi::CString,
    sync::{Arc, Mutex, PoisonError},
};

use cudarc::driver::{result::module, sys::CUfunction};

use crate::{
    Error, Result,
    cuda::{kernel::Kernel, nvrtc},
};

/// A kernel in a module that is never unloaded.
#[derive(Clone, Copy)]
pub(super) struct Function(pub(super) CUfunction);

// SAFETY: a handle that the driver lets any thread use.
unsafe impl Send for Function {}

/// The kernel on the device `label`, which must be this thread's; compiled and loaded at its first use.
pub(super) fn function(label: &str, kernel: &Kernel, architecture: &str) -> Result<Function> {
    type Slot = Arc<Mutex<Option<Function>>>;
    static LOADED: Mutex<Option<HashMap<String, Slot>>> = Mutex::new(None);
    let key = format!("{label} {}.{} {:?}", kernel.source.name, kernel.name, kernel.defines);
    // Whoever wants a kernel that is there need not wait while another is compiled.
    let slot = {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(loaded.get_or_insert_default().entry(key).or_default())
    };
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(function) = *slot {
        return Ok(function);
    }
    let compiled = nvrtc::compile(kernel, architecture)?;
    let function = load(&compiled.cubin, kernel.name).map_err(|reason| Error::Device {
        backend: label.to_owned(),
        action: format!("load `{}`", kernel.name),
        reason,
    })?;
    Ok(*slot.insert(function))
}

fn load(cubin: &[u8], name: &str) -> Result<Function, String> {
    let name = CString::new(name).map_err(|error| error.to_string())?;
    // SAFETY: an executable that the compiler made for this device, and a kernel of it.
    let function = unsafe {
        module::load_data(cubin.as_ptr().cast())
            .and_then(|module| module::get_function(module, name))
    };
    function.map(Function).map_err(|error| format!("{error:?}"))
}
