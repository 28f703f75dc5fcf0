//! Libraries that have the names of CUDA's and jump to functions of this crate's.

use std::{ffi::c_void, fmt::Write};

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

use super::{Symbol, cublas, driver, nvrtc};
use crate::simulator::Simulated;

/// Each library's name and its functions, which stay where they are.
const LIBRARIES: [(&str, &[Symbol]); 5] = [
    ("libcuda.so.1", driver::SYMBOLS),
    ("libnvrtc-builtins.so.13", &[]),
    ("libnvrtc.so.13", nvrtc::SYMBOLS),
    ("libcublasLt.so.13", &[]),
    ("libcublas.so.13", cublas::SYMBOLS),
];

/// Makes the libraries and opens them, so that whoever asks the loader for them by name is given these.
///
/// # Errors
/// A sentence, where the machine has a driver of its own or the libraries cannot be made.
pub(super) fn provide(device: &Simulated) -> Result<(), String> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Err("the jumps are written for Linux on x86-64".to_owned());
    }
    let (driver, _) = LIBRARIES[0];
    // SAFETY: opening a driver's library runs nothing but its initialisation.
    if unsafe { libloading::Library::new(driver) }.is_ok() {
        return Err(format!("this machine has a {driver} of its own"));
    }
    for (name, functions) in LIBRARIES {
        let library = device.link(name, &jumps(functions)).map_err(|error| error.to_string())?;
        // SAFETY: the library has no initialisation.
        let library = unsafe { Library::open(Some(library), RTLD_NOW | RTLD_GLOBAL) }
            .map_err(|error| error.to_string())?;
        fill(&library, functions).map_err(|error| error.to_string())?;
        std::mem::forget(library);
    }
    Ok(())
}

/// A program in C++ whose functions jump to the addresses in a table, which is filled in later.
fn jumps(functions: &[Symbol]) -> String {
    let mut program = String::from("__asm__(R\"(\n.text\n");
    for (index, (name, _)) in functions.iter().enumerate() {
        let _ = writeln!(program, ".globl {name}\n.type {name}, @function");
        let _ = writeln!(program, "{name}: jmp *targets+{}(%rip)", 8 * index);
    }
    let bytes = 8 * functions.len().max(1);
    let _ = writeln!(program, ".globl isobath_targets\n.type isobath_targets, @function");
    let _ = writeln!(program, "isobath_targets: lea targets(%rip), %rax\nret");
    let _ = writeln!(program, ".local targets\n.comm targets, {bytes}, 16\n)\");");
    program
}

/// Fills the library's table of jumps with `functions`.
fn fill(library: &Library, functions: &[Symbol]) -> Result<(), libloading::Error> {
    // SAFETY: the function is of this type, and its table as long as there are functions; nobody calls them yet.
    unsafe {
        let targets = library.get::<extern "C" fn() -> *mut *const c_void>(b"isobath_targets")?();
        for (index, (_, function)) in functions.iter().enumerate() {
            targets.add(index).write(function.0);
        }
    }
    Ok(())
}
